#include "auth/tokens.h"

#include <algorithm>
#include <atomic>

#include "auth/jwt.h"
#include "auth/token_cache.h"

namespace kalam::auth {
namespace {

constexpr size_t kSecretBytesMin = 32;
constexpr int64_t kRefreshFactor = 7;

constexpr std::string_view kKnownSecrets[] = {
    "CHANGE_ME_IN_PRODUCTION",
    "kalamdb-dev-secret-key-change-in-production",
    "your-secret-key-at-least-32-chars-change-me-in-production",
    "test",
    "secret",
    "password",
};

constinit std::atomic<uint64_t> next_number{1};

TokenCache& ThisThreadsCache() {
  thread_local TokenCache cache;
  return cache;
}

std::unexpected<Error> Refuse() { return Fail(ErrorCode::kUnauthenticated, "Invalid credentials"); }

}  // namespace

struct Tokens::Impl {
  Impl(TokenOptions o, const Users& u, const Clock& c)
      : options(std::move(o)), users(u), clock(c), number(next_number.fetch_add(1)) {}

  int64_t NowSeconds() const { return clock.WallMicros() / 1'000'000; }

  // The principal of a token that this thread verified before; nullptr when there is none or it is not valid
  // any more.
  std::shared_ptr<const Principal> Recall(std::string_view token) const {
    VerifiedToken* known = ThisThreadsCache().Find(number, token);
    if (known == nullptr || IsExpired(known->expires_at, NowSeconds())) return nullptr;
    uint64_t version = users.version();
    if (known->users_version != version) {
      // Some user changed since: look again at this one, the signature stays good.
      UserPtr user = users.Find(known->principal->user_id);
      if (user == nullptr || user->deleted_at_ms || user->role != known->principal->role) return nullptr;
      if (user->created_at_ms != known->account_created_at_ms) return nullptr;
      known->users_version = version;
    }
    return known->principal;
  }

  const TokenOptions options;
  const Users& users;
  const Clock& clock;
  const uint64_t number;  // marks our entries in the caches
};

Tokens::Tokens(TokenOptions options, const Users& users, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), users, clock)) {}
Tokens::~Tokens() = default;

IssuedToken Tokens::Issue(const User& user, TokenType type) const {
  Claims claims;
  claims.user_id = user.user_id;
  claims.issuer = kIssuer;
  claims.issued_at = impl_->NowSeconds();
  int64_t hours = impl_->options.access_hours * (type == TokenType::kRefresh ? kRefreshFactor : 1);
  claims.expires_at = claims.issued_at + hours * 3'600;
  claims.email = user.email;
  claims.role = RoleName(user.role);
  claims.token_type = TokenTypeName(type);
  claims.account_created_at_ms = user.created_at_ms;
  return {EncodeJwt(claims, impl_->options.secret), claims.expires_at * 1'000'000};
}

Result<Claims> Tokens::Verify(std::string_view token) const {
  KALAM_ASSIGN(Claims claims, DecodeJwt(token, impl_->options.secret));
  KALAM_TRY(CheckClaims(claims, impl_->NowSeconds()));
  return claims;
}

UserPtr Tokens::UserOf(const Claims& claims) const {
  UserPtr user = impl_->users.Find(claims.user_id);
  if (user == nullptr || user->deleted_at_ms) return nullptr;
  if (claims.account_created_at_ms)
    return *claims.account_created_at_ms == user->created_at_ms ? user : nullptr;
  return claims.issued_at >= user->created_at_ms / 1'000 ? user : nullptr;
}

Result<std::shared_ptr<const Principal>> Tokens::Authenticate(
    std::optional<std::string_view> authorization) const {
  if (!authorization) return Fail(ErrorCode::kUnauthenticated, "Authentication required");
  std::string_view token = *authorization;
  if (!token.starts_with("Bearer")) return Refuse();
  token.remove_prefix(6);
  while (token.starts_with(' ')) token.remove_prefix(1);
  while (token.ends_with(' ')) token.remove_suffix(1);
  if (token.empty()) return Refuse();
  if (auto principal = impl_->Recall(token)) return principal;

  KALAM_ASSIGN(Claims claims, Verify(token));
  if (claims.token_type != TokenTypeName(TokenType::kAccess)) return Refuse();
  uint64_t version =
      impl_->users.version();  // before the user: an older version is checked once more, never once less
  UserPtr user = UserOf(claims);
  if (user == nullptr) return Refuse();
  if (claims.role && *claims.role != RoleName(user->role)) return Refuse();
  auto principal = std::make_shared<const Principal>(Principal{user->user_id, user->role});
  ThisThreadsCache().Put(
      {impl_->number, std::string(token), principal, claims.expires_at, user->created_at_ms, version});
  return principal;
}

bool IsInsecureSecret(std::string_view secret) {
  return secret.size() < kSecretBytesMin ||
         std::ranges::find(kKnownSecrets, secret) != std::end(kKnownSecrets);
}

}  // namespace kalam::auth
