#include "wire/auth_request.h"

#include <simdjson.h>

#include <span>

#include "base/limits.h"

namespace kalam::wire {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kEmailBytesMax = 320;

std::unexpected<Error> Invalid(std::string why) {
  return Fail(ErrorCode::kInvalidInput, "Json deserialize error: " + std::move(why));
}

struct FieldRule {
  std::string_view name;
  std::string_view alias;  // or empty
  size_t bytes_max;
  bool required;
  std::optional<std::string>* out;
};

std::string NamesOf(std::span<const FieldRule> rules) {
  std::string names;
  for (const FieldRule& rule : rules) names.append(names.empty() ? "`" : ", `").append(rule.name).append("`");
  return names;
}

Status ReadField(const dom::key_value_pair& field, const FieldRule& rule) {
  if (rule.out->has_value()) return Invalid("duplicate field `" + std::string(rule.name) + "`");
  if (!rule.required && field.value.is_null()) return {};
  std::string_view text;
  if (field.value.get_string().get(text)) {
    return Invalid("invalid type for field `" + std::string(rule.name) + "`, expected a string");
  }
  if (text.size() > rule.bytes_max) {
    return Invalid("field `" + std::string(rule.name) + "` exceeds maximum length of " +
                   std::to_string(rule.bytes_max) + " bytes");
  }
  *rule.out = std::string(text);
  return {};
}

Status ReadFields(std::string_view json, std::span<const FieldRule> rules) {
  // Views of nothing may point nowhere, and simdjson copies from where they point.
  if (json.empty()) return Invalid(simdjson::error_message(simdjson::EMPTY));
  dom::parser parser;
  dom::element root;
  if (auto error = parser.parse(json.data(), json.size()).get(root))
    return Invalid(simdjson::error_message(error));
  dom::object object;
  if (root.get_object().get(object)) return Invalid("expected an object");
  for (const dom::key_value_pair field : object) {
    const FieldRule* found = nullptr;
    for (const FieldRule& rule : rules) {
      if (field.key == rule.name || (!rule.alias.empty() && field.key == rule.alias)) found = &rule;
    }
    // The name is not repeated: it may be a password in the wrong place.
    if (found == nullptr) return Invalid("unknown field, expected " + NamesOf(rules));
    KALAM_TRY(ReadField(field, *found));
  }
  for (const FieldRule& rule : rules) {
    if (rule.required && !rule.out->has_value())
      return Invalid("missing field `" + std::string(rule.name) + "`");
  }
  return {};
}

}  // namespace

Result<LoginRequest> ParseLoginRequest(std::string_view json) {
  std::optional<std::string> user;
  std::optional<std::string> password;
  const FieldRule rules[] = {{"user", "username", limits::kUserIdBytesMax, true, &user},
                             {"password", "", limits::kLoginPasswordBytesMax, true, &password}};
  KALAM_TRY(ReadFields(json, rules));
  return LoginRequest{std::move(*user), std::move(*password)};
}

Result<SetupRequest> ParseSetupRequest(std::string_view json) {
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> root_password;
  std::optional<std::string> email;
  const FieldRule rules[] = {{"user", "username", limits::kUserIdBytesMax, true, &user},
                             {"password", "", limits::kLoginPasswordBytesMax, true, &password},
                             {"root_password", "", limits::kLoginPasswordBytesMax, true, &root_password},
                             {"email", "", kEmailBytesMax, false, &email}};
  KALAM_TRY(ReadFields(json, rules));
  return SetupRequest{std::move(*user), std::move(*password), std::move(*root_password), std::move(email)};
}

}  // namespace kalam::wire
