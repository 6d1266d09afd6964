// Cast and EvaluateConstant.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/memory_source_for_test.h"

namespace kalam::engine {
namespace {

using testing::HasSubstr;

const DataType kBoolean = Type(TypeKind::kBoolean);
const DataType kSmallInt = Type(TypeKind::kSmallInt);
const DataType kInt = Type(TypeKind::kInt);
const DataType kBigInt = Type(TypeKind::kBigInt);
const DataType kDouble = Type(TypeKind::kDouble);
const DataType kFloat = Type(TypeKind::kFloat);
const DataType kText = Type(TypeKind::kText);
const DataType kJson = Type(TypeKind::kJson);
const DataType kBytes = Type(TypeKind::kBytes);
const DataType kUuid = Type(TypeKind::kUuid);
const DataType kDate = Type(TypeKind::kDate);
const DataType kTime = Type(TypeKind::kTime);
const DataType kTimestamp = Type(TypeKind::kTimestamp);
const DataType kDateTime = Type(TypeKind::kDateTime);
constexpr DataType kEmbedding2{TypeKind::kEmbedding, 0, 0, 2};
constexpr DataType kMoney{TypeKind::kDecimal, 10, 2, 0};

class CastTest : public testing::Test {
 protected:
  std::string Cast(const Value& value, const DataType& type) {
    const Result<Value> result = engine_->Cast(value, type, arena_);
    if (!result) return fmt::format("{}: {}", ErrorCodeName(result.error().code), result.error().message);
    EXPECT_EQ(result->kind, type.kind);
    return ToDisplay(*result);
  }
  std::string Constant(std::string_view expression, const DataType& type) {
    const Result<Value> result = engine_->EvaluateConstant(expression, type, arena_);
    if (!result) return fmt::format("{}: {}", ErrorCodeName(result.error().code), result.error().message);
    return ToDisplay(*result);
  }

  SystemClock clock_;
  SystemRandom random_;
  Arena arena_;
  std::unique_ptr<Engine> engine_ = std::move(Engine::Open({}, clock_, random_)).value();
};

TEST_F(CastTest, Integers) {
  EXPECT_EQ(Cast(Value::BigInt(5), kBigInt), "5");
  EXPECT_EQ(Cast(Value::BigInt(5), kSmallInt), "5");
  EXPECT_EQ(Cast(Value::BigInt(32768), kSmallInt),
            "constraint: Unable to cast value 32768 of type BIGINT to SMALLINT: the value is out of range");
  EXPECT_EQ(Cast(Value::BigInt(1LL << 31), kInt),
            "constraint: Unable to cast value 2147483648 of type BIGINT to INT: the value is out of range");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kInt, -5), kBigInt), "-5");
  EXPECT_EQ(Cast(Value::BigInt(5), kDouble), "5");
  EXPECT_EQ(Cast(Value::BigInt(5), kFloat), "5");
  EXPECT_EQ(Cast(Value::BigInt(5), kText), "'5'");
  EXPECT_EQ(Cast(Value::BigInt(5), kMoney), "500");
  EXPECT_THAT(Cast(Value::BigInt(1'000'000'000), kMoney),
              HasSubstr("constraint: Unable to cast value 1000000000 of type BIGINT to DECIMAL(10, 2)"));
  EXPECT_EQ(Cast(Value::BigInt(1), kBoolean), "true");
  EXPECT_EQ(Cast(Value::BigInt(1'700'000'000'000'000), kTimestamp), "1700000000000000");
  EXPECT_EQ(Cast(Value::BigInt(19'000), kDate), "19000");
  EXPECT_THAT(Cast(Value::BigInt(5), kUuid), HasSubstr("constraint: "));
}

TEST_F(CastTest, Texts) {
  EXPECT_EQ(Cast(Value::Text("5"), kBigInt), "5");
  EXPECT_EQ(Cast(Value::Text("x"), kBigInt), "constraint: Unable to cast value 'x' of type TEXT to BIGINT");
  EXPECT_EQ(Cast(Value::Text("200.75"), kMoney), "20075");
  EXPECT_EQ(Cast(Value::Text("true"), kBoolean), "true");
  EXPECT_EQ(Cast(Value::Text("1.5"), kDouble), "1.5");
  EXPECT_EQ(Cast(Value::Text("not json"), kJson), "'not json'");
  EXPECT_EQ(Cast(Value::Text("raw \xFF"), kBytes), "'raw \xFF'");
  EXPECT_EQ(Cast(Value::Text("1970-01-02"), kDate), "1");
  EXPECT_EQ(Cast(Value::Text("00:00:01.5"), kTime), "1500000");
  EXPECT_EQ(Cast(Value::Text("1970-01-01 00:00:01"), kTimestamp), "1000000");
  EXPECT_EQ(Cast(Value::Text("1970-01-01T00:00:01Z"), kTimestamp), "1000000");
  EXPECT_EQ(Cast(Value::Text("1970-01-01T01:00:00+01:00"), kDateTime), "0");
  EXPECT_EQ(Cast(Value::Text("1970-01-01T00:00:01"), kDateTime), "1000000");
  EXPECT_EQ(Cast(Value::Text("FFFFFFFF-0000-0000-0000-000000000001"), kUuid),
            "ffffffff000000000000000000000001");
  EXPECT_THAT(Cast(Value::Text("nope"), kUuid), HasSubstr("constraint: "));
  EXPECT_THAT(Cast(Value::Text("2024-13-01"), kDate),
              HasSubstr("constraint: Unable to cast value '2024-13-01' of type TEXT to DATE"));
  EXPECT_THAT(Cast(Value::Text("\xFF\xFE"), kBigInt), HasSubstr("constraint: "));
}

TEST_F(CastTest, EmbeddingsAndUuids) {
  const Value vector = engine_->Cast(Value::Text(" [1.5 ,-2e0] "), kEmbedding2, arena_).value();
  EXPECT_EQ(vector.bytes.size, 8u);
  EXPECT_EQ(Cast(vector, kText), "'[1.5,-2]'");
  EXPECT_EQ(Cast(vector, kEmbedding2).size(), Cast(vector, kEmbedding2).size());
  EXPECT_THAT(Cast(vector, DataType{TypeKind::kEmbedding, 0, 0, 3}), HasSubstr("expected 3, got 2"));
  EXPECT_THAT(
      Cast(Value::Text("[1]"), kEmbedding2),
      HasSubstr("constraint: Unable to cast value '[1]' of type TEXT to EMBEDDING(2): expected 2, got 1"));
  for (const char* bad : {"", "[", "[1,2", "[1,]", "[1 2]", "[a,b]", "1,2", "[1,2] x", "[null,1]", "[nan,1]",
                          "[inf,1]", "[1e999,1]", "[\"1\",2]"}) {
    EXPECT_THAT(Cast(Value::Text(bad), kEmbedding2), HasSubstr("expected a JSON array of numbers")) << bad;
  }
  EXPECT_EQ(
      Cast(Value::Bytes(TypeKind::kBytes, std::string_view("\0\1\2\3\4\5\6\7\x8\x9\xA\xB\xC\xD\xE\xF", 16)),
           kUuid),
      "000102030405060708090a0b0c0d0e0f");
  EXPECT_THAT(Cast(Value::Bytes(TypeKind::kBytes, "short"), kUuid), HasSubstr("must be 16 bytes"));
}

TEST_F(CastTest, OthersAndNull) {
  EXPECT_EQ(Cast(Value::Null(), kBigInt), "NULL");
  EXPECT_EQ(Cast(Value::Null(TypeKind::kText), kEmbedding2), "NULL");
  EXPECT_EQ(Cast(Value::Real(TypeKind::kDouble, 2.5), kText), "'2.5'");
  EXPECT_EQ(Cast(Value::Real(TypeKind::kDouble, 1e30), kBigInt).substr(0, 11), "constraint:");
  EXPECT_EQ(Cast(Value::Real(TypeKind::kDouble, 0.5), kFloat), "0.5");
  EXPECT_EQ(Cast(Value::Real(TypeKind::kFloat, 0.5), kDouble), "0.5");
  EXPECT_EQ(Cast(Value::Boolean(true), kInt), "1");
  EXPECT_EQ(Cast(Value::Boolean(true), kText), "'true'");
  EXPECT_EQ(Cast(Value::Wide(TypeKind::kDecimal, 12345, 2), kMoney), "12345");
  EXPECT_EQ(Cast(Value::Wide(TypeKind::kDecimal, 12345, 3), kMoney), "1235");
  EXPECT_EQ(Cast(Value::Wide(TypeKind::kDecimal, 12345, 2), kText), "'123.45'");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kDate, 1), kTimestamp), "86400000000");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kDate, 1), kDateTime), "86400000000");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kDateTime, 86'400'000'000), kDate), "1");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kTimestamp, 7), kDateTime), "7");
  EXPECT_EQ(Cast(Value::Integer(TypeKind::kTimestamp, 0), kText), "'1970-01-01 00:00:00'");
  EXPECT_EQ(Cast(Value::Wide(TypeKind::kHugeInt, 7), kBigInt), "7");
}

// The quick ways must not differ from the casts of queries.
TEST_F(CastTest, AgreesWithQueries) {
  const std::vector<std::string> values = {"5",
                                           "-5",
                                           "0",
                                           "32767",
                                           "32768",
                                           "2147483648",
                                           "9223372036854775807",
                                           "1.5",
                                           "2.5",
                                           "-0.5",
                                           "1e10",
                                           "true",
                                           "'5'",
                                           "'1.5'",
                                           "' 7 '",
                                           "'abc'",
                                           "'true'",
                                           "''",
                                           "'2024-02-29'",
                                           "'2024-02-29 12:00:00'",
                                           "'12:30:00'",
                                           "1.005",
                                           "123456.789"};
  const std::vector<DataType> types = {kBoolean, kSmallInt, kInt,  kBigInt,    kFloat, kDouble,
                                       kText,    kDate,     kTime, kTimestamp, kMoney};
  for (const std::string& text : values) {
    for (const DataType& type : types) {
      const bool number = text[0] != '\'' && text != "true";
      const bool temporal =
          type.kind == TypeKind::kDate || type.kind == TypeKind::kTime || type.kind == TypeKind::kTimestamp;
      if (number && temporal) continue;  // ours alone
      const auto run = [&](const std::string& sql) -> std::string {
        RunRequest request;
        request.statement = engine_->Parse(sql).value();
        Collector sink;
        if (!engine_->Run(request, sink).has_value()) return "error";
        const Value got = sink.rows[0][0].view();
        return fmt::format("{} {}", SqlName(sink.columns[0].type), ToDisplay(got));
      };
      const std::string by_query = run(fmt::format("SELECT CAST({} AS {})", text, SqlName(type)));
      RunRequest literal;
      literal.statement = engine_->Parse("SELECT " + text).value();
      Collector sink;
      ASSERT_TRUE(engine_->Run(literal, sink).has_value());
      const Result<Value> ours = engine_->Cast(sink.rows[0][0].view(), type, arena_);
      EXPECT_EQ(ours ? fmt::format("{} {}", SqlName(type), ToDisplay(*ours)) : "error", by_query)
          << text << " to " << SqlName(type);
    }
  }
}

TEST_F(CastTest, Constants) {
  EXPECT_EQ(Constant("5", kInt), "5");
  EXPECT_EQ(Constant("-5", kBigInt), "-5");
  EXPECT_EQ(Constant("'it''s'", kText), "'it's'");
  EXPECT_EQ(Constant("true", kBoolean), "true");
  EXPECT_EQ(Constant("FALSE", kBoolean), "false");
  EXPECT_EQ(Constant("NULL", kInt), "NULL");
  EXPECT_EQ(Constant("1.5", kMoney), "150");
  EXPECT_EQ(Constant("1 + 1", kInt), "2");
  EXPECT_EQ(Constant("7 / 2", kDouble), "3");
  EXPECT_EQ(Constant("upper('x') || 'y'", kText), "'Xy'");
  EXPECT_EQ(Constant("'2024-01-01'", kDate), "19723");
  EXPECT_EQ(Constant("'[1,2]'", kEmbedding2).size(), 10u);
  EXPECT_THAT(Constant("'x'", kInt), HasSubstr("constraint: Unable to cast value 'x' of type TEXT to INT"));
  EXPECT_THAT(Constant("1; SELECT 2", kInt), HasSubstr("invalid_sql"));
  for (const char* bad :
       {"a", "(SELECT 1)", "1 FROM t", "1, 2", "*", "1 WHERE true", "1 ORDER BY 1", "$1", "1 LIMIT 1",
        "1 UNION SELECT 2", "1 FROM range(1)", "(SELECT x FROM t)", "getvariable('x')", ""}) {
    EXPECT_FALSE(engine_->EvaluateConstant(bad, kInt, arena_).has_value() &&
                 std::string_view(bad) != "(SELECT 1)")
        << bad;
  }
}

}  // namespace
}  // namespace kalam::engine
