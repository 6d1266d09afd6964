#include <gtest/gtest.h>

#include "model/types.h"
#include "model/value.h"

namespace kalam {
namespace {

TEST(TypesTest, ParsesEverySpellingAndItsArguments) {
  const int64_t ten_two[] = {10, 2};
  EXPECT_EQ(SqlName(ParseSqlType("decimal", ten_two, 2).value()), "DECIMAL(10, 2)");
  EXPECT_EQ(SqlName(ParseSqlType("double   precision", nullptr, 0).value()), "DOUBLE");
  EXPECT_EQ(ParseSqlType("Int8", nullptr, 0).value().kind, TypeKind::kBigInt);
  EXPECT_EQ(ParseSqlType("money", nullptr, 0).error().message, "Unsupported data type: MONEY");
  const int64_t bad[] = {2, 3};
  EXPECT_EQ(ParseSqlType("decimal", bad, 2).error().message, "DECIMAL scale (3) cannot exceed precision (2)");
  const int64_t dims[] = {9000};
  EXPECT_FALSE(ParseSqlType("embedding", dims, 1).has_value());
}

TEST(ValueTest, IdenticalComparesStoredBits) {
  EXPECT_TRUE(Identical(Value::Null(TypeKind::kInt), Value::Null(TypeKind::kText)));
  EXPECT_FALSE(Identical(Value::BigInt(1), Value::Null(TypeKind::kBigInt)));
  EXPECT_TRUE(Identical(Value::Text("a"), Value::Text(std::string("a"))));
  EXPECT_FALSE(Identical(Value::Real(TypeKind::kDouble, 0.0), Value::Real(TypeKind::kDouble, -0.0)));
}

}  // namespace
}  // namespace kalam
