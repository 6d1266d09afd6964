// The server's decisions about the cold tier: which tables to flush, which to compact, when to delete files.
#include <algorithm>

#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

constexpr int64_t kGarbageIntervalMs = 10'000;

}  // namespace

FlushPolicy PolicyOf(const catalog::Table& table, const config::Settings& settings) {
  FlushPolicy policy{table.options.flush_rows, table.options.flush_interval_seconds};
  if (policy.rows || policy.interval_seconds) return policy;
  if (settings.flush.default_row_limit > 0) policy.rows = settings.flush.default_row_limit;
  if (settings.flush.default_time_interval > 0)
    policy.interval_seconds = settings.flush.default_time_interval;
  return policy;
}

bool IsDue(const FlushPolicy& policy, const PendingRows& pending, int64_t now_ms) {
  if (pending.rows <= 0) return false;
  if (policy.rows && pending.rows >= *policy.rows) return true;
  return policy.interval_seconds && now_ms - pending.oldest_ms >= *policy.interval_seconds * 1000;
}

Planner FlushPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    if (!services.pending) return {};
    std::vector<catalog::TablePtr> tables = services.catalog.Snapshot()->Tables();
    std::vector<TableId> ids;
    int64_t rows_max = 1;
    std::erase_if(tables, [&](const catalog::TablePtr& table) {
      const FlushPolicy policy = PolicyOf(*table, services.settings);
      const bool tiered = table->type == TableType::kUser || table->type == TableType::kShared;
      if (!tiered || (!policy.rows && !policy.interval_seconds)) return true;
      ids.push_back(table->id);
      rows_max = std::max(rows_max, policy.rows.value_or(1));
      return false;
    });
    if (ids.empty()) return {};
    KALAM_ASSIGN(const std::vector<PendingRows> pending, services.pending(ids, rows_max));
    for (const PendingRows& rows : pending) {
      const auto table =
          std::ranges::find_if(tables, [&](const catalog::TablePtr& t) { return t->id == rows.table; });
      if (table == tables.end()) continue;
      if (!IsDue(PolicyOf(**table, services.settings), rows, services.clock.WallMillis())) continue;
      KALAM_TRY(CreateUnlessActive(scheduler, TableJobRequest(JobType::kFlush, **table)));
    }
    return {};
  };
  return {"flush", services.settings.flush.check_interval_seconds * 1000, plan};
}

Planner CompactionPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    if (!services.compactable) return {};
    KALAM_ASSIGN(const std::vector<TableId> ids, services.compactable());
    for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) {
      if (std::ranges::find(ids, table->id) == ids.end()) continue;
      KALAM_TRY(CreateUnlessActive(scheduler, TableJobRequest(JobType::kCompact, *table)));
    }
    return {};
  };
  return {"compaction", services.settings.flush.check_interval_seconds * 1000, plan};
}

Planner GarbagePlanner(const JobServices& services) {
  return {"cold files", kGarbageIntervalMs, [&services]() -> Status {
            return services.collect_garbage ? services.collect_garbage() : Status();
          }};
}

}  // namespace kalam::jobs
