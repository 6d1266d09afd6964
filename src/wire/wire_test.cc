#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <limits>
#include <random>

#include "wire/auth_request.h"
#include "wire/json_text.h"
#include "wire/sql_request.h"
#include "wire/sql_response.h"
#include "wire/time_text.h"
#include "wire/value_json.h"

namespace kalam::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

std::string Double(double number) {
  std::string out;
  EXPECT_TRUE(AppendDouble(number, out));
  return out;
}

std::string ValueJson(const Value& value) {
  std::string out;
  const Status status = AppendValueJson(value, out);
  return status ? out : "error: " + status.error().message;
}

std::string ColumnJson(const ResultColumn& column) {
  std::string out;
  AppendResultColumnJson(column, 3, out);
  return out;
}

// --- Text ---

TEST(JsonTextTest, EscapesStrings) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("plain text that is longer than eight bytes"),
            R"("plain text that is longer than eight bytes")");
  EXPECT_EQ(JsonString("a\"b\\c\n\r\t\b\f\x01/"), R"("a\"b\\c\n\r\t\u0008\u000c\u0001/")");
  EXPECT_EQ(JsonString(std::string_view("a\0b", 3)), R"("a\u0000b")");
  EXPECT_EQ(JsonString("12345678\"12345678\\1234567\n"), R"("12345678\"12345678\\1234567\n")");
  EXPECT_EQ(JsonString("\x7f"), "\"\x7f\"");
}

TEST(JsonTextTest, KeepsValidUtf8AndReplacesTheRest) {
  EXPECT_EQ(JsonString("h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "\"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(JsonString("\xFF"), "\"" + bad + "\"");
  EXPECT_EQ(JsonString("a\xC3"), "\"a" + bad + "\"");                                // cut short
  EXPECT_EQ(JsonString("\xC0\xAF"), "\"" + bad + bad + "\"");                        // overlong
  EXPECT_EQ(JsonString("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"");              // surrogate
  EXPECT_EQ(JsonString("\xF5\x80\x80\x80x"), "\"" + bad + bad + bad + bad + "x\"");  // beyond U+10FFFF
  EXPECT_EQ(JsonString("\xE2\x82z"), "\"" + bad + bad + "z\"");
}

TEST(JsonTextTest, EveryByteInEveryPlaceOfAWord) {
  for (int c = 0; c < 256; ++c) {
    for (size_t at = 0; at < 9; ++at) {
      std::string text(9, 'x');
      text[at] = static_cast<char>(c);
      const std::string json = JsonString(text);
      const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
      EXPECT_EQ(json == '"' + text + '"', plain) << c << " at " << at;
    }
  }
}

TEST(JsonTextTest, DoublesRoundTripAndLookLikeDoubles) {
  EXPECT_EQ(Double(0.0), "0.0");
  EXPECT_EQ(Double(-0.0), "-0.0");
  EXPECT_EQ(Double(1), "1.0");
  EXPECT_EQ(Double(-2.5), "-2.5");
  EXPECT_EQ(Double(100'000), "100000.0");
  EXPECT_EQ(Double(1e15), "1000000000000000.0");
  EXPECT_EQ(Double(1e16), "1e+16");
  EXPECT_EQ(Double(1e-7), "1e-07");
  EXPECT_EQ(Double(static_cast<double>(0.1f)), "0.10000000149011612");
  EXPECT_EQ(Double(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(Double(std::numeric_limits<double>::denorm_min()), "5e-324");
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto number = std::bit_cast<double>(random());
    std::string text;
    if (!AppendDouble(number, text)) continue;
    EXPECT_EQ(std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr)), std::bit_cast<uint64_t>(number))
        << text;
    EXPECT_NE(text.find_first_of(".e"), std::string::npos) << text;
  }
}

TEST(JsonTextTest, RefusesNonFinite) {
  std::string out = "x";
  EXPECT_FALSE(AppendDouble(std::numeric_limits<double>::quiet_NaN(), out));
  EXPECT_FALSE(AppendDouble(std::numeric_limits<double>::infinity(), out));
  EXPECT_EQ(out, "x");
}

TEST(JsonTextTest, MillisHaveThreeDecimals) {
  const auto millis = [](double value) {
    std::string out;
    AppendMillis(value, out);
    return out;
  };
  EXPECT_EQ(millis(0), "0.000");
  EXPECT_EQ(millis(-1), "0.000");
  EXPECT_EQ(millis(0.4204), "0.420");
  EXPECT_EQ(millis(3.1268), "3.127");
  EXPECT_EQ(millis(30'000), "30000.000");
}

TEST(TimeTextTest, Formats) {
  const auto rfc3339 = [](int64_t micros, int digits, const char* zone) {
    std::string out;
    AppendRfc3339(micros, digits, zone, out);
    return out;
  };
  EXPECT_EQ(rfc3339(0, 3, "Z"), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1'777'626'000'123'456, 3, "+00:00"), "2026-05-01T09:00:00.123+00:00");
  EXPECT_EQ(rfc3339(1'777'626'000'123'456, 6, "+00:00"), "2026-05-01T09:00:00.123456+00:00");
  EXPECT_EQ(rfc3339(-1, 6, "Z"), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(rfc3339(INT64_MAX, 3, "Z").substr(0, 4), "9999");
  EXPECT_EQ(rfc3339(INT64_MIN, 3, "Z").substr(0, 4), "0000");
  EXPECT_EQ(HttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(HttpDate(1'777'626'000), "Fri, 01 May 2026 09:00:00 GMT");
  EXPECT_EQ(HttpDate(951'782'399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(HttpDate(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

// --- Values ---

TEST(ValueJsonTest, EveryType) {
  EXPECT_EQ(ValueJson(Value::Null()), "null");
  EXPECT_EQ(ValueJson(Value::Null(TypeKind::kText)), "null");
  EXPECT_EQ(ValueJson(Value::Null(TypeKind::kEmbedding)), "null");
  EXPECT_EQ(ValueJson(Value::Boolean(true)), "true");
  EXPECT_EQ(ValueJson(Value::Boolean(false)), "false");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kSmallInt, -32'768)), "-32768");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kInt, 2'147'483'647)), "2147483647");
  EXPECT_EQ(ValueJson(Value::BigInt(0)), R"("0")");
  EXPECT_EQ(ValueJson(Value::BigInt(INT64_MIN)), R"("-9223372036854775808")");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kUBigInt, -1)), R"("18446744073709551615")");
  EXPECT_EQ(ValueJson(Value::Wide(TypeKind::kHugeInt, Int128{-7})), R"("-7")");
  EXPECT_EQ(ValueJson(Value::Real(TypeKind::kDouble, 2.5)), "2.5");
  EXPECT_EQ(ValueJson(Value::Real(TypeKind::kFloat, static_cast<double>(0.1f))), "0.10000000149011612");
  EXPECT_EQ(ValueJson(Value::Text("a\"b")), R"("a\"b")");
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kJson, R"({"a":1})")), R"("{\"a\":1}")");
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kFile, R"({"id":"1"})")), R"("{\"id\":\"1\"}")");
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kList, R"([1,"x",null])")), R"([1,"x",null])");
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kBytes, std::string_view("\x00\x7f\xff", 3))), "[0,127,255]");
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kBytes, "")), "[]");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kTimestamp, 1'700'000'000'123'456)), "1700000000123456");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kDateTime, -1)), "-1");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kDate, 19'000)), "19000");
  EXPECT_EQ(ValueJson(Value::Integer(TypeKind::kTime, 86'399'999'999)), "86399999999");
}

TEST(ValueJsonTest, DecimalHasSignAndScale) {
  const auto decimal = [](Int128 number, uint8_t scale) {
    return ValueJson(Value::Wide(TypeKind::kDecimal, number, scale));
  };
  EXPECT_EQ(decimal(20'075, 2), R"("200.75")");
  EXPECT_EQ(decimal(200, 0), R"("200")");
  EXPECT_EQ(decimal(0, 0), R"("0")");
  EXPECT_EQ(decimal(0, 3), R"("0.000")");
  EXPECT_EQ(decimal(5, 2), R"("0.05")");
  EXPECT_EQ(decimal(-5, 1), R"("-0.5")");
  EXPECT_EQ(decimal(-500, 2), R"("-5.00")");
  EXPECT_EQ(decimal(1, 38), R"("0.00000000000000000000000000000000000001")");
  Int128 all_nines = 0;
  for (int i = 0; i < 38; ++i) all_nines = all_nines * 10 + 9;
  EXPECT_EQ(decimal(-all_nines, 38), "\"-0." + std::string(38, '9') + "\"");
  EXPECT_EQ(decimal(all_nines, 0), "\"" + std::string(38, '9') + "\"");
  const Int128 lowest = -Int128{INT64_MAX} * INT64_MAX;
  EXPECT_EQ(decimal(lowest, 1), R"("-8507059173023461584739690778423250124.9")");
}

TEST(ValueJsonTest, UuidIsBigEndianText) {
  const Int128 high = Int128{0x0190'0bcd'1234'7abc};
  const Int128 bits =
      static_cast<Int128>((static_cast<unsigned __int128>(high) << 64) | 0x8def'0123'4567'89abULL);
  EXPECT_EQ(ValueJson(Value::Wide(TypeKind::kUuid, bits)), R"("01900bcd-1234-7abc-8def-0123456789ab")");
  EXPECT_EQ(ValueJson(Value::Wide(TypeKind::kUuid, -1)), R"("ffffffff-ffff-ffff-ffff-ffffffffffff")");
}

TEST(ValueJsonTest, EmbeddingIsWidened) {
  const std::array<float, 3> vector = {1.0f, -0.5f, 0.1f};
  const std::string_view bytes(reinterpret_cast<const char*>(vector.data()), sizeof vector);
  EXPECT_EQ(ValueJson(Value::Bytes(TypeKind::kEmbedding, bytes)), "[1.0,-0.5,0.10000000149011612]");
}

TEST(ValueJsonTest, NonFiniteNumbersFail) {
  std::string out = "kept";
  const Status nan =
      AppendValueJson(Value::Real(TypeKind::kDouble, std::numeric_limits<double>::quiet_NaN()), out);
  ASSERT_FALSE(nan);
  EXPECT_EQ(nan.error().code, ErrorCode::kInvalidOperation);
  const std::array<float, 2> vector = {1.0f, std::numeric_limits<float>::infinity()};
  const std::string_view bytes(reinterpret_cast<const char*>(vector.data()), sizeof vector);
  EXPECT_FALSE(AppendValueJson(Value::Bytes(TypeKind::kEmbedding, bytes), out));
  EXPECT_EQ(out, "kept");
}

TEST(ColumnJsonTest, NamesOfTypes) {
  const std::vector<std::pair<TypeKind, std::string>> names = {
      {TypeKind::kBoolean, "Boolean"},   {TypeKind::kSmallInt, "SmallInt"},   {TypeKind::kInt, "Int"},
      {TypeKind::kBigInt, "BigInt"},     {TypeKind::kFloat, "Float"},         {TypeKind::kDouble, "Double"},
      {TypeKind::kText, "Text"},         {TypeKind::kTimestamp, "Timestamp"}, {TypeKind::kDate, "Date"},
      {TypeKind::kDateTime, "DateTime"}, {TypeKind::kTime, "Time"},           {TypeKind::kJson, "Json"},
      {TypeKind::kBytes, "Bytes"},       {TypeKind::kUuid, "Uuid"},           {TypeKind::kFile, "File"},
      {TypeKind::kHugeInt, "BigInt"},    {TypeKind::kUBigInt, "Text"},        {TypeKind::kList, "Text"},
      {TypeKind::kNull, "Text"}};
  for (const auto& [kind, name] : names) {
    EXPECT_EQ(ColumnJson({"c", Type(kind)}), R"({"name":"c","data_type":")" + name + R"(","index":3})");
  }
  EXPECT_EQ(ColumnJson({"e", {TypeKind::kEmbedding, 0, 0, 384}}),
            R"({"name":"e","data_type":{"Embedding":384},"index":3})");
  EXPECT_EQ(ColumnJson({"d", {TypeKind::kDecimal, 10, 2, 0}}),
            R"({"name":"d","data_type":{"Decimal":{"precision":10,"scale":2}},"index":3})");
}

TEST(ColumnJsonTest, Flags) {
  EXPECT_EQ(ColumnJson({"a\"b", Type(TypeKind::kInt), true, true}),
            R"({"name":"a\"b","data_type":"Int","index":3,"flags":["pk","nn","uq"]})");
  EXPECT_THAT(ColumnJson({"a", Type(TypeKind::kInt), true, false}), HasSubstr(R"("flags":["pk","uq"])"));
  EXPECT_THAT(ColumnJson({"a", Type(TypeKind::kInt), false, true}), HasSubstr(R"("flags":["nn"])"));
}

// --- Response ---

const std::array<ResultColumn, 2> kColumns = {
    {{"id", Type(TypeKind::kBigInt), true, true}, {"title", Type(TypeKind::kText)}}};
constexpr std::string_view kSchema =
    R"("schema":[{"name":"id","data_type":"BigInt","index":0,"flags":["pk","nn","uq"]},{"name":"title","data_type":"Text","index":1}])";
constexpr std::string_view kTail = R"(],"took":1.500,"request_id":"r1","elapsed_ms":1.500})";

std::string Finish(SqlResponse response) { return std::move(response).FinishSuccess("r1", 1.5); }

void AddRow(SqlResponse& response, int64_t id, std::string_view title) {
  const std::array<Value, 2> row = {Value::BigInt(id), Value::Text(title)};
  ASSERT_TRUE(response.Row(row));
}

std::string Success(const std::string& results) {
  return R"({"status":"success","results":[)" + results + std::string(kTail);
}

TEST(SqlResponseTest, Rows) {
  SqlResponse response(1, 1 << 20);
  response.BeginStatement("alice", false);
  response.Begin(kColumns);
  AddRow(response, 42, "hello");
  const std::array<Value, 2> row = {Value::BigInt(43), Value::Null(TypeKind::kText)};
  ASSERT_TRUE(response.Row(row));
  EXPECT_EQ(response.rows(), 2);
  response.EndStatement({OutcomeKind::kRows, 2, {}});
  EXPECT_EQ(Finish(std::move(response)),
            Success("{" + std::string(kSchema) +
                    R"(,"rows":[["42","hello"],["43",null]],"row_count":2,"as_user":"alice"})"));
}

TEST(SqlResponseTest, NoRowsKeepTheSchema) {
  SqlResponse response(1, 1 << 20);
  response.BeginStatement("alice", false);
  response.Begin(kColumns);
  response.EndStatement({OutcomeKind::kRows, 0, {}});
  EXPECT_EQ(Finish(std::move(response)),
            Success("{" + std::string(kSchema) + R"(,"rows":[],"row_count":0,"as_user":"alice"})"));
}

TEST(SqlResponseTest, ForgottenRowsLeaveNoTrace) {
  SqlResponse response(2, 1 << 20);
  response.BeginStatement("a", false);
  response.EndStatement(MessageOutcome("Namespace created"));
  response.BeginStatement("a", false);
  response.Begin(kColumns);
  AddRow(response, 1, "x");
  response.SetTruncated();
  response.ForgetRows();
  response.Begin(kColumns);
  AddRow(response, 2, "y");
  response.EndStatement({OutcomeKind::kRows, 1, {}});
  EXPECT_EQ(Finish(std::move(response)),
            Success(R"({"row_count":0,"message":"Namespace created","as_user":"a","rows_affected":1},{)" +
                    std::string(kSchema) + R"(,"rows":[["2","y"]],"row_count":1,"as_user":"a"})"));
}

TEST(SqlResponseTest, TruncationIsSaid) {
  SqlResponse response(1, 1 << 20);
  response.BeginStatement("a", false);
  response.Begin(kColumns);
  AddRow(response, 1, "x");
  response.SetTruncated();
  response.EndStatement({OutcomeKind::kRows, 1, {}});
  EXPECT_THAT(Finish(std::move(response)), HasSubstr(R"("row_count":1,"as_user":"a","truncated":true}])"));
}

TEST(SqlResponseTest, SingleDmlKeepsItsResult) {
  SqlResponse response(1, 1 << 20);
  response.BeginStatement("bob", false);
  response.EndStatement({OutcomeKind::kUpdated, 0, {}});
  EXPECT_EQ(Finish(std::move(response)),
            Success(R"j({"row_count":0,"message":"Updated 0 row(s)","as_user":"bob","rows_affected":0})j"));
}

TEST(SqlResponseTest, BatchSumsDmlAtTheEnd) {
  SqlResponse response(5, 1 << 20);
  const auto run = [&](OutcomeKind kind, int64_t rows) {
    response.BeginStatement("bob", false);
    response.EndStatement({kind, rows, {}});
  };
  run(OutcomeKind::kDeleted, 0);
  run(OutcomeKind::kInserted, 2);
  response.BeginStatement("bob", false);
  response.EndStatement(MessageOutcome("Table \"t\" created"));
  run(OutcomeKind::kInserted, 3);
  EXPECT_EQ(Finish(std::move(response)),
            Success(R"({"row_count":0,"message":"Table \"t\" created","as_user":"bob","rows_affected":1},)"
                    R"j({"row_count":5,"message":"Inserted 5 row(s)","as_user":"bob","rows_affected":5},)j"
                    R"j({"row_count":0,"message":"Deleted 0 row(s)","as_user":"bob","rows_affected":0})j"));
}

TEST(SqlResponseTest, TotalsOfTwoUsersStayApart) {
  SqlResponse response(4, 1 << 20);
  for (const auto& [user, rows] : {std::pair("bob", 1), std::pair("amy", 2), std::pair("bob", 4)}) {
    response.BeginStatement(user, false);
    response.EndStatement({OutcomeKind::kInserted, rows, {}});
  }
  EXPECT_EQ(Finish(std::move(response)),
            Success(R"j({"row_count":5,"message":"Inserted 5 row(s)","as_user":"bob","rows_affected":5},)j"
                    R"j({"row_count":2,"message":"Inserted 2 row(s)","as_user":"amy","rows_affected":2})j"));
}

TEST(SqlResponseTest, SecretsAreMaskedWhenAsked) {
  const std::array<ResultColumn, 3> columns = {{{"Credentials", Type(TypeKind::kText)},
                                                {"password_hash", Type(TypeKind::kText)},
                                                {"password", Type(TypeKind::kText)}}};
  const std::array<Value, 3> row = {Value::Text("s"), Value::Null(TypeKind::kText), Value::Text("p")};
  for (const bool mask : {true, false}) {
    SqlResponse response(1, 1 << 20);
    response.BeginStatement("a", mask);
    response.Begin(columns);
    ASSERT_TRUE(response.Row(row));
    response.EndStatement({OutcomeKind::kRows, 1, {}});
    EXPECT_THAT(Finish(std::move(response)),
                HasSubstr(mask ? R"("rows":[["***",null,"p"]])" : R"("rows":[["s",null,"p"]])"));
  }
}

TEST(SqlResponseTest, SizeLimitNamesTheSetting) {
  SqlResponse response(1, 1'000);
  response.BeginStatement("a", false);
  response.Begin(kColumns);
  AddRow(response, 1, "small");
  const std::string big(1'000, 'x');
  const std::array<Value, 2> row = {Value::BigInt(2), Value::Text(big)};
  const Status status = response.Row(row);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kLimitExceeded);
  EXPECT_THAT(status.error().message, HasSubstr("1000 bytes (limits.max_response_bytes)"));
  EXPECT_EQ(response.rows(), 1);
}

TEST(SqlResponseTest, NanNamesTheColumn) {
  const std::array<ResultColumn, 2> columns = {
      {{"a", Type(TypeKind::kInt)}, {"ratio", Type(TypeKind::kDouble)}}};
  SqlResponse response(1, 1 << 20);
  response.BeginStatement("a", false);
  response.Begin(columns);
  const std::array<Value, 2> row = {Value::Integer(TypeKind::kInt, 1),
                                    Value::Real(TypeKind::kDouble, std::numeric_limits<double>::quiet_NaN())};
  const Status status = response.Row(row);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, StartsWith("Column 'ratio' holds NaN"));
}

TEST(SqlResponseTest, ErrorEnvelope) {
  const Error typed = Error(ErrorCode::kParamCountMismatch, "m")
                          .With("expected", int64_t{2})
                          .With("what", std::string("a\"b"))
                          .With("placeholders", std::vector<std::string>{"$1", "$2"});
  SqlResponse::ErrorInfo info;
  info.code = "PARAM_COUNT_MISMATCH";
  info.message = "Say \"hi\"";
  info.details = &typed;
  info.details_text = "not shown beside typed details";
  info.statement_index = 2;
  info.wall_micros = 1'777'626'000'123'456;
  EXPECT_EQ(
      SqlResponse::FinishError(info, "r1", 0.42),
      R"({"status":"error","results":[],"took":0.420,"error":{"code":"PARAM_COUNT_MISMATCH","message":"Say \"hi\"",)"
      R"("details":{"expected":2,"what":"a\"b","placeholders":["$1","$2"]},"statement_index":2,)"
      R"("request_id":"r1","timestamp":"2026-05-01T09:00:00.123Z"},"request_id":"r1","elapsed_ms":0.420})");
  info.details = nullptr;
  EXPECT_THAT(SqlResponse::FinishError(info, "r1", 0.42),
              HasSubstr(R"("details":"not shown beside typed details",)"));
  info.details_text = {};
  EXPECT_THAT(SqlResponse::FinishError(info, "r1", 0.42), ::testing::Not(HasSubstr("details")));
}

// --- Request ---

class SqlRequestTest : public ::testing::Test {
 protected:
  std::string ErrorOf(std::string_view json) {
    const Status status = body_.Parse(json);
    if (status) return "";
    code_ = status.error().code;
    return status.error().message;
  }

  SqlRequestBody body_;
  ErrorCode code_ = ErrorCode::kInternal;
};

TEST_F(SqlRequestTest, Minimal) {
  ASSERT_TRUE(body_.Parse(R"({"sql":"SELECT 1"})"));
  EXPECT_EQ(body_.sql(), "SELECT 1");
  EXPECT_FALSE(body_.has_parameters_field());
  EXPECT_FALSE(body_.name_space());
}

TEST_F(SqlRequestTest, Parameters) {
  ASSERT_TRUE(body_.Parse(
      R"({"params":[null,true,-1,9223372036854775807,9223372036854775808,1.5,"h\u00e9\n",1e3], "sql":"x","other":{"a":[1,{}]}})"));
  ASSERT_EQ(body_.parameters().size(), 8u);
  EXPECT_TRUE(body_.has_parameters_field());
  const auto& p = body_.parameters();
  EXPECT_TRUE(p[0].is_null);
  EXPECT_EQ(p[0].kind, TypeKind::kText);
  EXPECT_TRUE(Identical(p[1], Value::Boolean(true)));
  EXPECT_TRUE(Identical(p[2], Value::BigInt(-1)));
  EXPECT_TRUE(Identical(p[3], Value::BigInt(INT64_MAX)));
  EXPECT_TRUE(Identical(p[4], Value::Real(TypeKind::kDouble, 9223372036854775808.0)));
  EXPECT_TRUE(Identical(p[5], Value::Real(TypeKind::kDouble, 1.5)));
  EXPECT_TRUE(Identical(p[6], Value::Text("h\xC3\xA9\n")));
  EXPECT_TRUE(Identical(p[7], Value::Real(TypeKind::kDouble, 1000)));
}

TEST_F(SqlRequestTest, IntegersBeyond64BitsAreDoubles) {
  ASSERT_TRUE(body_.Parse(
      R"({"sql":"123456789012345678901234567890 \" -123456789012345678901234567890","params":[123456789012345678901234567890,-99999999999999999999,"1\\",12345678901234567890123]})"));
  EXPECT_EQ(body_.sql(), "123456789012345678901234567890 \" -123456789012345678901234567890");
  EXPECT_TRUE(
      Identical(body_.parameters()[0], Value::Real(TypeKind::kDouble, 123456789012345678901234567890.0)));
  EXPECT_TRUE(Identical(body_.parameters()[1], Value::Real(TypeKind::kDouble, -99999999999999999999.0)));
  EXPECT_TRUE(Identical(body_.parameters()[2], Value::Text("1\\")));
  EXPECT_FALSE(body_.Parse(R"({"sql":"x","params":[1e999]})"));
}

TEST_F(SqlRequestTest, NullsAndEmptyParameters) {
  ASSERT_TRUE(body_.Parse(R"({"sql":"x","params":null,"namespace_id":null,"namespace":null})"));
  EXPECT_FALSE(body_.has_parameters_field());
  EXPECT_FALSE(body_.name_space());
  ASSERT_TRUE(body_.Parse(R"({"sql":"x","params":[]})"));
  EXPECT_TRUE(body_.has_parameters_field());
  EXPECT_TRUE(body_.parameters().empty());
}

TEST_F(SqlRequestTest, Namespace) {
  ASSERT_TRUE(body_.Parse(R"({"sql":"x","namespace_id":"App"})"));
  EXPECT_EQ(body_.name_space(), "App");
  ASSERT_TRUE(body_.Parse(R"({"sql":"x","namespace":"a"})"));
  EXPECT_EQ(body_.name_space(), "a");
  ASSERT_TRUE(body_.Parse(R"({"sql":"x","namespace":"a","namespace_id":"a"})"));
  EXPECT_THAT(ErrorOf(R"({"sql":"x","namespace":"a","namespace_id":"b"})"),
              HasSubstr("two different namespaces"));
  EXPECT_EQ(code_, ErrorCode::kInvalidInput);
  EXPECT_THAT(ErrorOf(R"({"sql":"x","namespace":1})"), HasSubstr("`namespace`, expected a string or null"));
}

TEST_F(SqlRequestTest, BadEnvelopes) {
  for (const std::string_view json : {"",
                                      " ",
                                      "{",
                                      "[]",
                                      "null",
                                      "5",
                                      R"("sql")",
                                      R"({"sql":"x"} x)",
                                      R"({"sql":"x",})",
                                      R"({'sql':'x'})",
                                      R"({"sql":"x","a":01})",
                                      R"({"sql":"x","a":nul})",
                                      R"({"sql":"x","a":"\ud800"})",
                                      "{\"sql\":\"a\nb\"}",
                                      "{\"sql\":\"\xff\"}",
                                      R"({"sql":null})",
                                      R"({"sql":["x"]})",
                                      R"({"params":[]})",
                                      R"({"sql":"x","params":{}})",
                                      R"({"sql":"x","params":"y"})",
                                      R"({"sql":"x","sql":"y"})",
                                      R"({"sql":"x","params":[],"params":[]})"}) {
    EXPECT_THAT(ErrorOf(json), StartsWith("Invalid JSON payload: ")) << json;
    EXPECT_EQ(code_, ErrorCode::kInvalidInput) << json;
  }
  EXPECT_THAT(ErrorOf(R"({"params":[]})"), HasSubstr("missing field `sql`"));
}

TEST_F(SqlRequestTest, NestedParametersAreNamed) {
  EXPECT_EQ(ErrorOf(R"({"sql":"x","params":[1,[2]]})"),
            "Parameter $2 invalid: Array parameters not yet supported");
  EXPECT_EQ(code_, ErrorCode::kInvalidParameter);
  EXPECT_EQ(ErrorOf(R"({"sql":"x","params":[{"a":1},[]]})"),
            "Parameter $1 invalid: Object parameters not yet supported");
  EXPECT_THAT(ErrorOf(R"({"params":[[]]})"), HasSubstr("missing field"));
}

TEST_F(SqlRequestTest, ReuseForgetsTheLastRequest) {
  ASSERT_TRUE(body_.Parse(R"({"sql":"one","params":[1,2],"namespace":"a"})"));
  EXPECT_FALSE(body_.Parse("{"));
  EXPECT_TRUE(body_.sql().empty());
  ASSERT_TRUE(body_.Parse(R"({"sql":"two"})"));
  EXPECT_EQ(body_.sql(), "two");
  EXPECT_TRUE(body_.parameters().empty());
  EXPECT_FALSE(body_.name_space());
  const std::string big(1 << 20, 'x');
  ASSERT_TRUE(body_.Parse(R"({"sql":")" + big + "\"}"));
  EXPECT_EQ(body_.sql(), big);
  body_.Trim();
  ASSERT_TRUE(body_.Parse(R"({"sql":"three"})"));
  EXPECT_EQ(body_.sql(), "three");
}

// --- Auth bodies ---

TEST(AuthRequestTest, Login) {
  const auto login = ParseLoginRequest(R"({"user":"alice","password":"p\"w"})");
  ASSERT_TRUE(login);
  EXPECT_EQ(login->user, "alice");
  EXPECT_EQ(login->password, "p\"w");
  EXPECT_EQ(ParseLoginRequest(R"({"password":"","username":"bob"})")->user, "bob");
}

TEST(AuthRequestTest, RefusesWhatItDoesNotKnow) {
  const std::string long_user(129, 'u');
  const std::string long_password(257, 'p');
  for (const std::string& json :
       {std::string("{}"), std::string("[]"), std::string("{"), std::string(R"({"user":"a"})"),
        std::string(R"({"user":"a","password":null})"), std::string(R"({"user":1,"password":"b"})"),
        std::string(R"({"user":"a","password":"b","extra":1})"),
        std::string(R"({"user":"a","username":"b","password":"c"})"),
        R"({"password":"b","user":")" + long_user + "\"}",
        R"({"user":"b","password":")" + long_password + "\"}"}) {
    const auto login = ParseLoginRequest(json);
    ASSERT_FALSE(login) << json;
    EXPECT_EQ(login.error().code, ErrorCode::kInvalidInput);
  }
  EXPECT_TRUE(ParseLoginRequest(R"({"password":"b","user":")" + long_user.substr(1) + "\"}"));
  // A secret in the wrong place is not repeated.
  EXPECT_THAT(ParseLoginRequest(R"({"user":"a","hunter2":"b"})").error().message,
              ::testing::Not(HasSubstr("hunter2")));
}

TEST(AuthRequestTest, Setup) {
  const auto setup = ParseSetupRequest(R"({"user":"a","password":"b","root_password":"c","email":"e@x"})");
  ASSERT_TRUE(setup);
  EXPECT_EQ(setup->root_password, "c");
  EXPECT_EQ(setup->email, "e@x");
  EXPECT_FALSE(ParseSetupRequest(R"({"user":"a","password":"b","root_password":"c","email":null})")->email);
  EXPECT_FALSE(ParseSetupRequest(R"({"user":"a","password":"b","root_password":"c"})")->email);
  EXPECT_FALSE(ParseSetupRequest(R"({"user":"a","password":"b"})"));
}

}  // namespace
}  // namespace kalam::wire
