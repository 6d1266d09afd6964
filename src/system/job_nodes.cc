// system.job_nodes: which node works on which job. There is one node, so it is one row per job.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr int64_t kNodeId = 1;

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 8> kColumns = {
      {{"job_id", Type(TypeKind::kText), true, true},
       {"node_id", Type(TypeKind::kBigInt), true, true},
       {"status", Type(TypeKind::kText), false, true},
       {"error_message", Type(TypeKind::kText), false, false},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"started_at", Type(TypeKind::kTimestamp), false, false},
       {"finished_at", Type(TypeKind::kTimestamp), false, false},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const jobs::JobPtr& job : context.jobs.List()) {
    const bool failed = !job->exception_trace.empty();
    const std::array<Value, 8> row = {Value::Text(job->id),
                                      Value::BigInt(kNodeId),
                                      Value::Text(jobs::JobStatusName(job->status)),
                                      failed ? Value::Text(job->message) : Value::Null(TypeKind::kText),
                                      cells::Millis(job->created_at_ms),
                                      cells::MillisOrNull(job->started_at_ms),
                                      cells::MillisOrNull(job->finished_at_ms),
                                      cells::Millis(job->updated_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable JobNodesTable() { return {"system", "job_nodes", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
