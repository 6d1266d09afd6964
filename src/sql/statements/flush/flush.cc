// [STORAGE] FLUSH TABLE, [STORAGE] FLUSH ALL: jobs that move hot rows to cold files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/statements/flush/storage_task.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// The long spelling answers "Storage flush started", the short one "Flush started".
std::string_view Lead(bool storage_word) { return storage_word ? "Storage flush" : "Flush"; }

}  // namespace

Result<Outcome> RunFlushTable(const Statement& statement, Request& request, Services& services) {
  const auto& flush = std::get<FlushTable>(statement.body);
  const std::string_view lead = Lead(flush.storage_word);
  KALAM_ASSIGN(
      const catalog::TablePtr table,
      FindTieredTable(flush.table, flush.storage_word ? "STORAGE FLUSH TABLE" : "FLUSH TABLE", services));
  KALAM_ASSIGN(const bool pending, HasPendingRows(*table, services));
  if (!pending) {
    return MessageOutcome(
        fmt::format("{} skipped: no pending writes for table '{}'", lead, table->full_name()), 0);
  }
  const auto job = CreateTableJob(jobs::JobType::kFlush, *table, request, services);
  if (job) {
    return MessageOutcome(
        fmt::format("{} started for table '{}'. Job ID: {}", lead, table->full_name(), (*job)->id));
  }
  if (job.error().code != ErrorCode::kAlreadyExists) return Fail(job.error());
  return MessageOutcome(fmt::format("{} skipped: a flush is already queued or running for table '{}'. {}",
                                    lead, table->full_name(), job.error().message),
                        0);
}

Result<Outcome> RunFlushAll(const Statement& statement, Request& request, Services& services) {
  const auto& flush = std::get<FlushAll>(statement.body);
  const std::string_view lead = Lead(flush.storage_word);
  const std::string ns = flush.ns.value_or(request.name_space);
  KALAM_ASSIGN(const auto tables, TieredTablesIn(ns, "FLUSH ALL TABLES", services));
  std::vector<std::string> ids;
  for (const catalog::TablePtr& table : tables) {
    KALAM_ASSIGN(const bool pending, HasPendingRows(*table, services));
    if (!pending) continue;
    const auto job = CreateTableJob(jobs::JobType::kFlush, *table, request, services);
    if (job) {
      ids.push_back((*job)->id);
    } else if (job.error().code != ErrorCode::kAlreadyExists) {
      return Fail(job.error());
    }
  }
  if (ids.empty())
    return MessageOutcome(fmt::format("{} skipped: no pending writes in namespace '{}'", lead, ns), 0);
  return MessageOutcome(fmt::format("{} started for {} table(s) in namespace '{}'. Job IDs: [{}]", lead,
                                    ids.size(), ns, fmt::join(ids, ", ")),
                        static_cast<int64_t>(ids.size()));
}

}  // namespace kalam::sql
