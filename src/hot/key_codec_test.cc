#include "hot/key_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/limits.h"

namespace kalam::hot {
namespace {

constexpr TableId kTable(9);

std::string KeyOfValue(const Value& value) {
  std::string key;
  const Status status = AppendPrimaryKey(value, key);
  EXPECT_TRUE(status) << status.error().message;
  return key;
}

const DataType kKeyTypes[] = {
    Type(TypeKind::kBoolean), Type(TypeKind::kSmallInt),  Type(TypeKind::kInt),
    Type(TypeKind::kBigInt),  Type(TypeKind::kDate),      Type(TypeKind::kTime),
    Type(TypeKind::kDouble),  Type(TypeKind::kTimestamp), Type(TypeKind::kDateTime),
    Type(TypeKind::kFloat),   Type(TypeKind::kUuid),      DataType{TypeKind::kDecimal, 38, 3, 0},
    Type(TypeKind::kText),    Type(TypeKind::kBytes),     Type(TypeKind::kFile),
};

// Numbers of every magnitude, with their neighbours and both signs.
int64_t RandomInteger(std::mt19937_64& random, int bits) {
  return static_cast<int64_t>(random()) >>
         (64 - 1 - static_cast<int>(random() % static_cast<uint64_t>(bits)));
}

Value RandomValue(const DataType& type, std::mt19937_64& random, std::string& storage) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return Value::Boolean(random() % 2 == 0);
    case TypeKind::kSmallInt:
      return Value::Integer(type.kind, RandomInteger(random, 16));
    case TypeKind::kInt:
    case TypeKind::kDate:
      return Value::Integer(type.kind, RandomInteger(random, 32));
    case TypeKind::kFloat:
      return Value::Real(type.kind,
                         static_cast<double>(static_cast<float>(RandomInteger(random, 60)) / 1024));
    case TypeKind::kDouble: {
      const double real = std::bit_cast<double>(random());
      return Value::Real(type.kind, std::isnan(real) ? 0.5 : real);
    }
    case TypeKind::kDecimal:
    case TypeKind::kUuid: {
      const Int128 wide = (Int128{RandomInteger(random, 64)} << 64) | static_cast<Int128>(random());
      return Value::Wide(type.kind, random() % 2 == 0 ? wide : Int128{RandomInteger(random, 64)}, type.scale);
    }
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kFile: {
      storage.clear();
      constexpr char kBytes[] = {'\0', '\x01', '\x7F', '\x80', '\xFF', 'a', 'b'};
      for (size_t i = random() % 6; i > 0; --i) storage.push_back(kBytes[random() % std::size(kBytes)]);
      return Value::Bytes(type.kind, storage);
    }
    default:
      return Value::Integer(type.kind, RandomInteger(random, 64));
  }
}

bool Less(const Value& a, const Value& b) {
  switch (a.kind) {
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return a.real < b.real;
    case TypeKind::kDecimal:
      return a.wide < b.wide;
    case TypeKind::kUuid:
      return static_cast<unsigned __int128>(a.wide) < static_cast<unsigned __int128>(b.wide);
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kFile:
      return a.text() < b.text();
    default:
      return a.integer < b.integer;
  }
}

TEST(KeyCodecTest, EveryTypeKeepsItsOrderAndRoundTrips) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::string storage_a;
  std::string storage_b;
  for (const DataType& type : kKeyTypes) {
    for (int i = 0; i < 2000; ++i) {
      const Value a = RandomValue(type, random, storage_a);
      const Value b = RandomValue(type, random, storage_b);
      const std::string key_a = KeyOfValue(a);
      const std::string key_b = KeyOfValue(b);
      ASSERT_EQ(key_a < key_b, Less(a, b)) << SqlName(type) << " " << ToDisplay(a) << " " << ToDisplay(b);
      ASSERT_EQ(key_a == key_b, !Less(a, b) && !Less(b, a)) << SqlName(type);
      if (IsVariable(type.kind) || a.real != 0) {  // -0 comes back as 0
        ASSERT_TRUE(Identical(DecodePrimaryKey(type, key_a).value(), a))
            << SqlName(type) << " " << ToDisplay(a);
      }
    }
  }
}

TEST(KeyCodecTest, ExtremesAndZeroes) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double ascending[] = {
      -infinity, std::numeric_limits<double>::lowest(),     -1, -std::numeric_limits<double>::denorm_min(),
      0,         std::numeric_limits<double>::denorm_min(), 1,  infinity};
  for (size_t i = 1; i < std::size(ascending); ++i) {
    EXPECT_LT(KeyOfValue(Value::Real(TypeKind::kDouble, ascending[i - 1])),
              KeyOfValue(Value::Real(TypeKind::kDouble, ascending[i])));
  }
  // Equal in SQL, so one key.
  EXPECT_EQ(KeyOfValue(Value::Real(TypeKind::kDouble, -0.0)),
            KeyOfValue(Value::Real(TypeKind::kDouble, 0.0)));
  const auto lowest = std::numeric_limits<int64_t>::min();
  EXPECT_LT(KeyOfValue(Value::BigInt(lowest)), KeyOfValue(Value::BigInt(-1)));
  EXPECT_EQ(DecodePrimaryKey(Type(TypeKind::kBigInt), KeyOfValue(Value::BigInt(lowest)))->integer, lowest);
}

TEST(KeyCodecTest, RefusesValuesWithoutKeyForm) {
  std::string out;
  for (const Value& value :
       {Value::Null(TypeKind::kInt), Value::Real(TypeKind::kDouble, std::nan("")),
        Value::Bytes(TypeKind::kEmbedding, "1234"), Value::Bytes(TypeKind::kJson, "{}")}) {
    EXPECT_EQ(AppendPrimaryKey(value, out).error().code, ErrorCode::kConstraint) << ToDisplay(value);
  }
  const std::string longest(limits::kPrimaryKeyBytesMax, 'x');
  EXPECT_TRUE(AppendPrimaryKey(Value::Text(longest), out));
  EXPECT_EQ(AppendPrimaryKey(Value::Text(longest + "x"), out).error().code, ErrorCode::kConstraint);
}

TEST(KeyCodecTest, MalformedKeysAreCorrupt) {
  for (const DataType& type : kKeyTypes) {
    if (IsVariable(type.kind)) continue;
    EXPECT_EQ(DecodePrimaryKey(type, "123").error().code, ErrorCode::kCorruption) << SqlName(type);
  }
  EXPECT_FALSE(DecodePrimaryKey(Type(TypeKind::kBoolean), "\x02"));
  EXPECT_FALSE(DecodePrimaryKey(Type(TypeKind::kInt), KeyOfValue(Value::BigInt(int64_t{1} << 40))));
  EXPECT_FALSE(DecodePrimaryKey(Type(TypeKind::kDouble), std::string(8, '\xFF')));  // NaN
  EXPECT_FALSE(DecodeSeq("1234567"));
  EXPECT_EQ(PrefixSize("123", false), 0u);
  EXPECT_EQ(PrefixSize(std::string_view("\0\0\0\1ab", 6), true), 0u);      // scope without end
  EXPECT_EQ(PrefixSize(std::string_view("\0\0\0\1a\0\2b", 8), true), 0u);  // unknown escape
  EXPECT_FALSE(DecodeScope(std::string_view("\0\0\0\1a\0\xFF", 7)));
}

TEST(KeyCodecTest, ScopesAreNotPrefixesOfEachOther) {
  const std::vector<std::string> users = {
      "",      "a",   "ab", "b", std::string("a\0", 2), std::string("a\0b", 3), std::string("a\0\x01", 3),
      "a\x01", "\xFF"};
  for (const std::string& a : users) {
    const std::string prefix_a = UserPrefix(kTable, a);
    EXPECT_EQ(DecodeScope(prefix_a + "key").value(), a);
    EXPECT_EQ(PrefixSize(prefix_a + "key", true), prefix_a.size());
    for (const std::string& b : users) {
      const std::string prefix_b = UserPrefix(kTable, b);
      EXPECT_EQ(prefix_b.starts_with(prefix_a), a == b);
      EXPECT_EQ(prefix_a < prefix_b, a < b);
    }
  }
}

TEST(KeyCodecTest, AKeyTellsItsTable) {
  for (const uint32_t table : {0u, 1u, 0x12345678u, 0xFFFFFFFFu}) {
    EXPECT_EQ(TableOf(SharedPrefix(TableId(table))), TableId(table));
    EXPECT_EQ(TableOf(UserPrefix(TableId(table), "u") + "key"), TableId(table));
  }
  EXPECT_EQ(TableOf("abc"), TableId(0));
}

TEST(KeyCodecTest, PrefixEndIsTheNextPrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xFF\xFF"), "b");
  EXPECT_EQ(PrefixEnd("\xFF"), "");
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd(SharedPrefix(TableId(9))), SharedPrefix(TableId(10)));
}

}  // namespace
}  // namespace kalam::hot
