#include "auth/user_record.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace kalam::auth {
namespace {

namespace json = boost::json;

constexpr int64_t kFormat = 1;

void PutOptional(json::object& record, std::string_view key, const std::optional<std::string>& text) {
  if (text) record[key] = *text;
}
void PutOptional(json::object& record, std::string_view key, const std::optional<int64_t>& number) {
  if (number) record[key] = *number;
}

// Reads fields of one record; remembers the first that is wrong.
class FieldReader {
 public:
  explicit FieldReader(const json::object& record) : record_(record) {}

  void Read(std::string_view key, std::string& out) {
    if (const json::value* value = Find(key, true)) Take(key, *value, out);
  }
  void Read(std::string_view key, int64_t& out) {
    if (const json::value* value = Find(key, true)) Take(key, *value, out);
  }
  template <typename T>
  void Read(std::string_view key, std::optional<T>& out) {
    if (const json::value* value = Find(key, false)) Take(key, *value, out.emplace());
  }
  const std::string& bad_field() const { return bad_field_; }

 private:
  const json::value* Find(std::string_view key, bool required) {
    const json::value* value = record_.if_contains(key);
    if (value == nullptr && required) Refuse(key);
    return value;
  }
  void Take(std::string_view key, const json::value& value, std::string& out) {
    if (const json::string* text = value.if_string()) {
      out.assign(text->data(), text->size());
    } else {
      Refuse(key);
    }
  }
  void Take(std::string_view key, const json::value& value, int64_t& out) {
    if (const int64_t* number = value.if_int64()) {
      out = *number;
    } else {
      Refuse(key);
    }
  }
  void Refuse(std::string_view key) {
    if (bad_field_.empty()) bad_field_ = key;
  }

  const json::object& record_;
  std::string bad_field_;
};

std::unexpected<Error> Corrupt(std::string_view user_id, std::string_view what) {
  return Fail(ErrorCode::kCorruption,
              fmt::format("The stored record of user '{}' does not decode: {}", user_id, what));
}

}  // namespace

std::string EncodeUser(const User& user) {
  json::object record;
  record["format"] = kFormat;
  record["password_hash"] = user.password_hash;
  record["role"] = static_cast<int64_t>(user.role);
  PutOptional(record, "email", user.email);
  record["auth_type"] = static_cast<int64_t>(user.auth_type);
  PutOptional(record, "auth_data", user.auth_data);
  record["storage_mode"] = user.storage_mode;
  PutOptional(record, "storage_id", user.storage_id);
  record["failed_login_attempts"] = user.failed_login_attempts;
  PutOptional(record, "locked_until", user.locked_until_ms);
  PutOptional(record, "last_login_at", user.last_login_at_ms);
  PutOptional(record, "last_seen", user.last_seen_ms);
  record["created_at"] = user.created_at_ms;
  record["updated_at"] = user.updated_at_ms;
  PutOptional(record, "deleted_at", user.deleted_at_ms);
  return json::serialize(record);
}

Result<User> DecodeUser(std::string_view user_id, std::string_view bytes) {
  boost::system::error_code error;
  json::value parsed = json::parse(bytes, error);
  if (error || !parsed.is_object()) return Corrupt(user_id, "not a JSON object");

  User user;
  user.user_id = user_id;
  int64_t format = 0;
  int64_t role = 0;
  int64_t auth_type = 0;
  FieldReader reader(parsed.get_object());
  reader.Read("format", format);
  reader.Read("password_hash", user.password_hash);
  reader.Read("role", role);
  reader.Read("email", user.email);
  reader.Read("auth_type", auth_type);
  reader.Read("auth_data", user.auth_data);
  reader.Read("storage_mode", user.storage_mode);
  reader.Read("storage_id", user.storage_id);
  reader.Read("failed_login_attempts", user.failed_login_attempts);
  reader.Read("locked_until", user.locked_until_ms);
  reader.Read("last_login_at", user.last_login_at_ms);
  reader.Read("last_seen", user.last_seen_ms);
  reader.Read("created_at", user.created_at_ms);
  reader.Read("updated_at", user.updated_at_ms);
  reader.Read("deleted_at", user.deleted_at_ms);
  if (!reader.bad_field().empty()) return Corrupt(user_id, fmt::format("field {}", reader.bad_field()));
  if (format != kFormat) return Corrupt(user_id, fmt::format("unknown format {}", format));
  if (role < 0 || role > static_cast<int64_t>(Role::kSystem)) return Corrupt(user_id, "field role");
  if (auth_type < 1 || auth_type > static_cast<int64_t>(AuthType::kInternal))
    return Corrupt(user_id, "field auth_type");
  user.role = static_cast<Role>(role);
  user.auth_type = static_cast<AuthType>(auth_type);
  return user;
}

}  // namespace kalam::auth
