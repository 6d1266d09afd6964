#include "cold/storage/object_path.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace kalam::cold {
namespace {

TEST(ObjectPath, AcceptsRelativePaths) {
  for (const char* path : {"a", "a/b/c.parquet", ".hidden/x", "a b/(c)", "ü/日本", "a/..b/c.."}) {
    EXPECT_TRUE(ValidateObjectPath(path)) << path;
  }
}

TEST(ObjectPath, RefusesWhatLeavesItsFolder) {
  using namespace std::string_literals;
  for (const std::string& path : {""s,
                                  "/a"s,
                                  "a/"s,
                                  "a//b"s,
                                  "."s,
                                  ".."s,
                                  "../a"s,
                                  "a/../b"s,
                                  "a/./b"s,
                                  "a/.."s,
                                  "a\\b"s,
                                  "a\0b"s,
                                  "a\nb"s,
                                  "\xff"s,
                                  "\xc0\xaf"s,
                                  "\xed\xa0\x80"s,
                                  ".kalam-staging/x"s,
                                  ".kalam-staging"s,
                                  std::string(256, 'a'),
                                  std::string(1025, 'a')}) {
    const Status status = ValidateObjectPath(path);
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidOperation);
  }
}

TEST(EscapePart, KeepsPlainNames) {
  EXPECT_EQ(EscapePart("alice"), "alice");
  EXPECT_EQ(EscapePart("alice.b+c@example.com"), "alice.b+c@example.com");
}

TEST(EscapePart, EscapesWhatIsSpecialAnywhere) {
  EXPECT_EQ(EscapePart("."), "%2E");
  EXPECT_EQ(EscapePart(".."), "%2E.");
  EXPECT_EQ(EscapePart("a/b"), "a%2Fb");
  EXPECT_EQ(EscapePart("a=b*?[c]{d}~"), "a%3Db%2A%3F%5Bc%5D%7Bd%7D%7E");
  EXPECT_EQ(EscapePart("ü"), "%C3%BC");
  EXPECT_EQ(EscapePart(""), "%");
}

TEST(EscapePart, GivesOnePartForAnyNameAndNeverTheSameTwice) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::set<std::string> names, parts;
  for (int i = 0; i < 20'000; ++i) {
    std::string name(random() % 130, '\0');
    // Few different bytes, so that names are near each other.
    for (char& c : name) c = "./%~2E\\a\x01\xff"[random() % 10];
    if (!names.insert(name).second) continue;
    const std::string part = EscapePart(name);
    ASSERT_TRUE(ValidateObjectPath(part)) << part;
    ASSERT_EQ(part.find('/'), std::string::npos);
    ASSERT_TRUE(parts.insert(part).second) << part;
  }
}

TEST(EscapePart, CutsLongNamesByHash) {
  const std::string a = EscapePart(std::string(128, '\xc3') + "a");
  const std::string b = EscapePart(std::string(128, '\xc3') + "b");
  EXPECT_LE(a.size(), 200u);
  EXPECT_NE(a, b);
  EXPECT_TRUE(ValidateObjectPath(a));
}

}  // namespace
}  // namespace kalam::cold
