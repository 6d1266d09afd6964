// Compact (CO): small segments of a table and those with many dead rows become few without any.
#include <fmt/format.h>

#include <utility>

#include "jobs/cold_work.h"
#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

class CompactExecutor final : public Executor {
 public:
  explicit CompactExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kCompact};
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
    KALAM_ASSIGN(const cold::CompactReport report,
                 services_.cold->Compact(ColdWork(services_, *table, round, "rows_moved")));
    const auto before = static_cast<int64_t>(report.files_before);
    const auto after = static_cast<int64_t>(report.files_after);
    if (!round.metrics().Number("files_before")) round.metrics().Set("files_before", before);
    round.metrics().Set("files_after", after);
    round.metrics().Add("bytes_saved",
                        static_cast<int64_t>(report.bytes_before) - static_cast<int64_t>(report.bytes_after));
    KALAM_TRY(round.Checkpoint({}));
    if (report.stopped) return RoundOutcome::Interrupted();
    return RoundOutcome::Completed(fmt::format("Compaction completed for {} ({} -> {} files)",
                                               table->full_name(), round.metrics().Number("files_before"),
                                               after));
  }

 private:
  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeCompactExecutor(const JobServices& services) {
  return std::make_unique<CompactExecutor>(services);
}

}  // namespace kalam::jobs
