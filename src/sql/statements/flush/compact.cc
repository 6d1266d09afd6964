// [STORAGE] COMPACT TABLE, [STORAGE] COMPACT ALL: jobs that merge cold files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/statements/flush/storage_task.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunCompactTable(const Statement& statement, Request& request, Services& services) {
  const auto& compact = std::get<FlushTable>(statement.body);
  KALAM_ASSIGN(const catalog::TablePtr table,
               FindTieredTable(compact.table,
                               compact.storage_word ? "STORAGE COMPACT TABLE" : "COMPACT TABLE", services));
  KALAM_ASSIGN(const jobs::JobPtr job, CreateTableJob(jobs::JobType::kCompact, *table, request, services));
  return MessageOutcome(
      fmt::format("Storage compaction started for table '{}'. Job ID: {}", table->full_name(), job->id));
}

Result<Outcome> RunCompactAll(const Statement& statement, Request& request, Services& services) {
  const auto& compact = std::get<FlushAll>(statement.body);
  const std::string ns = compact.ns.value_or(request.name_space);
  KALAM_ASSIGN(const auto tables, TieredTablesIn(ns, "COMPACT ALL", services));
  if (tables.empty()) {
    return Fail(ErrorCode::kInvalidOperation, fmt::format("No compactable tables found in namespace {}", ns));
  }
  std::vector<std::string> ids;
  for (const catalog::TablePtr& table : tables) {
    const auto job = CreateTableJob(jobs::JobType::kCompact, *table, request, services);
    if (job) {
      ids.push_back((*job)->id);
    } else if (job.error().code != ErrorCode::kAlreadyExists) {
      return Fail(job.error());
    }
  }
  return MessageOutcome(
      fmt::format("Storage compaction started for {} table(s) in namespace '{}'. Job IDs: [{}]", ids.size(),
                  ns, fmt::join(ids, ", ")),
      static_cast<int64_t>(ids.size()));
}

}  // namespace kalam::sql
