#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/gate.h"
#include "base/hex.h"
#include "base/random.h"

namespace kalam {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(ErrorCode::kInvalidInput, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  KALAM_ASSIGN(int half, Half(n));
  KALAM_ASSIGN(half, Half(half));
  return half;
}

TEST(ResultTest, PropagatesTheFirstError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
}

TEST(RandomTest, IdsHaveTheirStandardShape) {
  SeededRandom random(1);
  const std::string v4 = UuidV4(random);
  ASSERT_EQ(v4.size(), 36u);
  EXPECT_EQ(v4[14], '4');
  const std::string v7 = UuidV7(random, 0x0123456789AB);
  EXPECT_EQ(v7.substr(0, 15), "01234567-89ab-7");
  EXPECT_EQ(Ulid(random, 0).substr(0, 10), "0000000000");
  EXPECT_LT(Ulid(random, 1), Ulid(random, 2));
}

TEST(GateTest, CloseWaitsForThoseInside) {
  Gate gate;
  Gate::Pass pass = gate.Enter();
  ASSERT_TRUE(pass);
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    gate.Close();
    closed = true;
  });
  while (gate.Enter()) std::this_thread::yield();
  EXPECT_FALSE(closed);
  pass = Gate::Pass();
  closer.join();
  EXPECT_TRUE(closed);
}

TEST(HexTest, BytesComeBack) {
  const std::string bytes(
      "\x00\x7f\xff"
      "A",
      4);
  EXPECT_EQ(ToHex(bytes), "007fff41");
  EXPECT_EQ(FromHex("007fff41"), bytes);
  EXPECT_EQ(FromHex(""), "");
  EXPECT_EQ(FromHex("007FfF41", HexCase::kAny), bytes);
  for (const char* bad : {"0", "0g", "+1", " 1", "FF"}) EXPECT_EQ(FromHex(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace kalam
