#include "jobs/erasure.h"

#include "hot/key_codec.h"
#include "hot/row_codec.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kDeadlineCheckRows = 4096;

}  // namespace

Result<HotSize> MeasureHot(const hot::Store& store, const Clock& clock, std::string_view prefix,
                           int64_t deadline_nanos) {
  HotSize size;
  auto cursor = store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  for (int64_t seen = 1; cursor->Valid(); cursor->Next(), ++seen) {
    if (seen % kDeadlineCheckRows == 0 && clock.MonotonicNanos() > deadline_nanos) {
      size.complete = false;
      return size;
    }
    if (!hot::RowDeleted(cursor->value())) ++size.rows;
    size.bytes += static_cast<int64_t>(cursor->key().size() + cursor->value().size());
  }
  KALAM_TRY(cursor->status());
  return size;
}

Result<Erasure> EraseRows(const JobServices& services, const std::string& prefix, Round& round) {
  KALAM_ASSIGN(const HotSize hot, MeasureHot(services.store, services.clock, prefix));
  if (hot.bytes > 0) {
    round.metrics().Add("rows_deleted", hot.rows);
    round.metrics().Add("bytes_freed", hot.bytes);
    hot::Batch batch;
    batch.dropped_hot_rows.push_back(prefix);
    batch.meta.push_back(round.CheckpointOp(std::string(round.cursor())));
    KALAM_TRY(services.store.Commit(std::move(batch)).status);
    round.Checkpointed(std::string(round.cursor()));
  }
  if (!services.erase_cold) return Erasure::kDone;
  if (round.should_stop()) return Erasure::kStopped;
  KALAM_ASSIGN(const ErasedCold erased, services.erase_cold(prefix));
  round.metrics().Add("rows_deleted", erased.rows);
  round.metrics().Add("bytes_freed", erased.bytes);
  KALAM_TRY(round.Checkpoint(std::string(round.cursor())));
  return erased.done ? Erasure::kDone : Erasure::kBlocked;
}

}  // namespace kalam::jobs
