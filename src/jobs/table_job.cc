#include "jobs/table_job.h"

#include <fmt/format.h>

namespace kalam::jobs {

JobRequest TableJobRequest(JobType type, const catalog::Table& table) {
  JobRequest request;
  request.type = type;
  request.ns = table.ns;
  request.table = table.name;
  request.parameters.Set("table_id", static_cast<int64_t>(table.id.value));
  request.parameters.Set("namespace_id", table.ns);
  request.parameters.Set("table_name", table.name);
  request.parameters.Set("table_type", TableTypeName(table.type));
  return request;
}

Result<TableParameters> ReadTableParameters(const Parameters& parameters) {
  TableParameters read;
  KALAM_ASSIGN(const int64_t id, parameters.Positive("table_id"));
  if (id > UINT32_MAX) {
    return Fail(ErrorCode::kInvalidInput, "Parameter table_id must be the id of a table");
  }
  read.id = TableId(static_cast<uint32_t>(id));
  KALAM_ASSIGN(read.ns, parameters.Text("namespace_id"));
  KALAM_ASSIGN(read.name, parameters.Text("table_name"));
  KALAM_ASSIGN(read.type, parameters.Text("table_type"));
  return read;
}

catalog::TablePtr FindSameTable(const catalog::Catalog& catalog, const TableParameters& parameters) {
  catalog::TablePtr table = catalog.Snapshot()->FindTable(parameters.ns, parameters.name);
  return table != nullptr && table->id == parameters.id ? table : nullptr;
}

RoundOutcome SkippedWithoutTable(const TableParameters& parameters) {
  return RoundOutcome::Skipped(
      fmt::format("Table {}.{} does not exist any more", parameters.ns, parameters.name));
}

Status CreateUnlessActive(Scheduler& scheduler, JobRequest request) {
  const auto job = scheduler.Create(std::move(request));
  if (!job && job.error().code != ErrorCode::kAlreadyExists) return Fail(job.error());
  return {};
}

}  // namespace kalam::jobs
