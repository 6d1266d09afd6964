// The bodies of POST /v1/api/topics/consume and /ack, decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::wire {

struct TopicConsumeRequest {
  std::string topic_id;
  std::string group_id;
  enum class Start : uint8_t { kLatest, kEarliest, kOffset } start = Start::kLatest;
  uint64_t offset = 0;  // kOffset
  uint64_t limit = 100;
  uint32_t partition_id = 0;
  uint64_t timeout_seconds = 0;  // how long the caller would wait for a message
};

struct TopicAckRequest {
  std::string topic_id;
  std::string group_id;
  uint32_t partition_id = 0;
  uint64_t upto_offset = 0;
};

// Unknown fields are ignored. Errors: kInvalidInput "Json deserialize error: ...", for people.
Result<TopicConsumeRequest> ParseTopicConsumeRequest(std::string_view json);
Result<TopicAckRequest> ParseTopicAckRequest(std::string_view json);

}  // namespace kalam::wire
