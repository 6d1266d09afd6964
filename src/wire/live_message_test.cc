#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <thread>

#include "wire/live_body.h"
#include "wire/live_reply.h"
#include "wire/live_request.h"
#include "wire/live_rows.h"
#include "wire/message_pack.h"

namespace kalam::wire {
namespace {

using ::testing::HasSubstr;

constexpr LiveEncoding kBoth[] = {LiveEncoding::kJson, LiveEncoding::kMessagePack};

std::string Plain(const LiveBody& body, const LiveId& id) {
  return std::string(body.head()) + std::string(body.EncodedId(id)) + std::string(body.tail());
}

// The message as JSON, whatever its encoding: both must say the same, in the same order.
std::string AsJson(const LiveBody& body, std::string_view id) {
  const std::string text = Plain(body, LiveId(id));
  if (body.form() == LiveBody::Form::kText) return text;
  auto json = PackToJson(text, 64 << 20);
  return json ? *json : "error: " + json.error().message;
}

std::string Gzip(const LiveBody& body, const LiveId& id) {
  const std::string_view encoded = body.EncodedId(id);
  const LiveBody::Deflated* deflated = body.deflated(encoded.size());
  if (deflated == nullptr) return {};
  std::string out;
  AppendGzipLead(body, encoded, out);
  out += deflated->bytes;
  AppendGzipTrailer(body, encoded, out);
  EXPECT_EQ(out.size(), GzipSize(body, encoded.size()));
  return out;
}

// zlib, as clients use it: checks the checksum and the size too.
std::string Inflate(const std::string& gzip) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? out : "zlib error " + std::to_string(result);
}

LiveRows Rows(LiveEncoding encoding, const std::vector<std::pair<std::string, Value>>& fields,
              int count = 1) {
  LiveRows rows(encoding);
  for (int i = 0; i < count; ++i) {
    rows.BeginRow();
    for (const auto& [name, value] : fields) EXPECT_TRUE(rows.Add(MakeLiveKey(encoding, name), value));
    rows.EndRow();
  }
  return rows;
}

// --- Messages from the server ---

TEST(LiveReplyTest, AckHasTheFieldsOfTheProtocol) {
  const std::vector<ResultColumn> schema = {{"id", Type(TypeKind::kInt), true, true},
                                            {"label", Type(TypeKind::kText)},
                                            {"price", {TypeKind::kDecimal, 10, 2, 0}},
                                            {"v", {TypeKind::kEmbedding, 0, 0, 384}},
                                            {"_seq", Type(TypeKind::kBigInt), false, true}};
  for (const LiveEncoding encoding : kBoth) {
    EXPECT_EQ(
        AsJson(*AckBody(encoding, {0, true, 7310000000000000102}, schema), "s\"1"),
        R"({"type":"subscription_ack","subscription_id":"s\"1","total_rows":0,)"
        R"("batch_control":{"batch_num":0,"has_more":true,"status":"loading","last_seq_id":7310000000000000102},)"
        R"("schema":[{"name":"id","data_type":"Int","index":0,"flags":["pk","nn","uq"]},)"
        R"({"name":"label","data_type":"Text","index":1},)"
        R"({"name":"price","data_type":{"Decimal":{"precision":10,"scale":2}},"index":2},)"
        R"({"name":"v","data_type":{"Embedding":384},"index":3},)"
        R"({"name":"_seq","data_type":"BigInt","index":4,"flags":["nn"]}]})");
  }
}

TEST(LiveReplyTest, PagesSayWhetherMoreComes) {
  for (const LiveEncoding encoding : kBoth) {
    EXPECT_EQ(AsJson(*DataBatchBody({0, false, std::nullopt}, LiveRows(encoding)), "s1"),
              R"({"type":"initial_data_batch","subscription_id":"s1","rows":[],)"
              R"("batch_control":{"batch_num":0,"has_more":false,"status":"ready","last_seq_id":null}})");
    EXPECT_EQ(AsJson(*DataBatchBody({3, true, 7}, Rows(encoding, {{"a", Value::BigInt(5)}}, 2)), "s1"),
              R"({"type":"initial_data_batch","subscription_id":"s1","rows":[{"a":"5"},{"a":"5"}],)"
              R"("batch_control":{"batch_num":3,"has_more":true,"status":"loading_batch","last_seq_id":7}})");
  }
}

TEST(LiveReplyTest, ChangesOmitWhatIsAbsent) {
  for (const LiveEncoding encoding : kBoth) {
    const auto row = [&] { return Rows(encoding, {{"id", Value::Integer(TypeKind::kInt, 1)}}); };
    EXPECT_EQ(AsJson(*ChangeBody(encoding, LiveChange::kInsert, row(), std::nullopt), "s1"),
              R"({"type":"change","subscription_id":"s1","change_type":"insert","rows":[{"id":1}]})");
    EXPECT_EQ(
        AsJson(*ChangeBody(encoding, LiveChange::kUpdate, row(), row()), "s1"),
        R"({"type":"change","subscription_id":"s1","change_type":"update","rows":[{"id":1}],"old_values":[{"id":1}]})");
    EXPECT_EQ(AsJson(*ChangeBody(encoding, LiveChange::kDelete, std::nullopt, row()), "s1"),
              R"({"type":"change","subscription_id":"s1","change_type":"delete","old_values":[{"id":1}]})");
  }
}

TEST(LiveReplyTest, ErrorsAreJsonText) {
  const LiveBodyPtr error = LiveErrorBody("NOT_FOUND", "Not found: Table not found: a.\"b\"");
  EXPECT_EQ(error->form(), LiveBody::Form::kText);
  EXPECT_EQ(Plain(*error, LiveId("s1")), R"({"type":"error","subscription_id":"s1","code":"NOT_FOUND",)"
                                         R"("message":"Not found: Table not found: a.\"b\""})");
  // However long: clients with MessagePack take text for JSON and binary for their own.
  EXPECT_EQ(LiveErrorBody("X", std::string(5000, 'x'))->deflated(4), nullptr);
}

TEST(LiveReplyTest, AuthReplies) {
  EXPECT_EQ(AuthSuccessJson({"u_\"7", Role::kDba}, {}),
            R"({"type":"auth_success","user":"u_\"7","role":"dba",)"
            R"("protocol":{"serialization":"json","compression":"gzip"}})");
  EXPECT_EQ(AuthSuccessJson({"u", Role::kUser}, {LiveEncoding::kMessagePack, false}),
            R"({"type":"auth_success","user":"u","role":"user",)"
            R"("protocol":{"serialization":"msgpack","compression":"none"}})");
  EXPECT_EQ(AuthErrorJson("Invalid credentials"), R"({"type":"auth_error","message":"Invalid credentials"})");
}

TEST(LiveRowsTest, EveryTypeReadsTheSameInBothEncodings) {
  const std::string long_text(70'000, 'v');
  const std::array<float, 2> embedding = {0.5f, -3.25f};
  const std::string_view embedding_bytes(reinterpret_cast<const char*>(embedding.data()), sizeof embedding);
  const std::vector<std::pair<std::string, Value>> fields = {
      {"null", Value::Null(TypeKind::kText)},
      {"yes", Value::Boolean(true)},
      {"no", Value::Boolean(false)},
      {"small", Value::Integer(TypeKind::kSmallInt, -32'768)},
      {"int", Value::Integer(TypeKind::kInt, 2'147'483'647)},
      {"negative", Value::Integer(TypeKind::kInt, -5)},
      {"big", Value::BigInt(-9'223'372'036'854'775'807 - 1)},
      {"unsigned", Value::Integer(TypeKind::kUBigInt, -1)},
      {"float", Value::Real(TypeKind::kFloat, 0.5)},
      {"double", Value::Real(TypeKind::kDouble, 1e300)},
      {"timestamp", Value::Integer(TypeKind::kTimestamp, 1'700'000'000'123'456)},
      {"date", Value::Integer(TypeKind::kDate, -1)},
      {"time", Value::Integer(TypeKind::kTime, 86'399'999'999)},
      {"datetime", Value::Integer(TypeKind::kDateTime, 70'000)},
      {"decimal", Value::Wide(TypeKind::kDecimal, -1234, 2)},
      {"uuid", Value::Wide(TypeKind::kUuid, Int128{1} << 100)},
      {"text", Value::Text("h\xC3\xA9 \"quoted\" \xFF end")},
      {"json", Value::Bytes(TypeKind::kJson, R"({"a":[1]})")},
      {"file", Value::Bytes(TypeKind::kFile, "f")},
      {"bytes", Value::Bytes(TypeKind::kBytes, std::string_view("\x00\x7f\xff", 3))},
      {"embedding", Value::Bytes(TypeKind::kEmbedding, embedding_bytes)},
      {std::string(40, 'k'), Value::Text(long_text)},
  };
  const std::string json = Rows(LiveEncoding::kJson, fields, 3).Finish();
  const auto packed = PackToJson(Rows(LiveEncoding::kMessagePack, fields, 3).Finish(), 1 << 20);
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(*packed, json);
  EXPECT_THAT(json, HasSubstr(R"("big":"-9223372036854775808")"));
  EXPECT_THAT(json, HasSubstr(R"("decimal":"-12.34")"));
  EXPECT_THAT(json, HasSubstr(R"("bytes":[0,127,255])"));
}

TEST(LiveRowsTest, ARowThatCannotBeShownIsDropped) {
  for (const LiveEncoding encoding : kBoth) {
    LiveRows rows = Rows(encoding, {{"a", Value::BigInt(1)}});
    rows.BeginRow();
    EXPECT_FALSE(rows.Add(MakeLiveKey(encoding, "x"),
                          Value::Real(TypeKind::kDouble, std::numeric_limits<double>::quiet_NaN())));
    rows.DropRow();
    EXPECT_EQ(rows.size(), 1u);
    rows.BeginRow();
    EXPECT_TRUE(rows.Add(MakeLiveKey(encoding, "a"), Value::BigInt(2)));
    rows.EndRow();
    EXPECT_THAT(AsJson(*DataBatchBody({}, std::move(rows)), "s"),
                HasSubstr(R"("rows":[{"a":"1"},{"a":"2"}])"));
  }
}

TEST(LiveRowsTest, LargePagesKeepTheirCount) {
  LiveRows rows = Rows(LiveEncoding::kMessagePack, {{"a", Value::BigInt(1)}}, 70'000);
  EXPECT_EQ(rows.size(), 70'000u);
  const auto json = PackToJson(std::move(rows).Finish(), 1 << 20);
  ASSERT_TRUE(json);
  EXPECT_EQ(std::count(json->begin(), json->end(), '{'), 70'000);
}

// --- Compression ---

LiveBodyPtr Change(LiveEncoding encoding, const std::string& text) {
  return ChangeBody(encoding, LiveChange::kInsert, Rows(encoding, {{"text", Value::Text(text)}}),
                    std::nullopt);
}

TEST(LiveBodyTest, GzipMembersOfOneBodyDecodeForEveryReceiver) {
  for (const LiveEncoding encoding : kBoth) {
    const LiveBodyPtr body = Change(encoding, std::string(3'000, 'x') + "end");
    for (const std::string& name :
         {std::string("s"), std::string("sub-0123456789abcdef"), std::string(500, 'i')}) {
      const LiveId id(name);
      const std::string gzip = Gzip(*body, id);
      ASSERT_FALSE(gzip.empty());
      EXPECT_LT(gzip.size(), Plain(*body, id).size());
      EXPECT_EQ(Inflate(gzip), Plain(*body, id));
      std::string out;
      ASSERT_TRUE(Gunzip(gzip, 1 << 20, out));
      EXPECT_EQ(out, Plain(*body, id));
    }
  }
}

TEST(LiveBodyTest, SmallOrDenseFramesStayAsTheyAre) {
  EXPECT_EQ(Change(LiveEncoding::kJson, std::string(300, 'x'))->deflated(4), nullptr);
  std::mt19937_64 random(7);
  std::string dense;
  for (int i = 0; i < 4'000; ++i) dense.push_back(static_cast<char>(32 + random() % 95));
  const LiveBodyPtr body = Change(LiveEncoding::kJson, dense);
  const std::string gzip = Gzip(*body, LiveId("s1"));
  EXPECT_TRUE(gzip.empty() || gzip.size() < Plain(*body, LiveId("s1")).size());
  // At the border: the id counts too.
  const LiveBodyPtr border = Change(LiveEncoding::kJson, std::string(420, 'x'));
  const size_t without_id = border->size(0);
  ASSERT_LT(without_id, kLiveCompressBytesMin);
  EXPECT_EQ(border->deflated(kLiveCompressBytesMin - without_id - 1), nullptr);
  EXPECT_NE(border->deflated(kLiveCompressBytesMin - without_id), nullptr);
}

TEST(LiveBodyTest, ThreadsMayDeflateAtTheSameTime) {
  const LiveBodyPtr body = Change(LiveEncoding::kJson, std::string(100'000, 'x'));
  const std::string plain = Plain(*body, LiveId("s1"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(Inflate(Gzip(*body, LiveId("s1"))), plain); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(GunzipTest, RefusesWhatIsTooLargeOrBroken) {
  const LiveBodyPtr body = Change(LiveEncoding::kJson, std::string(10'000, 'x'));
  const std::string gzip = Gzip(*body, LiveId("s1"));
  std::string out;
  EXPECT_FALSE(Gunzip(gzip, 1'000, out));
  EXPECT_TRUE(Gunzip(gzip, 20'000, out));
  for (size_t size = 0; size < gzip.size(); ++size) EXPECT_FALSE(Gunzip(gzip.substr(0, size), 20'000, out));
  EXPECT_FALSE(Gunzip(gzip + "x", 20'000, out));
  std::string lying = gzip;  // claims less than it holds
  lying[lying.size() - 4] = 1;
  lying[lying.size() - 3] = 0;
  EXPECT_FALSE(Gunzip(lying, 20'000, out));
}

// --- Messages from the client ---

template <typename T>
T ReadJson(std::string_view json) {
  LiveRequestReader reader;
  auto request = reader.ReadJson(json);
  if (!request || !std::holds_alternative<T>(*request)) {
    ADD_FAILURE() << json << ": " << (request ? "another kind" : request.error().message);
    return {};
  }
  return std::get<T>(std::move(*request));
}

std::string Fault(std::string_view json) {
  LiveRequestReader reader;
  const auto request = reader.ReadJson(json);
  return request ? "" : request.error().message;
}

TEST(LiveRequestTest, Authenticate) {
  auto full = ReadJson<LiveAuthenticate>(
      R"({"type":"authenticate","method":"jwt","token":"t.o.k","protocol":{"serialization":"msgpack","compression":"none"}})");
  EXPECT_EQ(full.token, "t.o.k");
  EXPECT_EQ(full.protocol.encoding, LiveEncoding::kMessagePack);
  EXPECT_FALSE(full.protocol.gzip);
  for (const std::string_view protocol :
       {"", R"(,"protocol":null)", R"(,"protocol":{})", R"(,"protocol":{"compression":"gzip"})"}) {
    auto request = ReadJson<LiveAuthenticate>(std::string(R"({"type":"authenticate","token":"t")") +
                                              std::string(protocol) + "}");
    EXPECT_EQ(request.protocol.encoding, LiveEncoding::kJson);
    EXPECT_TRUE(request.protocol.gzip);
  }
  EXPECT_EQ(Fault(R"({"type":"authenticate","method":"jwt"})"), "missing field `token`");
  EXPECT_THAT(Fault(R"({"type":"authenticate","method":"basic","token":"t"})"), HasSubstr("`method`"));
  // What is wrong is said without what was sent: a token may be among it.
  EXPECT_EQ(Fault(R"({"type":"authenticate","token":{"secret":1}})"), "field `token` must be a string");
}

TEST(LiveRequestTest, SubscribeTellsNoOptionsFromEmptyOnes) {
  auto live_only =
      ReadJson<LiveSubscribe>(R"({"type":"subscribe","subscription":{"id":"s1","sql":"SELECT 1"}})");
  EXPECT_EQ(live_only.id, "s1");
  EXPECT_EQ(live_only.sql, "SELECT 1");
  EXPECT_FALSE(live_only.options);
  EXPECT_FALSE(
      ReadJson<LiveSubscribe>(R"({"type":"subscribe","subscription":{"id":"s","sql":"q","options":null}})")
          .options);
  auto snapshot =
      ReadJson<LiveSubscribe>(R"({"type":"subscribe","subscription":{"id":"","sql":"q","options":{}}})");
  ASSERT_TRUE(snapshot.options);
  EXPECT_FALSE(snapshot.options->batch_size || snapshot.options->last_rows || snapshot.options->from);
}

TEST(LiveRequestTest, SequenceIdsAreExact) {
  const auto from = [](std::string_view options) {
    auto request = ReadJson<LiveSubscribe>(
        R"({"type":"subscribe","subscription":{"id":"s","sql":"q","options":)" + std::string(options) + "}}");
    return request.options.value_or(LiveOptions()).from;
  };
  EXPECT_EQ(from(R"({"from":7310000000000000103})"), 7310000000000000103);
  EXPECT_EQ(from(R"({"from":"7310000000000000103"})"), 7310000000000000103);
  EXPECT_EQ(from(R"({"from_seq_id":7310000000000000103})"), 7310000000000000103);
  EXPECT_EQ(from(R"({"from":1e3})"), 1000);
  EXPECT_EQ(from(R"({"from":null,"from_seq_id":5})"), 5);
  EXPECT_EQ(ReadJson<LiveNextBatch>(
                R"({"type":"next_batch","subscription_id":"s","last_seq_id":9223372036854775807})")
                .last_seq_id,
            INT64_MAX);
  EXPECT_FALSE(ReadJson<LiveNextBatch>(R"({"type":"next_batch","subscription_id":"s"})").last_seq_id);
  for (const std::string_view bad :
       {"7310000000000000103.5", "9223372036854775808", "\"12x\"", "\"\"", "true", "[]", "1e19"}) {
    EXPECT_THAT(
        Fault(R"({"type":"next_batch","subscription_id":"s","last_seq_id":)" + std::string(bad) + "}"),
        HasSubstr("last_seq_id"))
        << bad;
  }
}

TEST(LiveRequestTest, OptionsHaveBounds) {
  auto request = ReadJson<LiveSubscribe>(
      R"({"type":"subscribe","subscription":{"id":"s","sql":"q","options":{"batch_size":50,"last_rows":100,"from":3,"new":[1]}}})");
  ASSERT_TRUE(request.options);
  EXPECT_EQ(request.options->batch_size, 50u);
  EXPECT_EQ(request.options->last_rows, 100u);
  EXPECT_EQ(LiveOptionsJson(*request.options), R"({"batch_size":50,"last_rows":100,"from":3})");
  EXPECT_EQ(LiveOptionsJson({}), "{}");
  for (const std::string_view bad :
       {R"("batch_size":-1)", R"("last_rows":4294967296)", R"("last_rows":"x")"}) {
    EXPECT_NE(Fault(R"({"type":"subscribe","subscription":{"id":"s","sql":"q","options":{)" +
                    std::string(bad) + "}}}"),
              "");
  }
}

TEST(LiveRequestTest, WhatIsNoMessageIsRefused) {
  for (const std::string_view bad :
       {"", "{", "[]", "1", "{}", R"({"type":1})", R"({"type":"hello"})", R"({"type":"subscribe"})",
        R"({"type":"subscribe","subscription":{"sql":"q"}})", R"({"type":"subscribe","subscription":[]})",
        R"({"type":"unsubscribe"})", R"({"type":"ping"} x)", R"({"subscriptions":[]})"}) {
    EXPECT_NE(Fault(bad), "") << bad;
  }
  ReadJson<LivePing>(R"({"type":"ping"})");
  EXPECT_EQ(ReadJson<LiveUnsubscribe>(R"({"type":"unsubscribe","subscription_id":"a-b-s1"})").subscription_id,
            "a-b-s1");
}

TEST(LiveRequestTest, AReaderMayBeUsedAgain) {
  LiveRequestReader reader;
  EXPECT_TRUE(reader.ReadJson(R"({"type":"subscribe","subscription":{"id":"s","sql":")" +
                              std::string(200'000, 'x') + "\"}}"));
  EXPECT_FALSE(reader.ReadJson("{"));
  EXPECT_TRUE(reader.ReadJson(R"({"type":"ping"})"));
}

// --- MessagePack from the client ---

std::string Pack(std::initializer_list<std::pair<std::string_view, std::string>> fields) {
  std::string out;
  AppendPackMap(static_cast<uint32_t>(fields.size()), out);
  for (const auto& [name, value] : fields) {
    AppendPackString(name, out);
    out += value;
  }
  return out;
}
std::string PackText(std::string_view text) {
  std::string out;
  AppendPackString(text, out);
  return out;
}
std::string PackNumber(int64_t number) {
  std::string out;
  AppendPackInteger(number, out);
  return out;
}

TEST(LivePackTest, MessagesReadAsTheirJson) {
  LiveRequestReader reader;
  const auto request = reader.ReadPack(
      Pack({{"type", PackText("subscribe")},
            {"subscription", Pack({{"id", PackText("s1")},
                                   {"sql", PackText(std::string(300, 'q'))},
                                   {"options", Pack({{"from", PackNumber(7310000000000000103)}})}})}}));
  ASSERT_TRUE(request) << request.error().message;
  const auto& subscribe = std::get<LiveSubscribe>(*request);
  EXPECT_EQ(subscribe.sql, std::string(300, 'q'));
  EXPECT_EQ(subscribe.options->from, 7310000000000000103);
}

TEST(LivePackTest, IntegersOfEveryWidth) {
  for (const int64_t number : std::initializer_list<int64_t>{
           0,         1,  127, 128, 255,  256,  65'535,  65'536,  4'294'967'295,  4'294'967'296,
           INT64_MAX, -1, -32, -33, -128, -129, -32'768, -32'769, -2'147'483'648, -2'147'483'649,
           INT64_MIN}) {
    EXPECT_EQ(PackToJson(PackNumber(number), 100).value_or("error"), std::to_string(number));
  }
  EXPECT_EQ(PackToJson("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 100).value_or("error"),
            "18446744073709551615");
  EXPECT_EQ(PackToJson(std::string_view("\xd1\x00\x05", 3), 100).value_or("error"),
            "5");  // wider than needed
  EXPECT_EQ(PackToJson(std::string_view("\xca\x3f\x00\x00\x00", 5), 100).value_or("error"), "0.5");
}

TEST(LivePackTest, RefusesWhatHasNoMeaningHere) {
  const std::string deep(100, '\x91');
  const std::string deep_end = deep + '\xc0';
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("\x81"),
        std::string_view("\x81\x01\x02"),  // a key that is a number
        std::string_view("\xa2\xff\xff"), std::string_view("\xc1"), std::string_view("\xd4\x01\x01"),
        std::string_view("\xc7\x01\x01\x01"), std::string_view("\xc0\xc0"),
        std::string_view("\xdb\xff\xff\xff\xff"), std::string_view("\xdd\xff\xff\xff\xff"),
        std::string_view(deep_end), std::string_view("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9)}) {
    EXPECT_FALSE(PackToJson(bad, 1'000)) << bad.size();
  }
  EXPECT_FALSE(PackToJson(PackText(std::string(200, 'x')), 100));
}

}  // namespace
}  // namespace kalam::wire
