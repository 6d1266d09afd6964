#include "topics/group_cursor.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace kalam::topics {
namespace {

constexpr int64_t kTimeout = 100;

GroupCursor::Fetch FetchOf(uint64_t limit, uint64_t end, int64_t now, uint64_t seed = 0) {
  return {seed, limit, {0, end}, now, kTimeout};
}

void ExpectRange(OffsetRange range, uint64_t begin, uint64_t end) {
  EXPECT_EQ(range.begin, begin);
  EXPECT_EQ(range.end, end);
}

TEST(GroupCursorTest, FetchesOfAGroupAreDisjoint) {
  GroupCursor cursor;
  ExpectRange(cursor.Claim(FetchOf(40, 80, 0)), 0, 40);
  ExpectRange(cursor.Claim(FetchOf(40, 80, 0)), 40, 80);
  EXPECT_TRUE(cursor.Claim(FetchOf(40, 80, 0)).empty());
  ExpectRange(cursor.Claim(FetchOf(40, 81, 1)), 80, 81);
}

TEST(GroupCursorTest, TheFirstPollPinsThePosition) {
  GroupCursor cursor;
  const OffsetRange range = cursor.Claim(FetchOf(10, 5, 0, 5));  // latest
  EXPECT_TRUE(range.empty());
  EXPECT_EQ(range.begin, 5u);
  ExpectRange(cursor.Claim(FetchOf(10, 7, 0, 0)), 5, 7);  // earliest no longer counts
}

TEST(GroupCursorTest, AcknowledgedWinsOverTheStart) {
  GroupCursor cursor(4);
  ExpectRange(cursor.Claim(FetchOf(10, 6, 0, 0)), 5, 6);
}

TEST(GroupCursorTest, ExpiredClaimsAreGivenAgainFromTheOldest) {
  GroupCursor cursor;
  cursor.Claim(FetchOf(10, 30, 0));
  cursor.Claim(FetchOf(10, 30, 50));
  cursor.Claim(FetchOf(10, 30, 60));
  EXPECT_TRUE(cursor.Claim(FetchOf(10, 30, 99)).empty());  // one tick before the time is over
  ExpectRange(cursor.Claim(FetchOf(100, 30, 100)), 0,
              10);  // only the first one; the window ends before the next claim
  EXPECT_TRUE(cursor.Claim(FetchOf(100, 30, 100)).empty());
  ExpectRange(cursor.Claim(FetchOf(100, 31, 155)), 10, 20);
  ExpectRange(cursor.Claim(FetchOf(100, 31, 155)), 30, 31);
}

TEST(GroupCursorTest, AcknowledgementsAreCumulativeAndNeverGoBack) {
  GroupCursor cursor;
  cursor.Claim(FetchOf(10, 30, 0));
  cursor.Claim(FetchOf(10, 30, 0));
  cursor.Acknowledge(14);
  EXPECT_EQ(cursor.acknowledged(), 14u);
  EXPECT_EQ(cursor.Claims(0), 1u);
  cursor.Acknowledge(3);
  EXPECT_EQ(cursor.acknowledged(), 14u);
  // The rest of a claim that was acknowledged in part comes again, and only the rest.
  ExpectRange(cursor.Claim(FetchOf(100, 20, 100)), 15, 20);
}

TEST(GroupCursorTest, WhatAReaderDidNotTakeComesAgainAtOnce) {
  GroupCursor cursor;
  const auto first = cursor.Claim(FetchOf(10, 30, 0));
  cursor.GiveBack(first, 4);
  ExpectRange(cursor.Claim(FetchOf(3, 30, 0)), 4, 7);
  const auto third = cursor.Claim(FetchOf(10, 30, 0));
  ExpectRange(third, 7, 17);
  cursor.Claim(FetchOf(10, 30, 0));
  cursor.GiveBack(third, 7);  // nothing at all, and another reader is ahead
  ExpectRange(cursor.Claim(FetchOf(100, 30, 0)), 7, 17);
  ExpectRange(cursor.Claim(FetchOf(100, 30, 0)), 27, 30);
}

TEST(GroupCursorTest, AnAcknowledgementMayOvertakeTheReader) {
  GroupCursor cursor;
  const auto claimed = cursor.Claim(FetchOf(10, 10, 0));
  cursor.Acknowledge(6);
  cursor.GiveBack(claimed, 3);
  ExpectRange(cursor.Claim(FetchOf(10, 10, 0)), 7, 10);
  const size_t before = cursor.Claims(0);
  cursor.GiveBack(claimed, 3);  // a claim that is gone changes nothing
  EXPECT_EQ(cursor.Claims(0), before);
}

TEST(GroupCursorTest, ClaimsThatHaveExpiredAreNotCounted) {
  GroupCursor cursor;
  for (int i = 0; i < 5; ++i) cursor.Claim(FetchOf(2, 30, 0));
  EXPECT_EQ(cursor.Claims(99), 5u);
  EXPECT_EQ(cursor.Claims(100), 0u);
  ExpectRange(cursor.Claim(FetchOf(100, 30, 100)), 0, 30);
}

TEST(GroupCursorTest, AReaderFromBeforeTheGroupWasForgottenGivesNothingBack) {
  GroupCursor cursor;
  const auto old = cursor.Claim(FetchOf(10, 30, 0));
  cursor.Forget();
  ExpectRange(cursor.Claim(FetchOf(10, 30, 0)), 0, 10);
  cursor.GiveBack(old, 0);
  ExpectRange(cursor.Claim(FetchOf(10, 30, 0)), 10, 20);
}

TEST(GroupCursorTest, RetentionMovesTheCursorForward) {
  GroupCursor cursor(1);
  GroupCursor::Fetch fetch = FetchOf(5, 30, 0);
  fetch.log.begin = 20;
  ExpectRange(cursor.Claim(fetch), 20, 25);
}

// Against a model: no offset is given to two readers at a time, and none is lost.
TEST(GroupCursorTest, RandomHistoriesLoseNothingAndGiveNothingTwice) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t n) { return random() % n; };
  for (int trial = 0; trial < 200; ++trial) {
    GroupCursor cursor;
    std::vector<std::pair<OffsetRange, int64_t>> held;  // with the time at which the claim ends
    std::set<uint64_t> done;
    uint64_t end = 0;
    int64_t acknowledged = -1;
    int64_t now = 0;
    for (int step = 0; step < 100; ++step) {
      end += below(10);
      now += static_cast<int64_t>(below(20));
      std::erase_if(held, [&](const auto& one) { return one.second <= now; });
      switch (below(4)) {
        case 0:
        case 1: {
          GroupCursor::Claimed range = cursor.Claim(FetchOf(1 + below(12), end, now));
          if (range.empty()) break;
          for (const auto& [other, until] : held) {
            ASSERT_TRUE(range.end <= other.begin || other.end <= range.begin)
                << range.begin << " " << other.begin;
          }
          ASSERT_GT(static_cast<int64_t>(range.begin), acknowledged);
          if (below(4) == 0) {
            const uint64_t taken = range.begin + below(range.end - range.begin + 1);
            cursor.GiveBack(range, taken);
            range.end = taken;
          }
          if (!range.empty()) held.emplace_back(range, now + kTimeout);
          break;
        }
        case 2: {
          if (held.empty()) break;
          const OffsetRange range = held[below(held.size())].first;
          const uint64_t upto = range.begin + below(range.end - range.begin);
          cursor.Acknowledge(upto);
          acknowledged = std::max(acknowledged, static_cast<int64_t>(upto));
          // Cumulative: what others hold below it is done too.
          for (auto& [other, until] : held) other.begin = std::max(other.begin, upto + 1);
          std::erase_if(held, [](const auto& one) { return one.first.empty(); });
          break;
        }
        default:
          break;
      }
    }
    // When every claim has expired, everything behind the acknowledged offset is given out.
    now += 2 * kTimeout;
    uint64_t expected = static_cast<uint64_t>(acknowledged + 1);
    for (auto range = cursor.Claim(FetchOf(7, end, now)); !range.empty();
         range = cursor.Claim(FetchOf(7, end, now))) {
      ASSERT_EQ(range.begin, expected);
      expected = range.end;
    }
    ASSERT_EQ(expected, end);
  }
}

}  // namespace
}  // namespace kalam::topics
