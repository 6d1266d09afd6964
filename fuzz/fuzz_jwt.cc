// Tokens: verification never crashes and never accepts what we did not sign.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/base64url.h"
#include "auth/jwt.h"

namespace {

using namespace kalam::auth;

// Also signs the tokens in corpus/jwt.
constexpr std::string_view kSecret = "the secret of the fuzz target, 32+ bytes";
constexpr int64_t kNow = 1'767'225'600;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_jwt: %s\n", what);
  std::abort();
}

// Computed here once more, apart from the code under test.
std::string SignatureOf(std::string_view signed_part) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac, &size);
  return Base64UrlEncode({reinterpret_cast<const char*>(mac), size});
}

void CheckAccepted(std::string_view token, const Claims& claims) {
  size_t dot = token.rfind('.');
  Require(dot != std::string_view::npos && token.substr(dot + 1) == SignatureOf(token.substr(0, dot)),
          "accepted without our signature");
  auto header = Base64UrlDecode(token.substr(0, token.find('.')));
  Require(header && header->find("HS256") != std::string::npos, "accepted another algorithm");
  Require(!claims.user_id.empty(), "accepted without a subject");
  if (CheckClaims(claims, kNow)) Require(claims.expires_at >= kNow - 60, "accepted an expired token");

  Claims again_in = claims;
  again_in.not_before = 0;  // we do not issue it
  auto again = DecodeJwt(EncodeJwt(again_in, kSecret), kSecret);
  Require(again && again->user_id == claims.user_id && again->role == claims.role &&
              again->email == claims.email && again->expires_at == claims.expires_at,
          "claims change when they are issued again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);

  // As a token.
  if (auto claims = DecodeJwt(input, kSecret)) CheckAccepted(input, *claims);

  // As the two parts of a token that somebody with the key signed: first line and rest.
  size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  std::string token = Base64UrlEncode(input.substr(0, line)) + "." + Base64UrlEncode(input.substr(line + 1));
  std::string signature = SignatureOf(token);
  if (auto claims = DecodeJwt(token + "." + signature, kSecret))
    CheckAccepted(token + "." + signature, *claims);
  Require(!DecodeJwt(token + ".", kSecret), "accepted an unsigned token");
  Require(!DecodeJwt(token, kSecret), "accepted a token of two parts");
  signature[0] = signature[0] == 'A' ? 'B' : 'A';
  Require(!DecodeJwt(token + "." + signature, kSecret), "accepted a wrong signature");
  return 0;
}
