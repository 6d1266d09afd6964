// RoundSize: how many rows one round takes. The configured batch at first; a job that still has work after
// many rounds has a backlog that fixed batches with pauses between them would never catch up with, so the
// batch then doubles with each round.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kalam::jobs {

inline constexpr int64_t kSteadyRounds = 12;
inline constexpr int64_t kRoundRowsMax = 1'000'000;

// `rounds`: those that the job has finished.
inline int64_t RoundSize(int64_t batch_size, int64_t rounds) {
  int64_t size = batch_size;
  for (int64_t i = kSteadyRounds; i <= rounds && size < kRoundRowsMax; ++i) size *= 2;
  return std::max(batch_size, std::min(size, kRoundRowsMax));
}

}  // namespace kalam::jobs
