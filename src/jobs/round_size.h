// RoundSize and RoundPause: how many rows one round takes, and how long the job waits after it. The
// configured batch and pause at first; a job that still has work after some rounds has a backlog that those
// would never catch up with (a full batch of 10,000 rows each 5 s is 2,000 rows/s), so the batch then doubles
// with each round and the pauses get short.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kalam::jobs {

inline constexpr int64_t kSteadyRounds = 5;
inline constexpr int64_t kRoundRowsMax = 1'000'000;
inline constexpr int64_t kBacklogPauseShare = 5;

// `rounds`: those that the job has finished.
inline int64_t RoundSize(int64_t batch_size, int64_t rounds) {
  int64_t size = batch_size;
  for (int64_t i = kSteadyRounds; i <= rounds && size < kRoundRowsMax; ++i) size *= 2;
  return std::max(batch_size, std::min(size, kRoundRowsMax));
}

inline int64_t RoundPause(int64_t round_delay_ms, int64_t rounds) {
  return rounds < kSteadyRounds ? round_delay_ms : round_delay_ms / kBacklogPauseShare;
}

}  // namespace kalam::jobs
