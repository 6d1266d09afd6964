#include "wire/sql_request.h"

#include <simdjson.h>

#include <utility>

namespace kalam::wire {
namespace {

namespace dom = simdjson::dom;

// A body beyond this size is rare; its buffers are given back.
constexpr size_t kKeptBytesMax = 64 << 10;

std::unexpected<Error> Invalid(std::string_view why) {
  return Fail(ErrorCode::kInvalidInput, "Invalid JSON payload: " + std::string(why));
}

std::unexpected<Error> WrongType(std::string_view field, std::string_view expected) {
  return Invalid("invalid type for field `" + std::string(field) + "`, expected " + std::string(expected));
}

bool IsNumberPart(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// simdjson refuses integers beyond 64 bits, which here are doubles: gives long integers a fraction.
std::string WithLongIntegersAsDoubles(std::string_view json) {
  constexpr size_t kDigitsOfInt64 = 19;
  std::string out;
  out.reserve(json.size() + 64);
  bool in_string = false;
  for (size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (in_string || !IsNumberPart(c)) {
      if (c == '"') in_string = !in_string;
      const size_t length = in_string && c == '\\' && i + 1 < json.size() ? 2 : 1;
      out.append(json, i, length);
      i += length;
      continue;
    }
    size_t end = i;
    while (end < json.size() && IsNumberPart(json[end])) ++end;
    const std::string_view number = json.substr(i, end - i);
    out += number;
    if (number.size() >= kDigitsOfInt64 && number.find_first_of(".eE") == std::string_view::npos) out += ".0";
    i = end;
  }
  return out;
}

// nullopt for null.
Result<std::optional<std::string_view>> ReadText(dom::element value, std::string_view field, bool nullable) {
  if (nullable && value.is_null()) return std::nullopt;
  std::string_view text;
  if (value.get_string().get(text)) return WrongType(field, nullable ? "a string or null" : "a string");
  return text;
}

// Unset for arrays and objects.
std::optional<Value> ToValue(dom::element element) {
  switch (element.type()) {
    case dom::element_type::INT64:
      return Value::BigInt(element.get_int64().value_unsafe());
    case dom::element_type::UINT64:
      return Value::Real(TypeKind::kDouble, static_cast<double>(element.get_uint64().value_unsafe()));
    case dom::element_type::DOUBLE:
      return Value::Real(TypeKind::kDouble, element.get_double().value_unsafe());
    case dom::element_type::STRING:
      return Value::Text(element.get_string().value_unsafe());
    case dom::element_type::BOOL:
      return Value::Boolean(element.get_bool().value_unsafe());
    case dom::element_type::NULL_VALUE:
      return Value::Null(TypeKind::kText);
    case dom::element_type::ARRAY:
    case dom::element_type::OBJECT:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

struct SqlRequestBody::Parser {
  dom::parser parser;
  std::string json;  // the body, with the padding behind it that simdjson reads

  Result<dom::element> Parse(std::string_view text) {
    dom::element root;
    auto error = ParseOnce(text).get(root);
    if (error == simdjson::NUMBER_ERROR) error = ParseOnce(WithLongIntegersAsDoubles(text)).get(root);
    if (error) return Invalid(simdjson::error_message(error));
    return root;
  }
  static Status ReadParameters(dom::element value, SqlRequestBody& body, std::optional<Error>& nested);

 private:
  simdjson::simdjson_result<dom::element> ParseOnce(std::string_view text) {
    json.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    json.assign(text);
    return parser.parse(json.data(), json.size(), false);
  }
};

SqlRequestBody::SqlRequestBody() : parser_(std::make_unique<Parser>()) {}
SqlRequestBody::~SqlRequestBody() = default;

// The first nested parameter is noted in `nested`: it counts only when the envelope is fine.
Status SqlRequestBody::Parser::ReadParameters(dom::element value, SqlRequestBody& body,
                                              std::optional<Error>& nested) {
  if (value.is_null()) return {};
  dom::array array;
  if (value.get_array().get(array)) return WrongType("params", "an array or null");
  body.has_parameters_field_ = true;
  for (const dom::element element : array) {
    const std::optional<Value> parameter = ToValue(element);
    if (!parameter && !nested) {
      nested =
          Error(ErrorCode::kInvalidParameter, "Parameter $" + std::to_string(body.parameters_.size() + 1) +
                                                  " invalid: " + (element.is_array() ? "Array" : "Object") +
                                                  " parameters not yet supported");
    }
    body.parameters_.push_back(parameter.value_or(Value::Null(TypeKind::kText)));
  }
  return {};
}

Status SqlRequestBody::Parse(std::string_view json) {
  Clear();
  KALAM_ASSIGN(const dom::element root, parser_->Parse(json));
  dom::object object;
  if (root.get_object().get(object)) return Invalid("expected an object with the field `sql`");
  bool seen_sql = false;
  bool seen_params = false;
  std::optional<Error> nested_parameter;
  for (const dom::key_value_pair field : object) {
    if (field.key == "sql") {
      if (std::exchange(seen_sql, true)) return Invalid("duplicate field `sql`");
      KALAM_ASSIGN(const auto text, ReadText(field.value, field.key, false));
      sql_ = *text;
    } else if (field.key == "params") {
      if (std::exchange(seen_params, true)) return Invalid("duplicate field `params`");
      KALAM_TRY(Parser::ReadParameters(field.value, *this, nested_parameter));
    } else if (field.key == "namespace_id" || field.key == "namespace") {
      KALAM_ASSIGN(const auto text, ReadText(field.value, field.key, true));
      if (namespace_ && text && *namespace_ != *text) return Invalid("two different namespaces");
      if (text) namespace_ = *text;
    }
  }
  if (!seen_sql) return Invalid("missing field `sql`");
  if (nested_parameter) return Fail(std::move(*nested_parameter));
  return {};
}

void SqlRequestBody::Clear() {
  sql_ = {};
  parameters_.clear();
  namespace_.reset();
  has_parameters_field_ = false;
}

void SqlRequestBody::Trim() {
  Clear();
  if (parser_->json.capacity() > kKeptBytesMax) parser_ = std::make_unique<Parser>();
  if (parameters_.capacity() * sizeof(Value) > kKeptBytesMax) parameters_.shrink_to_fit();
}

}  // namespace kalam::wire
