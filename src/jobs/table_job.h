// Parameters of jobs that work on one table: made by statements and planners, read by executors.
#pragma once

#include <string>

#include "catalog/catalog.h"
#include "jobs/executor.h"
#include "jobs/parameters.h"
#include "jobs/scheduler.h"

namespace kalam::jobs {

// {table_id, namespace_id, table_name, table_type} of the table as it is now; owner "system".
JobRequest TableJobRequest(JobType type, const catalog::Table& table);

struct TableParameters {
  TableId id;
  std::string ns;
  std::string name;
  std::string type;  // "user", "shared", "stream"
};
// kInvalidInput naming what is missing or wrong.
Result<TableParameters> ReadTableParameters(const Parameters& parameters);

// The table of that name if it is still the same one: a dropped and re-created table has another id. nullptr
// otherwise.
catalog::TablePtr FindSameTable(const catalog::Catalog& catalog, const TableParameters& parameters);

// What a job answers when FindSameTable finds nothing.
RoundOutcome SkippedWithoutTable(const TableParameters& parameters);

// For planners: an unfinished job of the same kind and table is no failure.
Status CreateUnlessActive(Scheduler& scheduler, JobRequest request);

}  // namespace kalam::jobs
