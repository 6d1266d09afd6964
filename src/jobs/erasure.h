// Erasure: what cleanup jobs do to rows. All of one key prefix (a table, or one user's rows in it) goes, from
// both tiers, physically and without change events.
#pragma once

#include <string>

#include "jobs/executor.h"
#include "jobs/services.h"

namespace kalam::jobs {

struct HotSize {
  int64_t rows = 0;
  int64_t bytes = 0;
  bool complete = true;  // false: the deadline came first, there are more
};
// Live rows and all bytes below a prefix in the hot tier. Reads them all.
Result<HotSize> MeasureHot(const hot::Store& store, const Clock& clock, std::string_view prefix,
                           int64_t deadline_nanos = INT64_MAX);

enum class Erasure : uint8_t {
  kDone,
  kBlocked,  // readers hold cold files, or a flush or compaction works on them; ask again in a while
  kStopped,  // the round should stop first
};
inline constexpr int64_t kBlockedDelayMs = 1'000;
// Removes everything below the prefix and adds what went to the metrics `rows_deleted` and `bytes_freed`.
// Calling it again goes on.
Result<Erasure> EraseRows(const JobServices& services, const std::string& prefix, Round& round);

}  // namespace kalam::jobs
