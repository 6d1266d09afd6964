#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <thread>

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "auth/test_store.h"
#include "auth/token_cache.h"
#include "auth/tokens.h"
#include "base/random.h"

namespace kalam::auth {
namespace {

constexpr std::string_view kSecret = "a secret of at least thirty-two bytes";
constexpr int64_t kHour = 3'600'000'000;

TEST(Base64Url, RoundTripAndStrictness) {
  for (std::string bytes : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xff\xfe\xfd"}) {
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
  }
  EXPECT_EQ(Base64UrlEncode("\xff\xfe\xfd\xfc"), "__79_A");
  for (const char* bad : {"A", "AAAAA", "QQ==", "Q Q", "+/AA", "QR", "QUF", "\xc3\xa4"}) {
    EXPECT_EQ(Base64UrlDecode(bad), std::nullopt) << bad;
  }
}

std::string Signed(std::string_view header, std::string_view payload, std::string_view secret = kSecret,
                   const EVP_MD* digest = EVP_sha256()) {
  std::string token = Base64UrlEncode(header) + '.' + Base64UrlEncode(payload);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(token.data()), token.size(), mac, &size);
  return token + '.' + Base64UrlEncode({reinterpret_cast<const char*>(mac), size});
}

constexpr std::string_view kGoodHeader = R"({"alg":"HS256","typ":"JWT"})";

class TokensTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    auto users = Users::Open(*store_, clock_, "");
    ASSERT_TRUE(users) << users.error().message;
    users_ = std::move(*users);
    User alice;
    alice.user_id = "alice";
    alice.email = "a@x.io";
    ASSERT_TRUE(users_->Create(alice));
    tokens_ = std::make_unique<Tokens>(TokenOptions{.secret = std::string(kSecret)}, *users_, clock_);
  }
  void TearDown() override {
    tokens_.reset();
    users_.reset();
    StoreTest::TearDown();
  }

  std::string Issue(std::string_view user_id, TokenType type = TokenType::kAccess) {
    return tokens_->Issue(*users_->Find(user_id), type).token;
  }
  int64_t Now() { return clock_.WallMicros() / 1'000'000; }
  // A payload that verifies, with `extra` members after the usual ones.
  std::string Payload(std::string_view extra = "") {
    return R"({"sub":"alice","iss":"kalamdb","exp":)" + std::to_string(Now() + 3'600) + R"(,"iat":)" +
           std::to_string(Now()) + std::string(extra) + "}";
  }
  // "ok", "expired" or "refused".
  std::string Verify(std::string_view token) {
    auto claims = tokens_->Verify(token);
    if (claims) return "ok";
    EXPECT_EQ(claims.error().message, "Invalid credentials");
    return claims.error().code == ErrorCode::kTokenExpired ? "expired" : "refused";
  }
  // "<id> <role>", or the message of the error.
  std::string Authenticate(std::optional<std::string> authorization) {
    auto principal = tokens_->Authenticate(authorization);
    if (!principal) {
      bool expired = principal.error().code == ErrorCode::kTokenExpired;
      EXPECT_TRUE(expired || principal.error().code == ErrorCode::kUnauthenticated);
      return (expired ? "expired: " : "") + principal.error().message;
    }
    return (*principal)->user_id + " " + std::string(RoleName((*principal)->role));
  }

  std::unique_ptr<Users> users_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, IssuedTokensHaveTheClaimsOfTheProtocol) {
  IssuedToken issued = tokens_->Issue(*users_->Find("alice"), TokenType::kAccess);
  EXPECT_EQ(issued.expires_at_micros, clock_.WallMicros() + 24 * kHour);
  size_t dot = issued.token.find('.');
  EXPECT_EQ(Base64UrlDecode(issued.token.substr(0, dot)), R"({"typ":"JWT","alg":"HS256"})");
  EXPECT_EQ(
      Base64UrlDecode(issued.token.substr(dot + 1, issued.token.rfind('.') - dot - 1)),
      R"({"sub":"alice","iss":"kalamdb","exp":1767312000,"iat":1767225600,"email":"a@x.io","role":"user",)"
      R"("token_type":"access","account_created_at":1767225600000})");
  auto claims = tokens_->Verify(issued.token);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->user_id, "alice");
  EXPECT_EQ(claims->role, "user");
  EXPECT_EQ(claims->email, "a@x.io");
  EXPECT_EQ(claims->token_type, "access");
  auto refresh = tokens_->Issue(*users_->Find("root"), TokenType::kRefresh);
  EXPECT_EQ(refresh.expires_at_micros, clock_.WallMicros() + 168 * kHour);
  EXPECT_EQ(tokens_->Verify(refresh.token)->token_type, "refresh");
}

TEST_F(TokensTest, TokensOfOtherLibrariesVerify) {
  EXPECT_EQ(Verify(Signed(kGoodHeader, Payload())), "ok");
  EXPECT_EQ(Verify(Signed(R"({"alg":"HS256"})", Payload())), "ok");
  EXPECT_EQ(Verify(Signed(R"({"alg":"HS256","kid":"k"})", Payload(R"(,"email":null,"role":null,"x":[1])"))),
            "ok");
}

TEST_F(TokensTest, OnlyHs256) {
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None","typ":"JWT"})", R"({"alg":"HS384"})", R"({"alg":"HS512"})",
        R"({"alg":"RS256"})", R"({"alg":"hs256"})", R"({"alg":1})", R"({"typ":"JWT"})", "{}", "[]",
        "\"HS256\"", "", R"({"alg":"HS256","typ":"at+jwt"})", R"({"alg":"HS256","typ":1})",
        R"({"alg":"HS256","crit":["x"]})", R"({"alg":"HS256")"}) {
    EXPECT_EQ(Verify(Signed(header, Payload())), "refused") << header;
    EXPECT_EQ(Verify(Base64UrlEncode(header) + "." + Base64UrlEncode(Payload()) + "."), "refused") << header;
  }
  EXPECT_EQ(Verify(Signed(R"({"alg":"HS512","typ":"JWT"})", Payload(), kSecret, EVP_sha512())), "refused");
  EXPECT_EQ(Verify(Signed(kGoodHeader, Payload(), kSecret, EVP_sha512())), "refused");
}

TEST_F(TokensTest, SignatureMustBeOurs) {
  std::string good = Signed(kGoodHeader, Payload());
  EXPECT_EQ(Verify(Signed(kGoodHeader, Payload(), "another secret of thirty-two bytes....")), "refused");
  EXPECT_EQ(Verify(good.substr(0, good.rfind('.') + 1)), "refused");
  EXPECT_EQ(Verify(good.substr(0, good.rfind('.'))), "refused");
  EXPECT_EQ(Verify(good + "."), "refused");
  EXPECT_EQ(Verify(good + "="), "refused");
  EXPECT_EQ(Verify(good.substr(0, good.size() - 1)), "refused");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(Verify(changed), "refused") << i;
  }
  for (const char* text : {"", ".", "..", "...", "a.b.c", "a"}) EXPECT_EQ(Verify(text), "refused") << text;
  EXPECT_EQ(Verify(std::string(100'000, 'A')), "refused");
}

TEST_F(TokensTest, ClaimsMustHaveTheirTypes) {
  auto verify = [&](std::string payload) {
    if (size_t at = payload.find("EXP"); at != std::string::npos)
      payload.replace(at, 3, std::to_string(Now() + 3'600));
    return Verify(Signed(kGoodHeader, payload));
  };
  EXPECT_EQ(verify(R"({"sub":"alice","iss":"kalamdb","exp":EXP,"iat":1})"), "ok");
  for (const char* bad : {
           "[]",
           "1",
           "",
           "{",
           R"({"sub":"alice","iss":"kalamdb","exp":EXP,"iat":1}x)",
           R"({"iss":"kalamdb","exp":EXP,"iat":1})",
           R"({"sub":"","iss":"kalamdb","exp":EXP,"iat":1})",
           R"({"sub":1,"iss":"kalamdb","exp":EXP,"iat":1})",
           R"({"sub":"alice","exp":EXP,"iat":1})",
           R"({"sub":"alice","iss":"other","exp":EXP,"iat":1})",
           R"({"sub":"alice","iss":["kalamdb"],"exp":EXP,"iat":1})",
           R"({"sub":"alice","iss":"kalamdb","iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":"EXP","iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":EXP.5,"iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":1e300,"iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":18446744073709551615,"iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":-1,"iat":1})",
           R"({"sub":"alice","iss":"kalamdb","exp":EXP})",
       }) {
    EXPECT_EQ(verify(bad), "refused") << bad;
  }
  for (const char* bad : {R"(,"role":"root")", R"(,"role":3)", R"(,"role":"User")", R"(,"email":5)",
                          R"(,"token_type":true)", R"(,"nbf":"x")"}) {
    EXPECT_EQ(verify(Payload(bad)), "refused") << bad;
  }
}

TEST_F(TokensTest, TimesHaveAMinuteOfLeeway) {
  auto verify = [&](int64_t exp, int64_t iat, std::string extra = "") {
    return Verify(Signed(kGoodHeader, R"({"sub":"alice","iss":"kalamdb","exp":)" +
                                          std::to_string(Now() + exp) + R"(,"iat":)" +
                                          std::to_string(Now() + iat) + extra + "}"));
  };
  EXPECT_EQ(verify(-60, -100), "ok");
  EXPECT_EQ(verify(-61, -100), "expired");
  EXPECT_EQ(verify(100, 60), "ok");
  EXPECT_EQ(verify(100, 61), "refused");
  EXPECT_EQ(verify(100, 0, R"(,"nbf":)" + std::to_string(Now() + 60)), "ok");
  EXPECT_EQ(verify(100, 0, R"(,"nbf":)" + std::to_string(Now() + 61)), "refused");
  EXPECT_EQ(verify(-61, 61), "refused") << "expired only when otherwise good";
}

TEST_F(TokensTest, AuthorizationHeader) {
  std::string token = Issue("alice");
  EXPECT_EQ(Authenticate("Bearer " + token), "alice user");
  EXPECT_EQ(Authenticate("Bearer" + token), "alice user");
  EXPECT_EQ(Authenticate("Bearer   " + token + " "), "alice user");
  EXPECT_EQ(Authenticate(std::nullopt), "Authentication required");
  for (std::string bad : {std::string(), std::string("Bearer"), std::string("Bearer  "), "bearer " + token,
                          std::string("Basic YWxpY2U6eA=="), "Token " + token, token}) {
    EXPECT_EQ(Authenticate(bad), "Invalid credentials") << bad;
  }
}

TEST_F(TokensTest, OnlyAccessTokensAuthenticate) {
  EXPECT_EQ(Authenticate("Bearer " + Issue("alice", TokenType::kRefresh)), "Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + Signed(kGoodHeader, Payload())), "Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + Signed(kGoodHeader, Payload(R"(,"token_type":"access")"))),
            "alice user");
  EXPECT_EQ(Authenticate("Bearer " + Signed(kGoodHeader, Payload(R"(,"token_type":"Access")"))),
            "Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + Signed(kGoodHeader, Payload(R"(,"token_type":"access","role":"dba")"))),
            "Invalid credentials");
}

TEST_F(TokensTest, KnownTokensExpire) {
  std::string token = Issue("alice");
  EXPECT_EQ(Authenticate("Bearer " + token), "alice user");
  clock_.AdvanceMicros(24 * kHour + 60'000'000);
  EXPECT_EQ(Authenticate("Bearer " + token), "alice user");
  clock_.AdvanceMicros(1'000'000);
  EXPECT_EQ(Authenticate("Bearer " + token), "expired: Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + token), "expired: Invalid credentials");
}

TEST_F(TokensTest, KnownTokensFollowTheUser) {
  std::string alice = Issue("alice");
  std::string root = Issue("root");
  EXPECT_EQ(Authenticate("Bearer " + alice), "alice user");
  EXPECT_EQ(Authenticate("Bearer " + root), "root system");
  ASSERT_TRUE(users_->Update("alice", [](User& user) -> Status {
    user.role = Role::kDba;
    return {};
  }));
  EXPECT_EQ(Authenticate("Bearer " + alice), "Invalid credentials") << "the token says user";
  EXPECT_EQ(Authenticate("Bearer " + root), "root system");
  EXPECT_EQ(Authenticate("Bearer " + Issue("alice")), "alice dba");
  std::string old = Issue("alice");
  EXPECT_EQ(Authenticate("Bearer " + old), "alice dba");
  ASSERT_TRUE(users_->Drop("alice"));
  EXPECT_EQ(Authenticate("Bearer " + old), "Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + root), "root system");
}

TEST_F(TokensTest, ANewAccountOfTheNameHasNothingFromTheOld) {
  const std::string known = Issue("alice");
  const std::string fresh = Issue("alice");
  const std::string foreign = Signed(kGoodHeader, Payload(R"(,"token_type":"access")"));
  EXPECT_EQ(Authenticate("Bearer " + known), "alice user");
  EXPECT_EQ(Authenticate("Bearer " + foreign), "alice user");
  ASSERT_TRUE(users_->Drop("alice"));
  ASSERT_TRUE(users_->Erase("alice"));
  clock_.AdvanceMicros(1'000);  // within the second
  User alice;
  alice.user_id = "alice";
  ASSERT_TRUE(users_->Create(alice));
  EXPECT_EQ(Authenticate("Bearer " + Issue("alice")), "alice user");
  EXPECT_EQ(Authenticate("Bearer " + known), "Invalid credentials");
  EXPECT_EQ(Authenticate("Bearer " + fresh), "Invalid credentials");
  EXPECT_EQ(tokens_->UserOf(*tokens_->Verify(fresh)), nullptr);
}

TEST_F(TokensTest, ATokenWithoutRoleFollowsTheRole) {
  std::string token = Signed(kGoodHeader, Payload(R"(,"token_type":"access")"));
  EXPECT_EQ(Authenticate("Bearer " + token), "alice user");
  ASSERT_TRUE(users_->Update("alice", [](User& user) -> Status {
    user.role = Role::kService;
    return {};
  }));
  EXPECT_EQ(Authenticate("Bearer " + token), "alice service");
}

TEST_F(TokensTest, ConcurrentRequestsAndChanges) {
  std::string token = "Bearer " + Issue("alice");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) EXPECT_EQ((*tokens_->Authenticate(token))->user_id, "alice");
    });
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(users_->Update("alice", [&](User& user) -> Status {
      user.last_seen_ms = i;
      return {};
    }));
  }
}

TEST_F(TokensTest, ServersInOneProcessDoNotShareTokens) {
  std::string token = "Bearer " + Issue("alice");
  EXPECT_EQ(Authenticate(token), "alice user");
  tokens_ = std::make_unique<Tokens>(TokenOptions{.secret = "another secret of thirty-two bytes...."},
                                     *users_, clock_);
  EXPECT_EQ(Authenticate(token), "Invalid credentials");
}

TEST(TokenCache, FindsExactlyWhatWasPut) {
  TokenCache cache;
  auto principal = std::make_shared<const Principal>();
  EXPECT_EQ(cache.Find(1, "token"), nullptr);
  cache.Put({1, "token", principal, 5, 6});
  ASSERT_NE(cache.Find(1, "token"), nullptr);
  EXPECT_EQ(cache.Find(1, "token")->expires_at, 5);
  EXPECT_EQ(cache.Find(2, "token"), nullptr);
  EXPECT_EQ(cache.Find(1, "Token"), nullptr);
  EXPECT_EQ(cache.Find(1, ""), nullptr);
}

TEST(TokenCache, IsBounded) {
  TokenCache cache;
  auto principal = std::make_shared<const Principal>();
  SeededRandom random(3);
  for (size_t i = 0; i < 3 * TokenCache::kSlots; ++i) {
    std::string bytes(32, '\0');
    random.Fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    std::string token = "head.body." + Base64UrlEncode(bytes);
    cache.Put({1, token, principal, 5, 6});
    ASSERT_NE(cache.Find(1, token), nullptr);
  }
  EXPECT_LE(principal.use_count(), static_cast<long>(TokenCache::kSlots) + 1);
  EXPECT_GT(principal.use_count(), static_cast<long>(TokenCache::kSlots) / 2) << "slots are used evenly";
}

TEST(Secrets, Insecure) {
  for (const char* bad :
       {"", "test", "CHANGE_ME_IN_PRODUCTION", "kalamdb-dev-secret-key-change-in-production",
        "your-secret-key-at-least-32-chars-change-me-in-production", "thirty-one bytes are too few..."}) {
    EXPECT_TRUE(IsInsecureSecret(bad)) << bad;
  }
  EXPECT_FALSE(IsInsecureSecret(kSecret));
}

}  // namespace
}  // namespace kalam::auth
