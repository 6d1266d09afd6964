#include "auth/jwt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json.hpp>

#include "auth/base64url.h"

namespace kalam::auth {
namespace {

namespace json = boost::json;

constexpr int64_t kLeewaySeconds = 60;
constexpr std::string_view kAccountKey = "account_created_at";
constexpr std::string_view kHeader = R"({"typ":"JWT","alg":"HS256"})";

// One answer for every fault: what was wrong is nobody's business.
std::unexpected<Error> Refuse() { return Fail(ErrorCode::kUnauthenticated, "Invalid credentials"); }

std::string Sign(std::string_view signed_part, std::string_view secret) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  // HMAC refuses only a missing digest; an empty key needs a pointer nevertheless.
  const void* key = secret.empty() ? "" : secret.data();
  HMAC(EVP_sha256(), key, static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac.data(), &size);
  return {reinterpret_cast<const char*>(mac.data()), size};
}

std::optional<json::object> ParseObject(std::string_view base64url) {
  auto bytes = Base64UrlDecode(base64url);
  if (!bytes) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*bytes, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

bool HeaderIsOurs(const json::object& header) {
  auto is = [&](std::string_view key, std::string_view expected) {
    const json::value* value = header.if_contains(key);
    return value != nullptr && value->is_string() && value->get_string() == expected;
  };
  // `crit` names extensions that a verifier must understand; we have none (RFC 7515 section 4.1.11).
  return is("alg", "HS256") && (!header.contains("typ") || is("typ", "JWT")) && !header.contains("crit");
}

bool ReadText(const json::object& claims, std::string_view key, std::string& out) {
  const json::value* value = claims.if_contains(key);
  if (value == nullptr || !value->is_string()) return false;
  out.assign(value->get_string().data(), value->get_string().size());
  return true;
}

bool ReadOptionalText(const json::object& claims, std::string_view key, std::optional<std::string>& out) {
  const json::value* value = claims.if_contains(key);
  if (value == nullptr || value->is_null()) return true;
  return ReadText(claims, key, out.emplace());
}

bool ReadNumber(const json::object& claims, std::string_view key, int64_t& out) {
  const json::value* value = claims.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return false;
  out = value->get_int64();
  return true;
}

bool ReadClaims(const json::object& object, Claims& claims) {
  if (!ReadText(object, "sub", claims.user_id) || claims.user_id.empty()) return false;
  if (!ReadText(object, "iss", claims.issuer)) return false;
  if (!ReadNumber(object, "exp", claims.expires_at) || !ReadNumber(object, "iat", claims.issued_at))
    return false;
  if (object.contains("nbf") && !ReadNumber(object, "nbf", claims.not_before)) return false;
  if (!ReadOptionalText(object, "email", claims.email)) return false;
  if (!ReadOptionalText(object, "role", claims.role)) return false;
  if (claims.role && !ParseRole(*claims.role)) return false;
  if (object.contains(kAccountKey) &&
      !ReadNumber(object, kAccountKey, claims.account_created_at_ms.emplace()))
    return false;
  return ReadOptionalText(object, "token_type", claims.token_type);
}

}  // namespace

std::string_view TokenTypeName(TokenType type) { return type == TokenType::kAccess ? "access" : "refresh"; }

std::string EncodeJwt(const Claims& claims, std::string_view secret) {
  json::object payload;
  payload["sub"] = claims.user_id;
  payload["iss"] = claims.issuer;
  payload["exp"] = claims.expires_at;
  payload["iat"] = claims.issued_at;
  payload["email"] = nullptr;
  if (claims.email) payload["email"] = *claims.email;
  if (claims.role) payload["role"] = *claims.role;
  if (claims.token_type) payload["token_type"] = *claims.token_type;
  if (claims.account_created_at_ms) payload[kAccountKey] = *claims.account_created_at_ms;
  std::string token = Base64UrlEncode(kHeader) + '.' + Base64UrlEncode(json::serialize(payload));
  std::string signature = Sign(token, secret);
  return token + '.' + Base64UrlEncode(signature);
}

Result<Claims> DecodeJwt(std::string_view token, std::string_view secret) {
  if (token.size() > kTokenBytesMax) return Refuse();
  size_t first = token.find('.');
  size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return Refuse();
  auto header = ParseObject(token.substr(0, first));
  if (!header || !HeaderIsOurs(*header)) return Refuse();
  // The signature before the claims: only bytes that we signed are looked at any further.
  auto signature = Base64UrlDecode(token.substr(second + 1));
  std::string expected = Sign(token.substr(0, second), secret);
  if (!signature || signature->size() != expected.size() ||
      CRYPTO_memcmp(signature->data(), expected.data(), expected.size()) != 0) {
    return Refuse();
  }
  auto payload = ParseObject(token.substr(first + 1, second - first - 1));
  Claims claims;
  if (!payload || !ReadClaims(*payload, claims)) return Refuse();
  return claims;
}

bool IsExpired(int64_t expires_at, int64_t now_seconds) { return expires_at < now_seconds - kLeewaySeconds; }

Status CheckClaims(const Claims& claims, int64_t now_seconds) {
  if (claims.issuer != kIssuer) return Refuse();
  if (claims.issued_at > now_seconds + kLeewaySeconds || claims.not_before > now_seconds + kLeewaySeconds)
    return Refuse();
  if (IsExpired(claims.expires_at, now_seconds)) return Fail(ErrorCode::kTokenExpired, "Invalid credentials");
  return {};
}

}  // namespace kalam::auth
