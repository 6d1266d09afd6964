// Group: one consumer group in one partition, with the acknowledgements that are on their way to the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "topics/group_cursor.h"

namespace kalam::topics {

// Told what the group has acknowledged durably.
using AckDone = std::move_only_function<void(Result<uint64_t>)>;

// `mu` guards everything below it and is never held while something is committed.
struct Group {
  Group(uint32_t partition_index, std::string group_name)
      : partition(partition_index), name(std::move(group_name)) {}

  const uint32_t partition;
  const std::string name;

  std::mutex mu;
  bool loaded = false;  // `cursor` knows what is stored
  GroupCursor cursor;
  // One acknowledgement is written at a time; those that come meanwhile share the next write.
  std::optional<uint64_t> writing;
  std::vector<AckDone> writing_done;
  std::optional<uint64_t> next;
  std::vector<AckDone> next_done;
};

}  // namespace kalam::topics
