#include "wire/topic_request.h"

#include <simdjson.h>

#include <algorithm>

namespace kalam::wire {
namespace {

namespace dom = simdjson::dom;

std::unexpected<Error> Invalid(std::string why) {
  return Fail(ErrorCode::kInvalidInput, "Json deserialize error: " + std::move(why));
}

// One body and its first fault.
class Body {
 public:
  Status Parse(std::string_view json) {
    // Views of nothing may point nowhere, and simdjson copies from where they point.
    if (json.empty()) return Invalid(simdjson::error_message(simdjson::EMPTY));
    dom::element root;
    if (const auto error = parser_.parse(json.data(), json.size()).get(root)) {
      return Invalid(simdjson::error_message(error));
    }
    if (root.get_object().get(object_)) return Invalid("expected an object");
    return {};
  }

  Status Name(const char* name, std::string& out) const {
    dom::element field;
    if (object_.at_key(name).get(field)) return Invalid(std::string("missing field `") + name + "`");
    std::string_view text;
    if (field.get_string().get(text)) {
      return Invalid(std::string("invalid type for field `") + name + "`, expected a string");
    }
    if (text.empty()) return Invalid(std::string("field `") + name + "` must not be empty");
    out = text;
    return {};
  }

  Status Number(const char* name, uint64_t max, std::optional<uint64_t>& out) const {
    dom::element field;
    if (object_.at_key(name).get(field) || field.is_null()) return {};
    uint64_t number = 0;
    if (field.get_uint64().get(number) || number > max) {
      return Invalid(std::string("invalid value for field `") + name +
                     "`, expected a whole number of at most " + std::to_string(max));
    }
    out = number;
    return {};
  }

  Status Partition(uint32_t& out) const {
    std::optional<uint64_t> number;
    if (Status read = Number("partition_id", UINT32_MAX, number); !read) return read;
    if (number) out = static_cast<uint32_t>(*number);
    return {};
  }

  Status Start(TopicConsumeRequest& out) const {
    dom::element field;
    if (object_.at_key("start").get(field) || field.is_null()) return {};
    std::string_view text;
    if (!field.get_string().get(text)) {
      std::string lower(text);
      for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      if (lower == "latest" || lower == "earliest") {
        out.start =
            lower == "latest" ? TopicConsumeRequest::Start::kLatest : TopicConsumeRequest::Start::kEarliest;
        return {};
      }
    }
    dom::object object;
    uint64_t offset = 0;
    if (!field.get_object().get(object) && object.size() == 1 &&
        (!object.at_key("Offset").get_uint64().get(offset) ||
         !object.at_key("offset").get_uint64().get(offset)) &&
        offset <= INT64_MAX) {
      out.start = TopicConsumeRequest::Start::kOffset;
      out.offset = offset;
      return {};
    }
    return Invalid(R"(invalid value for field `start`, expected "Latest", "Earliest" or {"Offset": n})");
  }

 private:
  dom::parser parser_;
  dom::object object_;
};

}  // namespace

Result<TopicConsumeRequest> ParseTopicConsumeRequest(std::string_view json) {
  Body body;
  TopicConsumeRequest request;
  std::optional<uint64_t> limit;
  std::optional<uint64_t> timeout;
  KALAM_TRY(body.Parse(json));
  KALAM_TRY(body.Name("topic_id", request.topic_id));
  KALAM_TRY(body.Name("group_id", request.group_id));
  KALAM_TRY(body.Start(request));
  KALAM_TRY(body.Number("limit", UINT64_MAX, limit));
  KALAM_TRY(body.Number("timeout_seconds", UINT64_MAX, timeout));
  KALAM_TRY(body.Partition(request.partition_id));
  request.limit = limit.value_or(request.limit);
  request.timeout_seconds = timeout.value_or(0);
  return request;
}

Result<TopicAckRequest> ParseTopicAckRequest(std::string_view json) {
  Body body;
  TopicAckRequest request;
  std::optional<uint64_t> upto;
  KALAM_TRY(body.Parse(json));
  KALAM_TRY(body.Name("topic_id", request.topic_id));
  KALAM_TRY(body.Name("group_id", request.group_id));
  KALAM_TRY(body.Partition(request.partition_id));
  KALAM_TRY(body.Number("upto_offset", INT64_MAX, upto));
  if (!upto) return Invalid("missing field `upto_offset`");
  request.upto_offset = *upto;
  return request;
}

}  // namespace kalam::wire
