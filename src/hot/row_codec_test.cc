#include "hot/row_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/limits.h"
#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

const DataType kColumnTypes[] = {
    Type(TypeKind::kBoolean),
    Type(TypeKind::kSmallInt),
    Type(TypeKind::kInt),
    Type(TypeKind::kBigInt),
    Type(TypeKind::kFloat),
    Type(TypeKind::kDouble),
    Type(TypeKind::kText),
    Type(TypeKind::kJson),
    Type(TypeKind::kBytes),
    Type(TypeKind::kFile),
    Type(TypeKind::kDate),
    Type(TypeKind::kTime),
    Type(TypeKind::kTimestamp),
    Type(TypeKind::kDateTime),
    Type(TypeKind::kUuid),
    DataType{TypeKind::kDecimal, 20, 4, 0},
    DataType{TypeKind::kEmbedding, 0, 0, 3},
};

Value RandomValue(const DataType& type, std::mt19937_64& random, Arena& arena) {
  if (random() % 4 == 0) return Value::Null(type.kind);
  const auto number = static_cast<int64_t>(random());
  switch (type.kind) {
    case TypeKind::kBoolean:
      return Value::Boolean(number % 2 == 0);
    case TypeKind::kSmallInt:
      return Value::Integer(type.kind, static_cast<int16_t>(number));
    case TypeKind::kInt:
    case TypeKind::kDate:
      return Value::Integer(type.kind, static_cast<int32_t>(number));
    case TypeKind::kFloat:
      return Value::Real(type.kind, static_cast<double>(static_cast<float>(number)));
    case TypeKind::kDouble:
      return Value::Real(type.kind, std::bit_cast<double>(number));
    case TypeKind::kDecimal:
    case TypeKind::kUuid:
      return Value::Wide(type.kind, Int128{number} * static_cast<int64_t>(random() >> 1), type.scale);
    case TypeKind::kEmbedding:
      return Value::Bytes(type.kind, arena.Copy("0123456789ab"));
    default:
      break;
  }
  if (!IsVariable(type.kind)) return Value::Integer(type.kind, number);
  return Value::Bytes(type.kind, arena.Copy(std::string(random() % 40, static_cast<char>(number))));
}

TEST(RowCodecTest, RandomRowsOfRandomSchemasRoundTripAndCutRowsAreCorrupt) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    Arena arena;
    TableSchema schema;
    std::vector<Value> values;
    for (uint32_t i = 0; i < random() % 20; ++i) {
      schema.columns.push_back(MakeColumn(i + 1, "c", kColumnTypes[random() % std::size(kColumnTypes)]));
      values.push_back(RandomValue(schema.columns.back().type, random, arena));
    }
    const RowCodec codec({schema});
    std::string row = "before";
    ASSERT_TRUE(codec.Encode(values, row));
    ASSERT_TRUE(row.starts_with("before"));
    row.erase(0, 6);
    const RowView view = codec.Open(row).value();
    EXPECT_EQ(view.seq(), Seq());
    EXPECT_FALSE(view.deleted());
    for (size_t i = 0; i < values.size(); ++i) ASSERT_TRUE(Identical(view.Get(i), values[i])) << i;
    for (size_t size = 0; size < row.size(); ++size)
      EXPECT_FALSE(codec.Open(std::string_view(row).substr(0, size)));
    EXPECT_FALSE(codec.Open(row + "x"));
  }
}

TEST(RowCodecTest, HeaderIsPatchedInPlaceAndChecked) {
  std::string row = RowOf(1, 2);
  PatchSeq(Seq(77), row);
  PatchDeleted(true, row);
  const RowView view = TestCodec().Open(row).value();
  EXPECT_EQ(view.seq(), Seq(77));
  EXPECT_TRUE(view.deleted());
  EXPECT_EQ(view.Get(1).integer, 2);
  PatchHistory({.first = true}, row);
  PatchDeleted(false, row);
  EXPECT_TRUE(RowHistoryOf(row).first) << "it stays when the row is deleted or not";
  for (const size_t offset : {0U, 1U, 2U, 3U, 4U}) {  // format, flags, changes of a first version, version
    std::string broken = row;
    broken[offset] = '\x7F';
    EXPECT_EQ(TestCodec().Open(broken).error().code, ErrorCode::kCorruption) << offset;
  }
}

TEST(RowCodecTest, HistoryTellsWhatCanHaveBeenDifferent) {
  const RowHistory first{.first = true};
  EXPECT_FALSE(first.MayDiffer(0xFFFF));
  const RowHistory second = first.After(HistoryBit(ColumnId(3)));
  EXPECT_TRUE(second.MayDiffer(HistoryBit(ColumnId(3))));
  EXPECT_FALSE(second.MayDiffer(HistoryBit(ColumnId(4))));
  const RowHistory third = second.After(HistoryBit(ColumnId(4)));
  EXPECT_TRUE(third.MayDiffer(HistoryBit(ColumnId(3)) | HistoryBit(ColumnId(9))));
  EXPECT_TRUE(third.MayDiffer(HistoryBit(ColumnId(19)))) << "shares a bit";
  EXPECT_TRUE(RowHistory().MayDiffer(1)) << "nothing is known";
  EXPECT_EQ(RowHistory().After(1), RowHistory()) << "and will not be";
  std::string row = RowOf(1, 2);
  PatchHistory(third, row);
  PatchDeleted(true, row);
  EXPECT_EQ(TestCodec().Open(row).value().history(), third);
}

TEST(RowCodecTest, OldRowsReadThroughTheNewestSchema) {
  TableSchema v1 = MakeSchema();
  const std::string row = RowOf(7, 8, "hello");

  TableSchema v2 = v1;
  v2.version = 2;
  v2.columns[1].type = Type(TypeKind::kBigInt);  // widened
  v2.columns[2].name = "text";                   // renamed
  v2.columns.push_back(MakeColumn(4, "extra", Type(TypeKind::kText)));
  v2.columns.back().initial_default = OwnedValue(Value::Text("later"));
  v2.columns.push_back(MakeColumn(5, "count", Type(TypeKind::kInt)));
  v2.columns.back().initial_default = OwnedValue(Value::Integer(TypeKind::kInt, 5));
  {
    const RowCodec codec({v1, v2});
    EXPECT_EQ(codec.Open(row)->Get(2).text(), "hello");
  }
  TableSchema v3 = v2;
  v3.version = 3;
  v3.columns.erase(v3.columns.begin() + 2);                            // dropped
  v3.columns[3].type = DataType{TypeKind::kDecimal, 12, 2, 0};         // its default was given as INT
  v3.columns.push_back(MakeColumn(6, "body", Type(TypeKind::kText)));  // the old name, a new column
  const RowCodec codec({v1, v2, v3});
  const RowView view = codec.Open(row).value();
  EXPECT_EQ(view.Get(0).integer, 7);
  EXPECT_EQ(view.Get(1).kind, TypeKind::kBigInt);
  EXPECT_EQ(view.Get(1).integer, 8);
  EXPECT_EQ(view.Get(2).text(), "later");
  EXPECT_TRUE(Identical(view.Get(3), Value::Wide(TypeKind::kDecimal, 500, 2)));
  EXPECT_TRUE(view.Get(4).is_null);
  EXPECT_EQ(view.Get(4).kind, TypeKind::kText);
}

// What a value of type `from` reads as after ALTER to `to`.
Value Widened(const DataType& from, const Value& value, const DataType& to) {
  EXPECT_TRUE(RowCodec::CanWiden(from, to)) << SqlName(from) << " " << SqlName(to);
  TableSchema v1;
  v1.columns = {MakeColumn(1, "c", from)};
  TableSchema v2 = v1;
  v2.version = 2;
  v2.columns[0].type = to;
  std::string row;
  EXPECT_TRUE(RowCodec({v1}).Encode(std::vector{value}, row));
  static std::unique_ptr<const RowCodec> codec;
  static std::string kept;
  codec = std::make_unique<const RowCodec>(std::vector{v1, v2});
  kept = row;
  return codec->Open(kept)->Get(0);
}

TEST(RowCodecTest, WidenedTypesKeepTheirValue) {
  const auto integer = [](TypeKind kind, int64_t n) { return Value::Integer(kind, n); };
  EXPECT_TRUE(
      Identical(Widened(Type(TypeKind::kSmallInt), integer(TypeKind::kSmallInt, -5), Type(TypeKind::kInt)),
                integer(TypeKind::kInt, -5)));
  EXPECT_TRUE(Identical(Widened(Type(TypeKind::kInt), integer(TypeKind::kInt, -5), Type(TypeKind::kDouble)),
                        Value::Real(TypeKind::kDouble, -5)));
  EXPECT_TRUE(
      Identical(Widened(Type(TypeKind::kFloat), Value::Real(TypeKind::kFloat, 0.5), Type(TypeKind::kDouble)),
                Value::Real(TypeKind::kDouble, 0.5)));
  const int64_t lowest = std::numeric_limits<int64_t>::min();
  EXPECT_TRUE(Identical(
      Widened(Type(TypeKind::kBigInt), Value::BigInt(lowest), DataType{TypeKind::kDecimal, 38, 19, 0}),
      Value::Wide(TypeKind::kDecimal, Int128{lowest} * 10'000'000'000'000'000'000U, 19)));
  EXPECT_TRUE(
      Identical(Widened(DataType{TypeKind::kDecimal, 5, 2, 0}, Value::Wide(TypeKind::kDecimal, 123, 2),
                        DataType{TypeKind::kDecimal, 9, 2, 0}),
                Value::Wide(TypeKind::kDecimal, 123, 2)));
  EXPECT_TRUE(
      Identical(Widened(Type(TypeKind::kDate), integer(TypeKind::kDate, -2), Type(TypeKind::kTimestamp)),
                integer(TypeKind::kTimestamp, -2 * 86'400'000'000)));
  EXPECT_TRUE(Identical(
      Widened(Type(TypeKind::kDate), integer(TypeKind::kDate, INT32_MAX), Type(TypeKind::kDateTime)),
      integer(TypeKind::kDateTime, std::numeric_limits<int64_t>::max())));
  EXPECT_TRUE(Identical(Widened(Type(TypeKind::kText), Value::Text("{}"), Type(TypeKind::kJson)),
                        Value::Bytes(TypeKind::kJson, "{}")));
  EXPECT_TRUE(Widened(Type(TypeKind::kInt), Value::Null(TypeKind::kInt), Type(TypeKind::kDouble)).is_null);
}

TEST(RowCodecTest, NarrowingIsRefused) {
  const auto can = [](DataType from, DataType to) { return RowCodec::CanWiden(from, to); };
  EXPECT_FALSE(can(Type(TypeKind::kBigInt), Type(TypeKind::kInt)));
  EXPECT_FALSE(can(Type(TypeKind::kBigInt), Type(TypeKind::kDouble)));  // 53 bits are not enough
  EXPECT_FALSE(can(Type(TypeKind::kInt), Type(TypeKind::kFloat)));
  EXPECT_FALSE(can(Type(TypeKind::kInt), DataType{TypeKind::kDecimal, 11, 2, 0}));
  EXPECT_TRUE(can(Type(TypeKind::kInt), DataType{TypeKind::kDecimal, 12, 2, 0}));
  EXPECT_FALSE(can(DataType{TypeKind::kDecimal, 9, 2, 0}, DataType{TypeKind::kDecimal, 9, 3, 0}));
  EXPECT_FALSE(can(Type(TypeKind::kTimestamp), Type(TypeKind::kDate)));
  EXPECT_FALSE(can(Type(TypeKind::kText), Type(TypeKind::kFile)));
  EXPECT_FALSE(can(Type(TypeKind::kText), Type(TypeKind::kBytes)));
  EXPECT_FALSE(can(DataType{TypeKind::kEmbedding, 0, 0, 3}, DataType{TypeKind::kEmbedding, 0, 0, 4}));
}

TEST(RowCodecTest, AVersionThatCannotBeReadIsCorruptNotMisread) {
  TableSchema v1 = MakeSchema();
  TableSchema v2 = v1;
  v2.version = 2;
  v2.columns[1].type = Type(TypeKind::kText);
  const RowCodec codec({v1, v2});
  const auto opened = codec.Open(RowOf(1, 2));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
  EXPECT_NE(opened.error().message.find("'n'"), std::string::npos) << opened.error().message;
}

TEST(RowCodecTest, EncodeRefusesWhatTheRowCannotHold) {
  std::string row;
  const std::string large(limits::kRowBytesMax, 'x');
  const Value id = Value::BigInt(1);
  const Value n = Value::Integer(TypeKind::kInt, 1);
  EXPECT_EQ(TestCodec().Encode(std::vector{id, n, Value::Text(large)}, row).error().code,
            ErrorCode::kLimitExceeded);
  EXPECT_EQ(TestCodec().Encode(std::vector{id, Value::BigInt(1), Value::Text("")}, row).error().code,
            ErrorCode::kInternal);
  const Value beyond = Value::Integer(TypeKind::kInt, int64_t{1} << 31);
  EXPECT_EQ(TestCodec().Encode(std::vector{id, beyond, Value::Text("")}, row).error().code,
            ErrorCode::kInternal);
  EXPECT_TRUE(row.empty());
}

}  // namespace
}  // namespace kalam::hot
