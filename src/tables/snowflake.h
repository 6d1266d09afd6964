// SnowflakeIds: SNOWFLAKE_ID() values, unique within the process and across restarts.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "hot/seq.h"

namespace kalam::tables {

// Thread-safe. Uses another worker number than the committer, so ids and sequences never coincide. Unlike
// _seq an id is not persisted: across a restart uniqueness rests on the wall clock, which must not step back
// by more than the time the server was down.
class SnowflakeIds {
 public:
  SnowflakeIds(const Clock& clock, uint16_t worker, Seq floor) : clock_(clock), generator_(worker, floor) {}

  int64_t Next() {
    std::lock_guard lock(mu_);
    return generator_.Next(clock_.WallMillis()).value;
  }

 private:
  const Clock& clock_;
  std::mutex mu_;
  hot::SeqGenerator generator_;
};

}  // namespace kalam::tables
