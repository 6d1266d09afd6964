// The text form of tokens: JSON Web Tokens signed with HS256, nothing else. Pure functions. Private to auth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/tokens.h"
#include "base/error.h"

namespace kalam::auth {

inline constexpr std::string_view kIssuer = "kalamdb";
inline constexpr size_t kTokenBytesMax = 8'192;  // ours have about 250

std::string_view TokenTypeName(TokenType type);  // "access", "refresh"

std::string EncodeJwt(const Claims& claims, std::string_view secret);

// Checks signature, algorithm and the form of every claim; says nothing about time and issuer.
// kUnauthenticated.
Result<Claims> DecodeJwt(std::string_view token, std::string_view secret);

// Claims that DecodeJwt returned. kTokenExpired only when everything else is good.
Status CheckClaims(const Claims& claims, int64_t now_seconds);
bool IsExpired(int64_t expires_at, int64_t now_seconds);

}  // namespace kalam::auth
