// _seq: the position of a row version in commit order.
//
// Layout (64 bits, positive): 0 | milliseconds since 2024-01-01T00:00:00Z (41) | worker (10) | counter (12).
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace kalam::hot {

inline constexpr int64_t kSeqEpochMillis = 1'704'067'200'000;
inline constexpr int kSeqCounterBits = 12;
inline constexpr int kSeqWorkerBits = 10;
inline constexpr int kSeqMillisShift = kSeqCounterBits + kSeqWorkerBits;

// Wall-clock milliseconds since 1970 that the sequence carries.
constexpr int64_t SeqWallMillis(Seq seq) { return (seq.value >> kSeqMillisShift) + kSeqEpochMillis; }
// The smallest sequence of that millisecond.
constexpr Seq SeqFloor(int64_t wall_millis) {
  return Seq((wall_millis - kSeqEpochMillis) << kSeqMillisShift);
}

// Hands out ascending sequences. When the clock stands still, steps backwards or more than 4096 are asked for
// in one millisecond, it runs ahead of the clock instead of waiting, so it never repeats and never blocks.
// Not thread-safe: the committer owns one. Another owner (SNOWFLAKE_ID) has its own with its own lock and
// another worker number.
class SeqGenerator {
 public:
  SeqGenerator(uint16_t worker, Seq last_used) : worker_(worker & 1023), last_(last_used.value) {}

  Seq Next(int64_t wall_millis) {
    const int64_t now = (SeqFloor(wall_millis).value) | (static_cast<int64_t>(worker_) << kSeqCounterBits);
    if (now > last_) {
      last_ = now;
    } else if ((last_ & ((1 << kSeqCounterBits) - 1)) != (1 << kSeqCounterBits) - 1) {
      ++last_;
    } else {
      last_ = (((last_ >> kSeqMillisShift) + 1) << kSeqMillisShift) |
              (static_cast<int64_t>(worker_) << kSeqCounterBits);
    }
    return Seq(last_);
  }

  Seq last() const { return Seq(last_); }

 private:
  uint16_t worker_;
  int64_t last_;
};

}  // namespace kalam::hot
