#include "sql/statements/user/account_rules.h"

#include <fmt/format.h>

#include "auth/passwords.h"
#include "base/limits.h"

namespace kalam::sql {

Result<std::string> HashForStorage(std::string_view password, Services& services) {
  if (password.empty())
    return Fail(ErrorCode::kInvalidOperation, "Invalid operation: Password required for WITH PASSWORD");
  // bcrypt looks at 72 bytes; a longer password would silently be cut.
  constexpr size_t kBcryptBytesMax = 72;
  if (password.size() > kBcryptBytesMax) {
    return Fail(
        ErrorCode::kInvalidOperation,
        "Invalid operation: Weak password: Password must be at most 72 characters (bcrypt limit, weak)");
  }
  if (services.settings.auth.enforce_password_complexity) {
    if (const auto weakness = auth::PasswordWeakness(password, true)) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: Weak password: {}", *weakness));
    }
  }
  return auth::HashPassword(password, static_cast<int>(services.settings.auth.bcrypt_cost), services.random);
}

Error UserNotFound(std::string_view user_id, std::string_view operation) {
  return Error(ErrorCode::kNotFoundUser, fmt::format("User '{}' not found", user_id))
      .With("username", std::string(user_id))
      .With("operation", std::string(operation));
}

}  // namespace kalam::sql
