#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "tables/key_range.h"
#include "tables/predicate.h"
#include "tables/row_builder.h"
#include "tables/row_change.h"
#include "tables/table_scope.h"

namespace kalam::tables {
namespace {

using engine::CompareOp;

std::string KeyOf(const std::string& prefix, const Value& value) {
  std::string key = prefix;
  EXPECT_TRUE(hot::AppendPrimaryKey(value, key));
  return key;
}

bool Contains(const KeyRange& range, const std::string& key) {
  return key >= range.begin() && (range.end().empty() || key < range.end());
}

// A range must hold exactly the keys for which the comparison is true.
TEST(KeyRangeTest, HoldsExactlyTheMatchingKeys) {
  const std::string prefix = hot::UserPrefix(TableId(7), "ann");
  const std::vector<int64_t> numbers = {std::numeric_limits<int64_t>::min(), -5, -1, 0, 1, 4, 5, 6,
                                        std::numeric_limits<int64_t>::max()};
  for (const CompareOp op : {CompareOp::kEqual, CompareOp::kLess, CompareOp::kLessEqual, CompareOp::kGreater,
                             CompareOp::kGreaterEqual}) {
    for (const int64_t bound : numbers) {
      KeyRange range(prefix);
      ASSERT_TRUE(range.Narrow(op, Value::BigInt(bound)));
      for (const int64_t n : numbers) {
        const bool expected = op == CompareOp::kEqual       ? n == bound
                              : op == CompareOp::kLess      ? n < bound
                              : op == CompareOp::kLessEqual ? n <= bound
                              : op == CompareOp::kGreater   ? n > bound
                                                            : n >= bound;
        EXPECT_EQ(Contains(range, KeyOf(prefix, Value::BigInt(n))), expected)
            << n << " op " << static_cast<int>(op) << " " << bound;
      }
    }
  }
}

TEST(KeyRangeTest, ContradictionsAreEmptyAndPointsAreKnown) {
  KeyRange range(hot::SharedPrefix(TableId(1)));
  ASSERT_TRUE(range.Narrow(CompareOp::kEqual, Value::Text("a")));
  EXPECT_TRUE(range.point().has_value());
  ASSERT_TRUE(range.Narrow(CompareOp::kEqual, Value::Text("b")));
  EXPECT_TRUE(range.empty());
  EXPECT_FALSE(range.point().has_value());
}

TEST(KeyRangeTest, NeverReachesAnotherUsersRows) {
  for (const CompareOp op :
       {CompareOp::kLess, CompareOp::kLessEqual, CompareOp::kGreater, CompareOp::kGreaterEqual}) {
    KeyRange range(hot::UserPrefix(TableId(7), "ann"));
    ASSERT_TRUE(range.Narrow(op, Value::BigInt(0)));
    for (const char* other : {"an", "anm", "ann2", "anna", "bob", ""}) {
      for (const int64_t n : {int64_t{-1}, int64_t{0}, int64_t{1}}) {
        EXPECT_FALSE(Contains(range, KeyOf(hot::UserPrefix(TableId(7), other), Value::BigInt(n)))) << other;
      }
    }
  }
}

catalog::Table CounterTable() {
  catalog::Table table;
  table.id = TableId(3);
  table.ns = "app";
  table.name = "counters";
  table.type = TableType::kShared;
  TableSchema& schema = table.versions.emplace_back();
  const auto column = [&](uint32_t id, const char* name, TypeKind kind, bool nullable, bool key) {
    Column c;
    c.id = ColumnId(id);
    c.name = name;
    c.type = Type(kind);
    c.nullable = nullable;
    c.primary_key = key;
    schema.columns.push_back(c);
  };
  column(1, "id", TypeKind::kText, false, true);
  column(2, "n", TypeKind::kBigInt, false, false);
  column(3, "note", TypeKind::kText, true, false);
  table.codec = std::make_shared<hot::RowCodec>(table.versions);
  return table;
}

std::string RowOf(const catalog::Table& table, int64_t n, Value note) {
  std::string row;
  const std::vector<Value> values = {Value::Text("k"), Value::BigInt(n), note};
  EXPECT_TRUE(table.codec->Encode(values, row));
  return row;
}

TEST(UpdateChangeTest, AddsToTheNewestVersionAndSkipsWhatStaysTheSame) {
  const auto table = std::make_shared<const catalog::Table>(CounterTable());
  Assignment plus;
  plus.ordinal = 1;
  plus.form = Assignment::Form::kPlus;
  plus.source_ordinal = 1;
  plus.constant = OwnedValue(Value::BigInt(2));
  const UpdateChange add(table, {plus}, {});
  std::string next;
  EXPECT_EQ(add.Apply(RowOf(*table, 40, Value::Null()), next).value(), hot::RowTransform::Effect::kWrite);
  EXPECT_EQ(table->codec->Open(next)->Get(1).integer, 42);
  EXPECT_EQ(add.Apply(std::nullopt, next).value(), hot::RowTransform::Effect::kUnchanged);
  EXPECT_EQ(add.Apply(RowOf(*table, std::numeric_limits<int64_t>::max(), Value::Null()), next).error().code,
            ErrorCode::kConstraint);

  Assignment same;
  same.ordinal = 2;
  same.constant = OwnedValue(Value::Text("x"));
  const UpdateChange set(table, {same}, {});
  EXPECT_EQ(set.Apply(RowOf(*table, 1, Value::Text("x")), next).value(),
            hot::RowTransform::Effect::kUnchanged);
  EXPECT_EQ(set.Apply(RowOf(*table, 1, Value::Null()), next).value(), hot::RowTransform::Effect::kWrite);
}

TEST(DeleteChangeTest, KeepsTheValuesAndDeletesOnce) {
  const auto table = std::make_shared<const catalog::Table>(CounterTable());
  const DeleteChange change(table, {});
  std::string tombstone;
  ASSERT_EQ(change.Apply(RowOf(*table, 7, Value::Text("x")), tombstone).value(),
            hot::RowTransform::Effect::kWrite);
  EXPECT_TRUE(table->codec->Open(tombstone)->deleted());
  EXPECT_EQ(table->codec->Open(tombstone)->Get(1).integer, 7);
  std::string again;
  EXPECT_EQ(change.Apply(tombstone, again).value(), hot::RowTransform::Effect::kUnchanged);
}

TEST(PredicateTest, NullNeverMatchesAComparison) {
  const catalog::Table table = CounterTable();
  const std::string bytes = RowOf(table, 1, Value::Null());
  const hot::RowView row = table.codec->Open(bytes).value();
  for (const CompareOp op :
       {CompareOp::kEqual, CompareOp::kNotEqual, CompareOp::kLess, CompareOp::kGreaterEqual}) {
    const Condition condition{2, op, Value::Text("x")};
    EXPECT_FALSE(Matches(std::vector<Condition>{condition}, row));
  }
  EXPECT_TRUE(Matches(std::vector<Condition>{{2, CompareOp::kIsNull, Value()}}, row));
}

TEST(RowBuilderTest, NamesColumnAndRowOfANull) {
  const catalog::Table table = CounterTable();
  SystemClock clock;
  SeededRandom random(1);
  SnowflakeIds ids(clock, 2, Seq(0));
  const std::vector<size_t> columns = {0, 1};
  RowBuilder builder(table, columns, hot::SharedPrefix(table.id), {ids, random, 0, "ann"});
  hot::Batch batch;
  ASSERT_TRUE(builder.Add(std::vector<Value>{Value::Text("a"), Value::BigInt(1)}, batch));
  const Status failed = builder.Add(std::vector<Value>{Value::Text("b"), Value::Null()}, batch);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "NOT NULL constraint violation: column 'n' cannot be NULL (row 2)");
  EXPECT_EQ(batch.rows.size(), 1u);
}

}  // namespace
}  // namespace kalam::tables
