// Login: the password algorithm with lockout, and the first-start setup. Knows no HTTP.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "auth/audit_log.h"
#include "auth/passwords.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"

namespace kalam::auth {

enum class LoginFailure : uint8_t {
  kInvalidCredentials,
  kLocked,
  kSetupRequired,
  kRemoteRootWithoutPassword,
  kInternal
};

struct LoginError {
  LoginFailure failure = LoginFailure::kInvalidCredentials;
  int64_t locked_minutes = 0;  // kLocked: remaining, rounded up
};

struct LoginOptions {
  int bcrypt_cost = 12;      // of new hashes; unknown users take as long as that
  int64_t failures_max = 5;  // in a row; then the account is locked
  int64_t lock_minutes = 15;
};

// Failures in a row lock an account for a while. Verifies a password even when the user is unknown, so
// that timing does not tell.
class Login {
 public:
  // `audit`: where logins of administrators are noted; nullptr = nowhere.
  Login(Users& users, const Clock& clock, const LoginOptions& options = {}, AuditLog* audit = nullptr)
      : users_(users), clock_(clock), options_(options), audit_(audit) {}

  // Blocks for the duration of one bcrypt check: run it on the HashingThread.
  std::expected<UserPtr, LoginError> CheckPassword(std::string_view user_id, std::string_view password,
                                                   bool from_loopback, const AuditSource& source = {});

 private:
  std::expected<UserPtr, LoginError> RefuseUnknown(std::string_view password);
  std::expected<UserPtr, LoginError> RecordFailure(const User& user, const AuditSource& source);
  std::expected<UserPtr, LoginError> RecordSuccess(const User& user, const AuditSource& source);
  // The entry of an administrator's login, for the batch that notes it in the account.
  std::vector<hot::MetaOp> AuditOf(const User& user, std::string_view action, const AuditSource& source);

  Users& users_;
  const Clock& clock_;
  const LoginOptions options_;
  AuditLog* const audit_;
};

}  // namespace kalam::auth
