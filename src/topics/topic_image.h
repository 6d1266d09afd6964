// TopicImage: a topic as a backup has it: its definition with its sources, where each partition ended and how
// far each consumer group was. Messages are not part of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hot/store.h"

namespace kalam::topics {

struct TopicImage {
  struct End {
    int64_t offset = 0;    // of the next message
    int64_t position = 0;  // bytes of all messages before it
  };
  struct Group {
    int64_t partition = 0;
    std::string name;
    int64_t acknowledged = 0;
    int64_t updated_at_ms = 0;
  };
  std::string name;
  std::string record;     // docs/topics-format.md
  std::vector<End> ends;  // of the partitions
  std::vector<Group> groups;
};

// The topics of the namespace at the snapshot; of all for an empty one.
Result<std::vector<TopicImage>> ReadTopics(const hot::Store& store, const hot::Snapshot& snapshot,
                                           std::string_view ns);

}  // namespace kalam::topics
