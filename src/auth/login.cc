#include "auth/login.h"

#include <fmt/format.h>

namespace kalam::auth {
namespace {

constexpr int64_t kMinuteMs = 60'000;

std::unexpected<LoginError> Refuse(LoginFailure failure, int64_t locked_minutes = 0) {
  return std::unexpected(LoginError{failure, locked_minutes});
}

// A hash of nothing anybody knows, as costly to check as a real one.
std::string DecoyHash(int cost) {
  return fmt::format("$2b${:02}$abcdefghijklmnopqrstuuWx0Mp1nTSnKQ3oLPXr8a1uWQ2cYlE2K", cost);
}

}  // namespace

std::expected<UserPtr, LoginError> Login::CheckPassword(std::string_view user_id, std::string_view password,
                                                        bool from_loopback, const AuditSource& source) {
  UserPtr user = ValidateUserId(user_id) ? users_.Find(user_id) : nullptr;
  if (user == nullptr || user->deleted_at_ms) return RefuseUnknown(password);
  int64_t now = clock_.WallMillis();
  if (user->locked_until_ms && *user->locked_until_ms > now) {
    return Refuse(LoginFailure::kLocked, (*user->locked_until_ms - now + kMinuteMs - 1) / kMinuteMs);
  }
  if (user->auth_type == AuthType::kOauth) return RefuseUnknown(password);
  if (user->password_hash.empty()) {
    if (user->user_id == "root" && password.empty()) return Refuse(LoginFailure::kSetupRequired);
    bool internal = user->role == Role::kSystem && user->auth_type == AuthType::kInternal;
    if (internal && !from_loopback) return Refuse(LoginFailure::kRemoteRootWithoutPassword);
    return RefuseUnknown(password);  // not counted: there is no password to guess
  }
  if (!VerifyPassword(password, user->password_hash)) return RecordFailure(*user, source);
  return RecordSuccess(*user, source);
}

std::expected<UserPtr, LoginError> Login::RefuseUnknown(std::string_view password) {
  (void)VerifyPassword(password, DecoyHash(options_.bcrypt_cost));
  return Refuse(LoginFailure::kInvalidCredentials);
}

std::vector<hot::MetaOp> Login::AuditOf(const User& user, std::string_view action,
                                        const AuditSource& source) {
  std::vector<hot::MetaOp> ops;
  if (audit_ == nullptr || user.role < Role::kDba) return ops;
  AuditEntry entry;
  entry.actor_user_id = user.user_id;
  entry.action = action;
  entry.target = "user:" + user.user_id;
  entry.source = source;
  audit_->Add(std::move(entry), ops);
  return ops;
}

std::expected<UserPtr, LoginError> Login::RecordFailure(const User& user, const AuditSource& source) {
  const auto count = [&](User& next) -> Status {
    ++next.failed_login_attempts;
    // The count outlives the lock: after it, one more failure locks again. Success resets it.
    if (next.failed_login_attempts >= options_.failures_max)
      next.locked_until_ms = clock_.WallMillis() + options_.lock_minutes * kMinuteMs;
    return {};
  };
  const Status stored = users_.Update(user.user_id, count, AuditOf(user, "LOGIN_FAILED", source));
  // Failures that are not counted would allow guessing without end.
  if (!stored && stored.error().code != ErrorCode::kNotFoundUser) return Refuse(LoginFailure::kInternal);
  return Refuse(LoginFailure::kInvalidCredentials);
}

std::expected<UserPtr, LoginError> Login::RecordSuccess(const User& user, const AuditSource& source) {
  const auto note = [&](User& next) -> Status {
    // Checking took a while; the password may have been changed meanwhile.
    if (next.password_hash != user.password_hash) return Fail(ErrorCode::kConflict, "password changed");
    next.failed_login_attempts = 0;
    next.locked_until_ms.reset();
    next.last_login_at_ms = clock_.WallMillis();
    return {};
  };
  const Status stored = users_.Update(user.user_id, note, AuditOf(user, "LOGIN", source));
  UserPtr current = users_.Find(user.user_id);
  if (stored) return current;
  if (stored.error().code == ErrorCode::kNotFoundUser || stored.error().code == ErrorCode::kConflict) {
    return Refuse(LoginFailure::kInvalidCredentials);
  }
  // A store that refuses writes does not keep people out: reads still work.
  if (current->deleted_at_ms || current->password_hash != user.password_hash) {
    return Refuse(LoginFailure::kInvalidCredentials);
  }
  return current;
}

}  // namespace kalam::auth
