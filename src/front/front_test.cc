// The parts of front that need no socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "front/chunked_body.h"
#include "front/client_ip.h"
#include "front/cors.h"
#include "front/error_table.h"
#include "front/fake_request_for_test.h"
#include "front/input_buffer.h"
#include "front/rate_limit.h"
#include "front/replies.h"
#include "front/request_parser.h"
#include "front/response_head.h"
#include "front/route.h"
#include "front/session_reply.h"
#include "front/sql_call.h"

namespace kalam::front {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// --- Errors ---

TEST(ErrorTableTest, EveryCodeHasARow) {
  std::set<ErrorCode> codes;
  for (const ErrorRow& row : ErrorTable()) {
    EXPECT_EQ(&RowOf(row.code), &row);
    EXPECT_TRUE(codes.insert(row.code).second);
    EXPECT_FALSE(row.wire.empty());
    EXPECT_GE(row.status, 400);
  }
  // A code after the last one known here would have a name.
  EXPECT_EQ(ErrorCodeName(static_cast<ErrorCode>(ErrorTable().size())), "unknown");
  EXPECT_NE(ErrorCodeName(static_cast<ErrorCode>(ErrorTable().size() - 1)), "unknown");
}

TEST(ErrorTableTest, ContractCodes) {
  const auto row = [](ErrorCode code) {
    return std::string(RowOf(code).wire) + " " + std::to_string(RowOf(code).status);
  };
  EXPECT_EQ(row(ErrorCode::kSyntax), "INVALID_SQL_SYNTAX 400");
  EXPECT_EQ(row(ErrorCode::kInsufficientRole), "AUTH_INSUFFICIENT_ROLE 403");
  EXPECT_EQ(row(ErrorCode::kNotFoundTable), "NOT_FOUND_TABLE 404");
  EXPECT_EQ(row(ErrorCode::kDeadline), "TIMEOUT_HANDLER_EXECUTION 408");
  EXPECT_EQ(row(ErrorCode::kTokenExpired), "TOKEN_EXPIRED 401");
  EXPECT_EQ(row(ErrorCode::kAlreadyExists), "SQL_EXECUTION_ERROR 400");
  EXPECT_EQ(WireCode(Error(ErrorCode::kUnsupported, "m")), "NOT_IMPLEMENTED_FEATURE");
  EXPECT_EQ(WireCode(Error(ErrorCode::kUnsupported, "m").With("feature", std::string("transactions"))),
            "NOT_IMPLEMENTED_TRANSACTION");
  EXPECT_EQ(WireCode(Error(ErrorCode::kUnsupported, "m").With("feature", std::string("views"))),
            "NOT_IMPLEMENTED_FEATURE");
}

class SqlErrorReplyTest : public ::testing::Test {
 protected:
  static HttpResponse Reply(const Error& error, bool is_admin) {
    return SqlErrorReply({error, 2, true, "INSERT INTO secret"}, {"r1", 0.5, 0, is_admin});
  }
};

TEST_F(SqlErrorReplyTest, AdministratorsSeeEverything) {
  const HttpResponse response = Reply(Error(ErrorCode::kAlreadyExists, "Row exists"), true);
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body,
              HasSubstr(R"("code":"SQL_EXECUTION_ERROR","message":"Statement 2 failed: Row exists")"));
  EXPECT_THAT(response.body, HasSubstr(R"("details":"INSERT INTO secret")"));
}

TEST_F(SqlErrorReplyTest, OthersSeeSafeMessagesWithoutTheStatement) {
  const HttpResponse response = Reply(Error(ErrorCode::kAlreadyExists, "Row exists"), false);
  EXPECT_THAT(response.body, HasSubstr(R"("message":"Statement 2 failed: Row exists")"));
  EXPECT_THAT(response.body, Not(HasSubstr("details")));
}

TEST_F(SqlErrorReplyTest, MissingTablesAreHiddenFromOthers) {
  const Error error =
      Error(ErrorCode::kNotFoundTable, "Table 't' not found").With("table_name", std::string("t"));
  const HttpResponse hidden = Reply(error, false);
  EXPECT_EQ(hidden.status, 404);
  EXPECT_THAT(hidden.body, HasSubstr(R"("message":"SQL statement failed")"));
  EXPECT_THAT(hidden.body, Not(HasSubstr("details")));
  EXPECT_THAT(Reply(error, true).body, HasSubstr(R"("details":{"table_name":"t"})"));
}

TEST_F(SqlErrorReplyTest, InternalTextsAreHiddenFromOthers) {
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kIo, ErrorCode::kCorruption}) {
    const HttpResponse response = Reply(Error(code, "pointer 0xdead"), false);
    EXPECT_EQ(response.status, 500);
    EXPECT_THAT(response.body, HasSubstr(R"("message":"SQL request failed")"));
    EXPECT_THAT(response.body, Not(HasSubstr("0xdead")));
    EXPECT_THAT(Reply(Error(code, "pointer 0xdead"), true).body, HasSubstr("0xdead"));
  }
}

TEST_F(SqlErrorReplyTest, OverloadTellsWhenToRetry) {
  const HttpResponse response = Reply(Error(ErrorCode::kUnavailable, "Busy"), false);
  EXPECT_EQ(response.status, 503);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
}

TEST(RepliesTest, GuardBodies) {
  EXPECT_EQ(
      BodyTooLargeReply(20, 10).body,
      R"({"error":"BODY_TOO_LARGE","message":"Request body exceeds maximum allowed size","size_bytes":20,"max_bytes":10})");
  EXPECT_EQ(
      BannedReply().body,
      R"({"error":"IP_BANNED","message":"Your IP has been temporarily banned due to excessive requests","retry_after_seconds":300})");
  EXPECT_EQ(AuthErrorReply(401, "unauthorized", "a\"b").body, R"({"error":"unauthorized","message":"a\"b"})");
  EXPECT_EQ(PlainErrorReply(403, "no").body, R"({"error":"no"})");
}

// --- Client address ---

TEST(ClientIpTest, Canonical) {
  EXPECT_EQ(CanonicalIp("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(CanonicalIp("::FFFF:1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(CanonicalIp("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(LimitKey("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(LimitKey("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
  EXPECT_EQ(LimitKey("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(LimitKey("2001:db8:1:3::1"), "2001:db8:1:3::/64");
  EXPECT_EQ(LimitKey("::1"), "::/64");
  EXPECT_EQ(CanonicalIp("example.org"), "");
  EXPECT_EQ(CanonicalIp("1.2.3"), "");
  EXPECT_EQ(CanonicalIp(""), "");
}

TEST(ClientIpTest, LocalhostIsThreeSpellings) {
  EXPECT_TRUE(IsLocalhost("127.0.0.1"));
  EXPECT_TRUE(IsLocalhost("::1"));
  EXPECT_TRUE(IsLocalhost("localhost"));
  EXPECT_FALSE(IsLocalhost("127.0.0.2"));
  EXPECT_FALSE(IsLocalhost(""));
}

TEST(ClientIpTest, TrustedPeers) {
  const std::vector<std::string> ranges = {"10.0.0.0/8", "192.168.1.7", "2001:db8::/33", "bad", "1.2.3.4/99"};
  const ClientIpRule rule(ranges);
  EXPECT_TRUE(rule.IsTrusted("127.0.0.1"));
  EXPECT_TRUE(rule.IsTrusted("127.9.9.9"));
  EXPECT_TRUE(rule.IsTrusted("::1"));
  EXPECT_TRUE(rule.IsTrusted("10.255.0.1"));
  EXPECT_FALSE(rule.IsTrusted("11.0.0.1"));
  EXPECT_TRUE(rule.IsTrusted("192.168.1.7"));
  EXPECT_FALSE(rule.IsTrusted("192.168.1.8"));
  EXPECT_TRUE(rule.IsTrusted("2001:db8:7fff::1"));
  EXPECT_FALSE(rule.IsTrusted("2001:db8:8000::1"));
  EXPECT_FALSE(rule.IsTrusted("1.2.3.4"));
  EXPECT_FALSE(rule.IsTrusted(""));
}

TEST(ClientIpTest, ForwardedClient) {
  const auto client = [](std::string_view forwarded_for, std::string_view real_ip) {
    return ClientIpRule::ForwardedClient(forwarded_for, real_ip, "127.0.0.1");
  };
  EXPECT_EQ(client("1.2.3.4", ""), "1.2.3.4");
  EXPECT_EQ(client(" 1.2.3.4 , 10.0.0.1", "5.6.7.8"), "1.2.3.4");
  EXPECT_EQ(client("1.2.3.4:5678", ""), "1.2.3.4");
  EXPECT_EQ(client("[2001:db8::1]:80", ""), "2001:db8::1");
  EXPECT_EQ(client("::ffff:1.2.3.4", ""), "1.2.3.4");
  EXPECT_EQ(client("", "5.6.7.8"), "5.6.7.8");
  EXPECT_EQ(client("garbage", "5.6.7.8"), "5.6.7.8");
  EXPECT_EQ(client("127.0.0.1", "5.6.7.8"), "5.6.7.8");
  EXPECT_EQ(client("localhost", "::1"), "127.0.0.1");
  EXPECT_EQ(client("[", "["), "127.0.0.1");
}

// --- Rates ---

config::Settings::RateLimit Limits() {
  config::Settings::RateLimit limits;
  limits.max_requests_per_ip_per_sec = 10;
  limits.ban_duration_seconds = 300;
  return limits;
}

TEST(TokenBucketsTest, StartsFullAndRefills) {
  ManualClock clock(0);
  TokenBuckets buckets(5, Limits());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(buckets.Take("a", clock.MonotonicNanos()));
  EXPECT_FALSE(buckets.Take("a", clock.MonotonicNanos()));
  EXPECT_TRUE(buckets.Take("b", clock.MonotonicNanos()));
  clock.AdvanceMicros(200'000);
  EXPECT_TRUE(buckets.Take("a", clock.MonotonicNanos()));
  EXPECT_FALSE(buckets.Take("a", clock.MonotonicNanos()));
  clock.AdvanceMicros(60'000'000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(buckets.Take("a", clock.MonotonicNanos()));
  EXPECT_FALSE(buckets.Take("a", clock.MonotonicNanos()));
}

TEST(TokenBucketsTest, ZeroIsNoLimit) {
  TokenBuckets buckets(0, Limits());
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(buckets.Take("a", 0));
}

TEST(RecentEntriesTest, IsBoundedAndForgetsTheIdle) {
  RecentEntries<int> entries(3, 100);
  entries.Use("a", 0) = 1;
  entries.Use("b", 1) = 2;
  entries.Use("c", 2) = 3;
  EXPECT_EQ(entries.Use("a", 3), 1);
  entries.Use("d", 4) = 4;
  EXPECT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries.Use("a", 5), 1);
  EXPECT_EQ(entries.Use("b", 6), 0);  // was the oldest
  for (int i = 0; i < 3; ++i) entries.Use("b", 1'000);
  EXPECT_EQ(entries.size(), 1u);
}

TEST(IpGuardTest, LimitsAndBans) {
  ManualClock clock(0);
  IpGuard guard(Limits());
  const auto status = [&] {
    const auto refusal = guard.Check("1.2.3.4", clock.MonotonicNanos());
    return refusal ? refusal->body.substr(10, 9) : "";
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(), "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(), "RATE_LIMI");
  EXPECT_EQ(status(), "IP_BANNED");
  EXPECT_FALSE(guard.Check("1.2.3.5", clock.MonotonicNanos()));
  clock.AdvanceMicros(299'000'000);
  EXPECT_EQ(status(), "IP_BANNED");
  clock.AdvanceMicros(1'000'001);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(), "");
  EXPECT_EQ(status(), "RATE_LIMI");
  EXPECT_EQ(status(), "IP_BANNED");
}

TEST(IpGuardTest, LoopbackAndSwitchedOff) {
  IpGuard guard(Limits());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(guard.Check("127.0.0.1", 0));
  auto limits = Limits();
  limits.enable_connection_protection = false;
  IpGuard off(limits);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(off.Check("1.2.3.4", 0));
}

// --- CORS ---

std::string CorsLines(const Cors& cors, std::string_view origin) {
  std::string out;
  cors.AppendHeaders(origin, out);
  return out;
}

TEST(CorsTest, EveryOriginByDefault) {
  const Cors cors({});
  EXPECT_EQ(CorsLines(cors, "http://a"),
            "Access-Control-Allow-Origin: http://a\r\n"
            "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n");
}

TEST(CorsTest, ListedOriginsOnly) {
  config::Settings::Security::Cors settings;
  settings.allowed_origins = {"http://a"};
  settings.allow_credentials = true;
  settings.expose_headers = {"X-One", "X-Two"};
  const Cors cors(settings);
  EXPECT_THAT(CorsLines(cors, "http://a"), HasSubstr("Access-Control-Allow-Credentials: true\r\n"));
  EXPECT_THAT(CorsLines(cors, "http://a"), HasSubstr("Access-Control-Expose-Headers: X-One, X-Two\r\n"));
  EXPECT_EQ(CorsLines(cors, "http://A"), "");
  EXPECT_EQ(CorsLines(cors, "http://b"), "");
}

TEST(CorsTest, Preflight) {
  config::Settings::Security::Cors settings;
  settings.allowed_origins = {"http://a"};
  const Cors cors(settings);
  FakeRequest request;
  request.method_value = Method::kOptions;
  request.headers = {{"Origin", "http://a"},
                     {"Access-Control-Request-Method", "POST"},
                     {"Access-Control-Request-Headers", "authorization, content-type"}};
  EXPECT_TRUE(Cors::IsPreflight(request));
  const HttpResponse good = cors.Preflight(request);
  EXPECT_EQ(good.status, 200);
  EXPECT_THAT(good.headers,
              ::testing::Contains(std::pair<std::string, std::string>("Access-Control-Max-Age", "3600")));
  request.headers["Access-Control-Request-Headers"] = "x-secret";
  EXPECT_EQ(cors.Preflight(request).status, 400);
  request.headers.erase("Access-Control-Request-Headers");
  request.headers["Access-Control-Request-Method"] = "TRACE";
  EXPECT_EQ(cors.Preflight(request).status, 400);
  request.headers["Access-Control-Request-Method"] = "POST";
  request.headers["Origin"] = "http://b";
  EXPECT_EQ(cors.Preflight(request).status, 400);
  request.headers.erase("Access-Control-Request-Method");
  EXPECT_FALSE(Cors::IsPreflight(request));
}

// --- HTTP ---

struct Parsed {
  std::string text;
  RequestHead head;
  HeadFault fault = HeadFault::kNone;

  explicit Parsed(std::string bytes) : text(std::move(bytes)) { fault = ParseHead(text, head); }
  std::string_view path() const { return head.path.In(text.data()); }
  std::string_view query() const { return head.query.In(text.data()); }
  std::optional<std::string_view> Find(std::string_view name) const { return head.Find(name, text.data()); }
};

TEST(RequestParserTest, Head) {
  const Parsed parsed(
      "POST /v1/api/sql?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Empty:\r\nx-ID:  7 \r\n\r\n");
  ASSERT_EQ(parsed.fault, HeadFault::kNone);
  EXPECT_EQ(parsed.head.method, Method::kPost);
  EXPECT_EQ(parsed.path(), "/v1/api/sql");
  EXPECT_EQ(parsed.query(), "a=b");
  EXPECT_EQ(parsed.head.content_length, 5u);
  EXPECT_TRUE(parsed.head.keep_alive);
  EXPECT_FALSE(parsed.head.chunked);
  EXPECT_EQ(parsed.Find("X-Id"), "7");
  EXPECT_EQ(parsed.Find("x-empty"), "");
  EXPECT_FALSE(parsed.Find("x-none"));
}

TEST(RequestParserTest, VersionsAndConnections) {
  EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(Parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
  EXPECT_FALSE(Parsed("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(Parsed("GET / HTTP/1.0\r\n\r\n").head.http_1_0);
  EXPECT_EQ(Parsed("GET / HTTP/2.0\r\n\r\n").fault, HeadFault::kVersion);
  EXPECT_EQ(Parsed("BREW / HTTP/1.1\r\n\r\n").head.method, Method::kOther);
}

TEST(RequestParserTest, Targets) {
  EXPECT_EQ(Parsed("GET http://h:80/p/q?x HTTP/1.1\r\n\r\n").path(), "/p/q");
  EXPECT_EQ(Parsed("GET http://h:80/p/q?x HTTP/1.1\r\n\r\n").query(), "x");
  EXPECT_EQ(Parsed("GET /a?http://b/c HTTP/1.1\r\n\r\n").path(), "/a");
  EXPECT_EQ(Parsed("OPTIONS * HTTP/1.1\r\n\r\n").path(), "*");
  EXPECT_EQ(Parsed("GET http://h HTTP/1.1\r\n\r\n").path(), "http://h");
  EXPECT_EQ(Parsed("GET /a? HTTP/1.1\r\n\r\n").query(), "");
}

TEST(RequestParserTest, Faults) {
  for (const char* text :
       {"GET /\r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nBad Name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nA\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"}) {
    EXPECT_EQ(Parsed(text).fault, HeadFault::kMalformed) << text;
  }
  for (const char* coding :
       {"gzip", "gzip, chunked", "chunked, chunked", "gzip\r\nTransfer-Encoding: chunked"}) {
    EXPECT_EQ(Parsed(std::string("POST / HTTP/1.1\r\nTransfer-Encoding: ") + coding + "\r\n\r\n").fault,
              HeadFault::kTransferCoding)
        << coding;
  }
  EXPECT_TRUE(Parsed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").head.chunked);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  EXPECT_EQ(Parsed(many + "\r\n").fault, HeadFault::kTooManyFields);
}

TEST(RequestParserTest, FindsTheEndWhereverTheCutIs) {
  const std::string text = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody";
  const size_t end = text.find("body");
  for (size_t cut = 0; cut < end; ++cut) {
    EXPECT_EQ(FindHeadEnd(std::string_view(text).substr(0, cut), 0), 0u);
    EXPECT_EQ(FindHeadEnd(text, cut), end);
  }
}

struct Decoded {
  ChunkedBody::State state;
  std::string text;
  size_t used;
};

Decoded Decode(std::string_view bytes, size_t step, uint64_t max = 1'000) {
  ChunkedBody body(max);
  size_t total = 0;
  ChunkedBody::State state = ChunkedBody::State::kMore;
  while (state == ChunkedBody::State::kMore && total < bytes.size()) {
    size_t used = 0;
    state = body.Feed(bytes.substr(total, step), used);
    total += used;
  }
  return {state, body.text(), total};
}

TEST(ChunkedBodyTest, AnyPieces) {
  const std::string text = "5\r\nhello\r\n1;a=\"b\"\r\n \r\n00B \r\nwide\r\nworld\r\n0\r\nX: y\r\nZ:\r\n\r\n";
  for (size_t step = 1; step <= text.size() + 4; ++step) {
    const Decoded decoded = Decode(text + "next", step);
    EXPECT_EQ(decoded.state, ChunkedBody::State::kDone) << step;
    EXPECT_EQ(decoded.text, "hello wide\r\nworld");
    EXPECT_EQ(decoded.used, text.size());
  }
}

TEST(ChunkedBodyTest, Refusals) {
  for (const char* text : {"\r\n", "x\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX", "-1\r\n", "0x5\r\n",
                           " 5\r\n", "1234567890abcdef\r\n", "0\r\n\n", "5;\n\r\n", "0\r\nA\x01: b\r\n"}) {
    EXPECT_EQ(Decode(text, 3).state, ChunkedBody::State::kMalformed) << text;
  }
  EXPECT_EQ(Decode("5\r\nhello\r\n6\r\n", 3, 10).state, ChunkedBody::State::kTooLarge);
  EXPECT_EQ(Decode("fffffffffffffff\r\n", 3, 10).state, ChunkedBody::State::kTooLarge);
  EXPECT_EQ(Decode("5\r\nhello\r\n5\r\nhello\r\n", 3, 10).state, ChunkedBody::State::kMore);
  EXPECT_EQ(Decode("0\r\n" + std::string(9'000, 'x'), 100).state, ChunkedBody::State::kMalformed);
}

TEST(InputBufferTest, KeepsBytesInOnePiece) {
  InputBuffer buffer;
  std::string expected;
  std::string received;
  for (int i = 0; i < 200; ++i) {
    const std::string piece(static_cast<size_t>(1 + i % 37), static_cast<char>('a' + i % 26));
    std::memcpy(buffer.Prepare(piece.size()).data(), piece.data(), piece.size());
    buffer.Commit(piece.size());
    expected += piece;
    if (i % 3 == 0) {
      const size_t size = buffer.size() / 2;
      received += buffer.view().substr(0, size);
      buffer.Consume(size);
    }
  }
  received += buffer.view();
  EXPECT_EQ(received, expected);
  buffer.Consume(buffer.size());
  buffer.Release();
  EXPECT_EQ(buffer.capacity(), 0u);
  std::memcpy(buffer.Prepare(6).data(), "abcdef", 6);
  buffer.Commit(6);
  buffer.Consume(1);
  buffer.Erase(1, 2);
  EXPECT_EQ(buffer.view(), "bef");
}

TEST(ResponseHeadTest, Lines) {
  std::string out;
  AppendStatusLine(431, out);
  AppendContentLength(1'234, out);
  EXPECT_EQ(out, "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 1234\r\n");
}

// --- Routes ---

TEST(RoutesTest, Matching) {
  EXPECT_NE(FindRoute("/v1/api/sql", Method::kPost).route, nullptr);
  EXPECT_NE(FindRoute("/health", Method::kHead).route, nullptr);
  EXPECT_EQ(FindRoute("/v1/api/sql", Method::kGet).refusal->status, 404);
  EXPECT_EQ(FindRoute("/health/", Method::kGet).refusal->status, 404);
  const RouteMatch wrong = FindRoute("/v1/api/auth/login", Method::kGet);
  EXPECT_EQ(wrong.refusal->status, 405);
  EXPECT_EQ(wrong.refusal->headers[0], (std::pair<std::string, std::string>("Allow", "POST")));
  EXPECT_EQ(FindRoute("/health", Method::kDelete).refusal->headers[0].second, "GET, HEAD");
}

TEST(RoutesTest, EachPathOnce) {
  std::set<std::string_view> paths;
  for (const Route& route : Routes()) EXPECT_TRUE(paths.insert(route.path).second) << route.path;
}

TEST(SqlCallTest, RequestIds) {
  SeededRandom random(1);
  FakeRequest request;
  EXPECT_EQ(RequestIdOf(request, random).size(), 36u);
  request.headers["X-Request-ID"] = "abc-1";
  EXPECT_EQ(RequestIdOf(request, random), "abc-1");
  request.headers["X-Request-ID"] = std::string(128, 'a');
  EXPECT_EQ(RequestIdOf(request, random).size(), 128u);
  for (const std::string& bad :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("\xC3\xA9")}) {
    request.headers["X-Request-ID"] = bad;
    EXPECT_EQ(RequestIdOf(request, random).size(), 36u);
  }
}

TEST(SqlCallTest, RandomBlockNeverRepeats) {
  SeededRandom random(1);
  RandomBlock block(random);
  std::set<std::string> ids;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(ids.insert(UuidV4(block)).second);
}

TEST(SqlCallTest, JsonContentTypes) {
  EXPECT_TRUE(IsJsonContentType("application/json"));
  EXPECT_TRUE(IsJsonContentType("Application/JSON; charset=utf-8"));
  EXPECT_FALSE(IsJsonContentType("application/jsonp"));
  EXPECT_FALSE(IsJsonContentType("text/plain"));
  EXPECT_FALSE(IsJsonContentType(""));
}

TEST(SessionReplyTest, Cookies) {
  FakeRequest request;
  EXPECT_FALSE(CookieOf(request, kAuthCookie));
  request.headers["Cookie"] = "a=b; kalamdb_auth=tok.en=; xkalamdb_auth=no;kalamdb_refresh=r";
  EXPECT_EQ(CookieOf(request, kAuthCookie), "tok.en=");
  EXPECT_EQ(CookieOf(request, kRefreshCookie), "r");
  request.headers["Cookie"] = "kalamdb_auth=; =; ;kalamdb_auth";
  EXPECT_FALSE(CookieOf(request, kAuthCookie));
}

TEST(SessionReplyTest, BearerTokens) {
  EXPECT_EQ(*BearerTokenOf("Bearer abc"), "abc");
  EXPECT_EQ(*BearerTokenOf("bearer  abc"), "abc");
  EXPECT_EQ(BearerTokenOf("Bearer ").error().message, "Bearer token missing");
  EXPECT_EQ(BearerTokenOf("Basic abc").error().message, "Authorization header must use Bearer token");
  EXPECT_EQ(BearerTokenOf("").error().message, "Authorization header must use Bearer token");
}

TEST(SessionReplyTest, UserJson) {
  auth::User user;
  user.user_id = "alice";
  user.role = Role::kDba;
  user.created_at_ms = 1'777'626'000'123;
  user.updated_at_ms = 1'777'626'000'124;
  std::string json;
  AppendUserJson(user, json);
  EXPECT_EQ(
      json,
      R"({"id":"alice","role":"dba","email":null,"created_at":"2026-05-01T09:00:00.123+00:00","updated_at":"2026-05-01T09:00:00.124+00:00"})");
}

}  // namespace
}  // namespace kalam::front
