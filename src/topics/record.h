// The stored form of topics in the meta space (docs/topics-format.md; change both together). Private to
// topics.
//
//   topics/next_number                          -> the next topic's number
//   topic/<name>                                -> the definition
//   topic_floor/<number>/<partition>            -> where the partition begins
//   topic_group/<number>/<partition>/<group>    -> what the group has acknowledged
//   topic_removed/<number>                      -> a dropped topic whose messages are still there
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "topics/topic.h"

namespace kalam::topics {

inline constexpr std::string_view kNextNumberKey = "topics/next_number";
inline constexpr std::string_view kTopicPrefix = "topic/";
inline constexpr std::string_view kFloorPrefix = "topic_floor/";
inline constexpr std::string_view kGroupPrefix = "topic_group/";
inline constexpr std::string_view kRemovedPrefix = "topic_removed/";

std::string TopicKey(std::string_view name);
std::string FloorKey(TopicNumber topic, uint32_t partition);
std::string GroupKey(TopicNumber topic, uint32_t partition, std::string_view group);
std::string GroupsPrefix(TopicNumber topic);  // of all its groups
std::string RemovedKey(TopicNumber topic);
Result<TopicNumber> DecodeRemovedKey(std::string_view key);

// The parts of a group's key.
struct GroupId {
  TopicNumber topic;
  uint32_t partition = 0;
  std::string group;
};
Result<GroupId> DecodeGroupKey(std::string_view key);

// Definitions and removed topics: JSON. kCorruption says what is wrong; the caller adds the key.
std::string EncodeTopic(const Topic& topic);
Result<Topic> DecodeTopic(std::string_view json);

std::string EncodeNumber(TopicNumber number);
Result<TopicNumber> DecodeNumber(std::string_view text);

// The first offset that a partition still has, and the bytes of everything before it.
struct Floor {
  uint64_t offset = 0;
  uint64_t position = 0;
};
std::string EncodeFloor(const Floor& floor);
Result<Floor> DecodeFloor(std::string_view bytes);

struct GroupOffset {
  uint64_t acknowledged = 0;
  int64_t updated_at_ms = 0;
};
std::string EncodeGroupOffset(const GroupOffset& offset);
Result<GroupOffset> DecodeGroupOffset(std::string_view bytes);

}  // namespace kalam::topics
