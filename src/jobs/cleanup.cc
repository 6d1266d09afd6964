// Cleanup (CL): removes what a dropped table leaves behind: rows, cold files, then the last of its metadata.
// It goes by the table's id, which is never given again, so a new table of the same name is out of its reach.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "cold/segment.h"
#include "hot/key_codec.h"
#include "hot/resume_horizon.h"
#include "jobs/erasure.h"
#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

constexpr std::string_view kDropTable = "drop_table";
// From one cleanup job of a table to the next, when they fail. Doubles.
constexpr int64_t kAgainMs = 5'000;
constexpr int64_t kAgainMaxMs = 60'000;

class CleanupExecutor final : public Executor {
 public:
  explicit CleanupExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kCleanup, .cancel = CancelRule::kNever};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_TRY(ReadTableParameters(parameters));
    KALAM_ASSIGN(const std::string operation, parameters.Text("operation"));
    if (operation != kDropTable) {
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("Invalid operation: expected '{}', got '{}'", kDropTable, operation));
    }
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const TableParameters table, ReadTableParameters(round.parameters()));
    if (FindSameTable(services_.catalog, table) != nullptr) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Table {}.{} exists; cleanup is for dropped tables", table.ns, table.name));
    }
    if (round.cursor().empty()) {
      // The drop itself removed the hot rows and noted how many there were.
      round.metrics().Set("tables_deleted", int64_t{1});
      KALAM_ASSIGN(const int64_t rows, NotedOr0(round.parameters(), "hot_rows"));
      KALAM_ASSIGN(const int64_t bytes, NotedOr0(round.parameters(), "hot_bytes"));
      round.metrics().Add("rows_deleted", rows);
      round.metrics().Add("bytes_freed", bytes);
      KALAM_TRY(round.Checkpoint("rows"));
    }
    KALAM_ASSIGN(const Erasure erased, EraseRows(services_, hot::SharedPrefix(table.id), round));
    if (erased == Erasure::kStopped) return RoundOutcome::Interrupted();
    if (erased == Erasure::kBlocked) {
      return RoundOutcome::MoreWork("Waiting for work on the table's files to end", kBlockedDelayMs);
    }
    hot::Batch batch;
    batch.meta.push_back({hot::ResumeHorizonKey(table.id), std::nullopt});
    KALAM_TRY(services_.store.Commit(std::move(batch)).status);
    return RoundOutcome::Completed(fmt::format(
        "Cleaned up table {}:{} successfully - {} rows deleted, {} bytes freed", table.ns, table.name,
        round.metrics().Number("rows_deleted"), round.metrics().Number("bytes_freed")));
  }

 private:
  static Result<int64_t> NotedOr0(const Parameters& parameters, std::string_view name) {
    if (!parameters.Has(name)) return 0;
    return parameters.Positive(name);
  }

  const JobServices& services_;
};

}  // namespace

std::unique_ptr<Executor> MakeCleanupExecutor(const JobServices& services) {
  return std::make_unique<CleanupExecutor>(services);
}

JobRequest CleanupRequest(const catalog::Table& dropped, const HotSize& hot) {
  JobRequest request = TableJobRequest(JobType::kCleanup, dropped);
  request.parameters.Set("operation", kDropTable);
  if (hot.rows > 0) request.parameters.Set("hot_rows", hot.rows);
  if (hot.bytes > 0) request.parameters.Set("hot_bytes", hot.bytes);
  // Two tables of one name may be dropped on one day; each has its own rest.
  request.idempotency_key = fmt::format("cleanup:{}:{}:{}", dropped.ns, dropped.name, dropped.id.value);
  return request;
}

namespace {

// Tables that are gone and have segments left.
Result<std::set<TableId>> Leftovers(const JobServices& services) {
  std::set<TableId> tables;
  KALAM_ASSIGN(const auto segments, cold::ReadSegments(services.store, {}));
  for (const cold::SegmentPtr& segment : segments) tables.insert(hot::TableOf(segment->prefix));
  if (tables.empty()) return tables;
  for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) tables.erase(table->id);
  return tables;
}

// Those with no job that will remove them.
Result<std::set<TableId>> Forgotten(std::set<TableId> tables, const Scheduler& scheduler) {
  if (tables.empty()) return tables;
  for (const JobPtr& job : scheduler.List()) {
    if (job->type != JobType::kCleanup || IsTerminal(job->status)) continue;
    KALAM_ASSIGN(const Parameters parameters, Parameters::Parse(job->parameters_json));
    if (const auto names = ReadTableParameters(parameters)) tables.erase(names->id);
  }
  return tables;
}

// What a look of the planner knows from the one before.
struct Looks {
  uint64_t catalog_version = 0;
  std::set<TableId> leftovers;
  std::set<TableId> forgotten;
  // Jobs that were made here, so that a storage that stays away does not fill the list of jobs.
  struct Made {
    int64_t pause_ms = 0;
    int64_t next_at_ms = 0;
  };
  std::map<TableId, Made> made;
};

}  // namespace

// A DROP and its cleanup job are two commits: a crash between them, or a full queue of jobs, leaves files
// that nobody would remove. So does a job that failed for good, because the storage was away for too long.
Planner CleanupPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler, looks = std::make_shared<Looks>()]() -> Status {
    const uint64_t version = services.catalog.version();
    // A look costs nothing while there is nothing to remove.
    if (version == looks->catalog_version && looks->leftovers.empty()) return {};
    KALAM_ASSIGN(std::set<TableId> leftovers, Leftovers(services));
    KALAM_ASSIGN(std::set<TableId> forgotten, Forgotten(leftovers, scheduler));
    std::erase_if(looks->made, [&](const auto& made) { return !leftovers.contains(made.first); });
    const int64_t now_ms = services.clock.WallMillis();
    for (const TableId id : forgotten) {
      // At the first look the DROP may be about to create its job.
      if (!looks->forgotten.contains(id)) continue;
      Looks::Made& made = looks->made[id];
      if (now_ms < made.next_at_ms) continue;
      catalog::Table table;
      table.id = id;
      table.ns = "dropped";
      table.name = fmt::format("table_{}", id.value);
      KALAM_TRY(CreateUnlessActive(scheduler, CleanupRequest(table, {})));
      made.pause_ms = std::clamp(made.pause_ms * 2, kAgainMs, kAgainMaxMs);
      made.next_at_ms = now_ms + made.pause_ms;
    }
    looks->catalog_version = version;
    looks->leftovers = std::move(leftovers);
    looks->forgotten = std::move(forgotten);
    return {};
  };
  constexpr int64_t kIntervalMs = 2'000;
  return {"cleanup", kIntervalMs, plan};
}

}  // namespace kalam::jobs
