// Messages as they are stored in the messages space (docs/topics-format.md; change both together).
//
//   key:   topic number u32 big-endian | partition u16 big-endian | offset u64 big-endian
//   value: header (28 bytes) | message key | user | payload
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "topics/topic.h"

namespace kalam::topics {

inline constexpr uint32_t kPartitionsMax = 1'024;

// 14 bytes: fits a string without allocation.
std::string MessageKey(TopicNumber topic, uint32_t partition, uint64_t offset);
// The offset of a key that MessageKey made.
uint64_t OffsetOf(std::string_view message_key);

// One message. Views point into the bytes that it was decoded from, or that it will be encoded from.
struct Message {
  Operation operation = Operation::kInsert;
  int64_t timestamp_ms = 0;  // wall clock of the commit; never descends within a partition
  uint64_t position = 0;     // bytes of all earlier messages of the partition, removed ones too
  std::optional<std::string_view> key;
  std::optional<std::string_view> user;
  std::string_view payload;  // JSON
};

// What a message counts for retention and positions: key and value as stored.
size_t MessageBytes(const Message& message);

void AppendMessage(const Message& message, std::string& out);
// kCorruption says what is wrong.
Result<Message> DecodeMessage(std::string_view value);

}  // namespace kalam::topics
