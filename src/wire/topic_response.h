// The answer of POST /v1/api/topics/consume, written while the messages are read:
//   {"messages":[{"topic_id":"shop.orders","partition_id":0,"offset":7,"payload":"eyJpZCI6IjEifQ==","key":"1",
//    "timestamp_ms":1767225600000,"user":"alice","op":"Insert"}],"next_offset":8,"has_more":false}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kalam::wire {

// Not thread-safe.
class TopicMessages {
 public:
  TopicMessages(std::string_view topic_id, uint32_t partition_id);

  struct Message {
    uint64_t offset = 0;
    std::string_view payload;  // becomes base64
    std::optional<std::string_view> key;
    int64_t timestamp_ms = 0;
    std::optional<std::string_view> user;  // left out when unknown
    std::string_view op;                   // "Insert"; needs no escapes
  };
  void Add(const Message& message);
  // The body; the object is spent afterwards.
  std::string Finish(uint64_t next_offset, bool has_more) &&;

 private:
  std::string head_;  // of each message, up to its offset
  std::string body_;
};

}  // namespace kalam::wire
