// Retention (RT): forgets deleted rows of one table that are older than its retention. Their tombstones go,
// and the resume horizon rises in the same batch, so that a reader which was away for longer is told to start
// anew instead of missing deletes. One batch per round.
#include <fmt/format.h>

#include <utility>

#include "hot/key_codec.h"
#include "hot/resume_horizon.h"
#include "hot/row_codec.h"
#include "hot/seq.h"
#include "jobs/list.h"
#include "jobs/round_size.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kMillisPerHour = 3'600'000;

Seq CutoffOf(int64_t retention_hours, int64_t now_ms) {
  return hot::SeqFloor(std::max(now_ms - retention_hours * kMillisPerHour, hot::kSeqEpochMillis));
}

int64_t RetentionHours(const JobServices& services, const catalog::Table& table) {
  return table.options.deleted_retention_hours.value_or(
      services.settings.retention.default_deleted_retention_hours);
}

bool Forgettable(std::string_view row, Seq cutoff) {
  return hot::RowDeleted(row) && hot::RowSeq(row) < cutoff;
}

class RetentionExecutor final : public Executor {
 public:
  explicit RetentionExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kRetention};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_TRY(ReadTableParameters(parameters));
    KALAM_TRY(parameters.Positive("retention_hours"));
    KALAM_TRY(parameters.PositiveOr("batch_size", 1));
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const TableParameters names, ReadTableParameters(round.parameters()));
    const catalog::TablePtr table = FindSameTable(services_.catalog, names);
    if (table == nullptr) return SkippedWithoutTable(names);
    if (round.should_stop()) return RoundOutcome::Interrupted();
    KALAM_ASSIGN(const int64_t hours, round.parameters().Positive("retention_hours"));
    KALAM_ASSIGN(const int64_t batch_size,
                 round.parameters().PositiveOr("batch_size", services_.settings.retention.batch_size));
    const Seq cutoff = CutoffOf(hours, services_.clock.WallMillis());
    hot::Batch batch;
    KALAM_ASSIGN(std::optional<std::string> next,
                 Collect(*table, round.cursor(), cutoff, RoundSize(batch_size, round.job().rounds), batch));
    const auto rows = static_cast<int64_t>(batch.rows.size());
    if (rows > 0) {
      KALAM_ASSIGN(const Seq horizon, hot::ReadResumeHorizon(services_.store, table->id));
      if (cutoff > horizon) batch.meta.push_back(hot::ResumeHorizonOp(table->id, cutoff));
    }
    round.metrics().Add("records_deleted", rows);
    round.metrics().Add("batches_processed", rows > 0 ? 1 : 0);
    const int64_t total = round.metrics().Number("records_deleted");
    round.SetProgress({total, std::nullopt, "records"});
    std::string cursor = next.value_or(hot::PrefixEnd(hot::SharedPrefix(table->id)));
    batch.meta.push_back(round.CheckpointOp(cursor));
    // A table that is dropped meanwhile must not get its horizon back.
    batch.guards.push_back({table->id, table->schema().version});
    KALAM_TRY(services_.store.Commit(std::move(batch)).status);
    round.Checkpointed(std::move(cursor));
    std::string message =
        fmt::format("Removed {} deleted records from {} (retention: {}h)", total, table->full_name(), hours);
    if (next) return RoundOutcome::MoreWork(std::move(message));
    return RoundOutcome::Completed(std::move(message));
  }

 private:
  // Appends the first `rows_max` forgettable rows at or behind `from`; returns the key of the next one.
  Result<std::optional<std::string>> Collect(const catalog::Table& table, std::string_view from, Seq cutoff,
                                             int64_t rows_max, hot::Batch& batch) const {
    const std::string prefix = hot::SharedPrefix(table.id);
    auto cursor = services_.store.Scan(hot::Space::kRows, from.empty() ? std::string_view(prefix) : from,
                                       hot::PrefixEnd(prefix));
    for (; cursor->Valid(); cursor->Next()) {
      if (!Forgettable(cursor->value(), cutoff)) continue;
      if (static_cast<int64_t>(batch.rows.size()) == rows_max)
        return std::optional(std::string(cursor->key()));
      hot::RowOp& op = batch.rows.emplace_back();
      op.kind = hot::RowOpKind::kPurge;
      op.key = cursor->key();
      op.prefix_size = static_cast<uint32_t>(hot::PrefixSize(op.key, table.has_private_rows()));
      op.seen = hot::RowSeq(cursor->value());
    }
    KALAM_TRY(cursor->status());
    return std::optional<std::string>();
  }

  const JobServices& services_;
};

Result<bool> HasForgettable(const JobServices& services, const catalog::Table& table) {
  const Seq cutoff = CutoffOf(RetentionHours(services, table), services.clock.WallMillis());
  const std::string prefix = hot::SharedPrefix(table.id);
  auto cursor = services.store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (Forgettable(cursor->value(), cutoff)) return true;
  }
  KALAM_TRY(cursor->status());
  return false;
}

}  // namespace

std::unique_ptr<Executor> MakeRetentionExecutor(const JobServices& services) {
  return std::make_unique<RetentionExecutor>(services);
}

Planner RetentionPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) {
      if (table->type != TableType::kUser && table->type != TableType::kShared) continue;
      KALAM_ASSIGN(const bool needed, HasForgettable(services, *table));
      if (!needed) continue;
      JobRequest request = TableJobRequest(JobType::kRetention, *table);
      request.parameters.Set("retention_hours", RetentionHours(services, *table));
      request.parameters.Set("batch_size", services.settings.retention.batch_size);
      KALAM_TRY(CreateUnlessActive(scheduler, std::move(request)));
    }
    return {};
  };
  return {"retention", services.settings.retention.check_interval_seconds * 1000, plan};
}

}  // namespace kalam::jobs
