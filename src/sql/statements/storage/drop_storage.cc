// DROP STORAGE [IF EXISTS] id: refused while a table is kept there, or while files of the server lie there
// that a cleanup job has still to remove. Foreign files in the folder or bucket stay.
#include <fmt/format.h>

#include "cold/segment.h"
#include "hot/key_codec.h"
#include "jobs/table_job.h"
#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// The unfinished job that will remove what the dropped table left; nullptr when it is not made yet.
jobs::JobPtr CleanupOf(const jobs::Scheduler& scheduler, TableId table) {
  for (const jobs::JobPtr& job : scheduler.List()) {
    if (job->type != jobs::JobType::kCleanup || jobs::IsTerminal(job->status)) continue;
    const auto parameters = jobs::Parameters::Parse(job->parameters_json);
    const auto names = parameters ? jobs::ReadTableParameters(*parameters) : Fail(parameters.error());
    if (names && names->id == table) return job;
  }
  return nullptr;
}

// Before the files: of a table that is still there it is not they that must go. Not left to the catalog
// alone: the last table may be dropped before that looks, and leave its files.
Status CheckNoTables(const std::string& id, const Services& services) {
  if (id == kLocalStorage) return {};  // the catalog knows why not
  int64_t tables = 0;
  for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) {
    tables += table->options.storage_id == id ? 1 : 0;
  }
  if (tables == 0) return {};
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Cannot drop storage '{}': {} table(s) still using it", id, tables));
}

// Without the storage nobody could remove these files any more.
Status CheckNoFiles(const std::string& id, const Services& services) {
  KALAM_ASSIGN(const auto segments, cold::ReadSegments(services.store, {}));
  int64_t files = 0;
  cold::SegmentPtr first;
  for (const cold::SegmentPtr& segment : segments) {
    if (segment->storage_id != id) continue;
    ++files;
    if (first == nullptr) first = segment;
  }
  if (first == nullptr) return {};
  const TableId table_id = hot::TableOf(first->prefix);
  catalog::TablePtr table;
  for (const catalog::TablePtr& known : services.catalog.Snapshot()->Tables()) {
    if (known->id == table_id) table = known;
  }
  std::string why;
  if (table != nullptr) {
    why = fmt::format("table {} has files there; drop the table first", table->full_name());
  } else if (const jobs::JobPtr job = CleanupOf(services.jobs, table_id)) {
    why = fmt::format(
        "cleanup job {} of the dropped table {}.{} has not removed its files yet (status: {}); "
        "try again when it has ended",
        job->id, job->ns, job->table, jobs::JobStatusName(job->status));
  } else {
    why = "files of a dropped table wait for their next cleanup job; try again in a minute";
  }
  return Fail(Error(ErrorCode::kInvalidOperation,
                    fmt::format("Cannot drop storage '{}': {} file(s) are left in it: {}", id, files, why))
                  .With("storage_id", id));
}

}  // namespace

Result<Outcome> RunDropStorage(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropStorage>(statement.body);
  // A flush that begins a file at this moment either has recorded it, or finds that the storage is gone.
  const Status dropped = services.cold.WhileNoFileBegins([&]() -> Status {
    KALAM_TRY(CheckNoTables(drop.storage_id, services));
    // A table that is made from here on begins no file, and one that is there makes the catalog refuse.
    KALAM_TRY(CheckNoFiles(drop.storage_id, services));
    return services.catalog.DropStorage(drop.storage_id,
                                        AuditOf(request, services, "DROP_STORAGE", drop.storage_id));
  });
  if (dropped) return MessageOutcome(fmt::format("Storage '{}' dropped successfully", drop.storage_id));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundStorage) {
    return MessageOutcome(fmt::format("Storage '{}' does not exist (skipped)", drop.storage_id), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
