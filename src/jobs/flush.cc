// Flush (FL): live hot rows of a table to Parquet segments. What is done when it is stopped stays done; the
// next round or job takes the rest, so it needs no cursor.
#include <fmt/format.h>

#include <utility>

#include "jobs/cold_work.h"
#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

class FlushExecutor final : public Executor {
 public:
  explicit FlushExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kFlush, .cancel = CancelRule::kWhileWaiting};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_TRY(ReadTableParameters(parameters));
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const TableParameters names, ReadTableParameters(round.parameters()));
    const catalog::TablePtr table = FindSameTable(services_.catalog, names);
    if (table == nullptr) return SkippedWithoutTable(names);
    if (round.should_stop()) return RoundOutcome::Interrupted();
    KALAM_ASSIGN(const cold::FlushReport report,
                 services_.cold->Flush(ColdWork(services_, *table, round, "rows_flushed")));
    round.metrics().Add("parquet_files", static_cast<int64_t>(report.files));
    round.metrics().Add("bytes_written", static_cast<int64_t>(report.bytes));
    KALAM_TRY(round.Checkpoint({}));
    if (!report.failures.empty()) {
      return Fail(ErrorCode::kIo,
                  fmt::format("{} scopes of {} were not flushed; the first: {}", report.failures.size(),
                              table->full_name(), report.failures.front()));
    }
    if (report.stopped) return RoundOutcome::Interrupted();
    return RoundOutcome::Completed(fmt::format("Flushed {} successfully ({} rows, {} files)",
                                               table->full_name(), round.metrics().Number("rows_flushed"),
                                               round.metrics().Number("parquet_files")));
  }

 private:
  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeFlushExecutor(const JobServices& services) {
  return std::make_unique<FlushExecutor>(services);
}

}  // namespace kalam::jobs
