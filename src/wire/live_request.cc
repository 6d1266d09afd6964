#include "wire/live_request.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "wire/json_text.h"
#include "wire/message_pack.h"

namespace kalam::wire {
namespace {

namespace dom = simdjson::dom;

// Larger buffers are given back after use.
constexpr size_t kKeptBytesMax = 64 << 10;
// A message is never longer than the transport's limit; its JSON may be, by escapes.
constexpr size_t kPackJsonFactor = 6;

std::unexpected<Error> Invalid(std::string why) { return Fail(ErrorCode::kInvalidInput, std::move(why)); }

std::unexpected<Error> WrongType(std::string_view field, std::string_view expected) {
  return Invalid("field `" + std::string(field) + "` must be " + std::string(expected));
}

// The member, or nullopt when absent or null.
std::optional<dom::element> Member(dom::object object, std::string_view name) {
  dom::element value;
  if (object.at_key(name).get(value) || value.is_null()) return std::nullopt;
  return value;
}

Result<std::optional<std::string_view>> OptionalText(dom::object object, std::string_view name) {
  const auto value = Member(object, name);
  if (!value) return std::nullopt;
  std::string_view text;
  if (value->get_string().get(text)) return WrongType(name, "a string");
  return text;
}

Result<std::string> Text(dom::object object, std::string_view name) {
  KALAM_ASSIGN(const auto text, OptionalText(object, name));
  if (!text) return Invalid("missing field `" + std::string(name) + "`");
  return std::string(*text);
}

Result<std::optional<dom::object>> OptionalObject(dom::object object, std::string_view name) {
  const auto value = Member(object, name);
  if (!value) return std::nullopt;
  dom::object inner;
  if (value->get_object().get(inner)) return WrongType(name, "an object");
  return inner;
}

// An exact 64-bit integer as a number, an integral double that is exact, or decimal text.
Result<int64_t> ToInteger(dom::element value, std::string_view name) {
  constexpr double kExactDouble = 9'007'199'254'740'992.0;  // 2^53
  int64_t number = 0;
  if (!value.get_int64().get(number)) return number;
  double real = 0;
  if (value.is_double() && !value.get_double().get(real) && std::trunc(real) == real &&
      std::fabs(real) <= kExactDouble) {
    return static_cast<int64_t>(real);
  }
  std::string_view text;
  if (!value.get_string().get(text)) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec == std::errc() && end.ptr == text.data() + text.size()) return number;
  }
  return WrongType(name, "a 64-bit integer, as a number or a decimal string");
}

Result<std::optional<int64_t>> OptionalInteger(dom::object object, std::string_view name) {
  const auto value = Member(object, name);
  if (!value) return std::nullopt;
  KALAM_ASSIGN(const int64_t number, ToInteger(*value, name));
  return number;
}

Result<std::optional<int64_t>> OptionalCount(dom::object object, std::string_view name, int64_t max) {
  KALAM_ASSIGN(const auto number, OptionalInteger(object, name));
  if (number && (*number < 0 || *number > max)) {
    return WrongType(name, "a number from 0 to " + std::to_string(max));
  }
  return number;
}

Result<LiveRequest> ReadAuthenticate(dom::object object) {
  LiveAuthenticate request;
  KALAM_ASSIGN(const auto method, OptionalText(object, "method"));
  if (method && *method != "jwt") return WrongType("method", "jwt");
  KALAM_ASSIGN(request.token, Text(object, "token"));
  KALAM_ASSIGN(const auto protocol, OptionalObject(object, "protocol"));
  if (!protocol) return request;
  KALAM_ASSIGN(const auto serialization, OptionalText(*protocol, "serialization"));
  if (serialization && *serialization != "json" && *serialization != "msgpack") {
    return WrongType("serialization", "json or msgpack");
  }
  if (serialization == "msgpack") request.protocol.encoding = LiveEncoding::kMessagePack;
  KALAM_ASSIGN(const auto compression, OptionalText(*protocol, "compression"));
  if (compression && *compression != "gzip" && *compression != "none") {
    return WrongType("compression", "gzip or none");
  }
  request.protocol.gzip = compression != "none";
  return request;
}

Result<LiveOptions> ReadOptions(dom::object object) {
  LiveOptions options;
  KALAM_ASSIGN(const auto batch_size, OptionalCount(object, "batch_size", INT64_MAX));
  if (batch_size) options.batch_size = static_cast<uint64_t>(*batch_size);
  KALAM_ASSIGN(const auto last_rows, OptionalCount(object, "last_rows", UINT32_MAX));
  if (last_rows) options.last_rows = static_cast<uint32_t>(*last_rows);
  KALAM_ASSIGN(options.from, OptionalInteger(object, "from"));
  if (!options.from) {
    KALAM_ASSIGN(options.from, OptionalInteger(object, "from_seq_id"));
  }
  return options;
}

Result<LiveRequest> ReadSubscribe(dom::object object) {
  KALAM_ASSIGN(const auto inner, OptionalObject(object, "subscription"));
  if (!inner) return Invalid("missing field `subscription`");
  LiveSubscribe request;
  KALAM_ASSIGN(request.id, Text(*inner, "id"));
  KALAM_ASSIGN(request.sql, Text(*inner, "sql"));
  KALAM_ASSIGN(const auto options, OptionalObject(*inner, "options"));
  if (options) {
    KALAM_ASSIGN(request.options, ReadOptions(*options));
  }
  return request;
}

Result<LiveRequest> ReadNextBatch(dom::object object) {
  LiveNextBatch request;
  KALAM_ASSIGN(request.subscription_id, Text(object, "subscription_id"));
  KALAM_ASSIGN(request.last_seq_id, OptionalInteger(object, "last_seq_id"));
  return request;
}

Result<LiveRequest> ReadUnsubscribe(dom::object object) {
  LiveUnsubscribe request;
  KALAM_ASSIGN(request.subscription_id, Text(object, "subscription_id"));
  return request;
}

Result<LiveRequest> ReadMessage(dom::object object) {
  KALAM_ASSIGN(const std::string type, Text(object, "type"));
  if (type == "ping") return LivePing{};
  if (type == "next_batch") return ReadNextBatch(object);
  if (type == "subscribe") return ReadSubscribe(object);
  if (type == "unsubscribe") return ReadUnsubscribe(object);
  if (type == "authenticate") return ReadAuthenticate(object);
  return WrongType("type", "authenticate, subscribe, next_batch, unsubscribe or ping");
}

}  // namespace

std::string LiveOptionsJson(const LiveOptions& options) {
  std::string out = "{";
  const auto key = [&](std::string_view name) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonKey(name, out);
  };
  if (options.batch_size) {
    key("batch_size");
    AppendUnsigned(*options.batch_size, out);
  }
  if (options.last_rows) {
    key("last_rows");
    AppendUnsigned(*options.last_rows, out);
  }
  if (options.from) {
    key("from");
    AppendInteger(*options.from, out);
  }
  out.push_back('}');
  return out;
}

struct LiveRequestReader::Parser {
  dom::parser parser;
  std::string json;  // the message, with the padding behind it that simdjson reads
};

LiveRequestReader::LiveRequestReader() : parser_(std::make_unique<Parser>()) {}
LiveRequestReader::~LiveRequestReader() = default;

Result<LiveRequest> LiveRequestReader::ReadJson(std::string_view json) {
  if (parser_->json.capacity() > kKeptBytesMax && json.size() <= kKeptBytesMax) {
    parser_ = std::make_unique<Parser>();
  }
  parser_->json.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  parser_->json.assign(json);
  dom::element root;
  const auto error = parser_->parser.parse(parser_->json.data(), parser_->json.size(), false).get(root);
  if (error) return Invalid(simdjson::error_message(error));
  dom::object object;
  if (root.get_object().get(object)) return Invalid("expected an object with the field `type`");
  return ReadMessage(object);
}

Result<LiveRequest> LiveRequestReader::ReadPack(std::string_view bytes) {
  KALAM_ASSIGN(const std::string json, PackToJson(bytes, kPackJsonFactor * bytes.size() + 64));
  return ReadJson(json);
}

}  // namespace kalam::wire
