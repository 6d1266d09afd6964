// Login: the password algorithm with lockout, and the first-start setup. Knows no HTTP.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

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

// 5 failures in a row lock an account for 15 minutes. Verifies a password even when the user is unknown, so
// that timing does not tell.
class Login {
 public:
  // `bcrypt_cost`: of new hashes; unknown users take as long as that.
  Login(Users& users, const Clock& clock, int bcrypt_cost = 12)
      : users_(users), clock_(clock), bcrypt_cost_(bcrypt_cost) {}

  // Blocks for the duration of one bcrypt check: run it on the HashingThread.
  std::expected<UserPtr, LoginError> CheckPassword(std::string_view user_id, std::string_view password,
                                                   bool from_loopback);

 private:
  std::expected<UserPtr, LoginError> RefuseUnknown(std::string_view password);
  std::expected<UserPtr, LoginError> RecordFailure(const User& user);
  std::expected<UserPtr, LoginError> RecordSuccess(const User& user);

  Users& users_;
  const Clock& clock_;
  const int bcrypt_cost_;
};

}  // namespace kalam::auth
