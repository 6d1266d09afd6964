#include "wire/topic_response.h"

#include <utility>

#include "wire/base64.h"
#include "wire/json_text.h"

namespace kalam::wire {

TopicMessages::TopicMessages(std::string_view topic_id, uint32_t partition_id) : body_(R"({"messages":[)") {
  head_ = R"({"topic_id":)";
  AppendJsonString(topic_id, head_);
  head_ += R"(,"partition_id":)";
  AppendUnsigned(partition_id, head_);
  head_ += R"(,"offset":)";
}

void TopicMessages::Add(const Message& message) {
  if (body_.back() == '}') body_.push_back(',');
  body_ += head_;
  AppendUnsigned(message.offset, body_);
  body_ += R"(,"payload":")";
  AppendBase64(message.payload, body_);
  body_ += R"(","key":)";
  if (message.key) {
    AppendJsonString(*message.key, body_);
  } else {
    body_ += "null";
  }
  body_ += R"(,"timestamp_ms":)";
  AppendInteger(message.timestamp_ms, body_);
  if (message.user) {
    body_ += R"(,"user":)";
    AppendJsonString(*message.user, body_);
  }
  body_ += R"(,"op":")";
  body_.append(message.op).append(R"("})");
}

std::string TopicMessages::Finish(uint64_t next_offset, bool has_more) && {
  body_ += R"(],"next_offset":)";
  AppendUnsigned(next_offset, body_);
  body_ += has_more ? R"(,"has_more":true})" : R"(,"has_more":false})";
  return std::move(body_);
}

}  // namespace kalam::wire
