// Tokens: JWT (HS256) issue and verification, and the way from a Bearer header to a Principal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/principal.h"

namespace kalam::auth {

enum class TokenType : uint8_t { kAccess, kRefresh };

struct Claims {
  std::string user_id;
  std::string issuer;
  int64_t issued_at = 0;   // seconds
  int64_t expires_at = 0;  // seconds
  int64_t not_before = 0;  // seconds; 0 = absent
  std::optional<std::string> email;
  std::optional<std::string> role;
  std::optional<std::string> token_type;
  // Of the account; tells it from a later one of the same name. Tokens that others signed have none.
  std::optional<int64_t> account_created_at_ms;
};

struct IssuedToken {
  std::string token;
  int64_t expires_at_micros = 0;
};

struct TokenOptions {
  std::string secret;
  int64_t access_hours = 24;  // a refresh token lives 7 times as long
};

// Thread-safe. Each thread remembers the access tokens that it verified (bounded), so that a request with a
// known token costs a lookup. What it remembers ends with the token's life, and is checked against the user
// again after any change of a user.
class Tokens {
 public:
  Tokens(TokenOptions options, const Users& users, const Clock& clock);
  ~Tokens();

  IssuedToken Issue(const User& user, TokenType type) const;

  // Signature, algorithm (HS256 only), issuer `kalamdb`, exp and nbf with 60 s leeway, iat not more than 60 s
  // ahead, sub non-empty. kTokenExpired for an expired but otherwise good token; else kUnauthenticated.
  Result<Claims> Verify(std::string_view token) const;

  // The user that `claims` name, as it is now. nullptr when there is none, or only one that got the name
  // after the token was issued; says nothing about its role.
  UserPtr UserOf(const Claims& claims) const;

  // The value of an Authorization header (nullopt = absent) to the caller's current identity: Bearer access
  // token of an existing user whose stored role equals the token's. kUnauthenticated with message
  // "Authentication required" when absent, else "Invalid credentials".
  Result<std::shared_ptr<const Principal>> Authenticate(std::optional<std::string_view> authorization) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The fixed secrets that must never guard a server that others can reach, and anything shorter than 32 bytes.
bool IsInsecureSecret(std::string_view secret);

}  // namespace kalam::auth
