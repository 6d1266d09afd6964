// system.jobs: background jobs, oldest first; finished ones as long as the history keeps them.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr int64_t kNodeId = 1;  // one node

// The first twenty are the protocol's; clients read them by position too.
std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 28> kColumns = {
      {{"job_id", Type(TypeKind::kText), true, true},
       {"job_type", Type(TypeKind::kText), false, true},
       {"status", Type(TypeKind::kText), false, true},
       {"leader_status", Type(TypeKind::kText), false, false},
       {"parameters", Type(TypeKind::kJson), false, false},
       {"message", Type(TypeKind::kText), false, false},
       {"exception_trace", Type(TypeKind::kText), false, false},
       {"idempotency_key", Type(TypeKind::kText), false, false},
       {"queue", Type(TypeKind::kText), false, false},
       {"priority", Type(TypeKind::kInt), false, false},
       {"retry_count", Type(TypeKind::kSmallInt), false, true},
       {"max_retries", Type(TypeKind::kSmallInt), false, true},
       {"memory_used", Type(TypeKind::kBigInt), false, false},
       {"cpu_used", Type(TypeKind::kBigInt), false, false},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true},
       {"started_at", Type(TypeKind::kTimestamp), false, false},
       {"finished_at", Type(TypeKind::kTimestamp), false, false},
       {"node_id", Type(TypeKind::kBigInt), false, true},
       {"leader_node_id", Type(TypeKind::kBigInt), false, false},
       {"namespace_id", Type(TypeKind::kText), false, false},
       {"table_name", Type(TypeKind::kText), false, false},
       {"owner", Type(TypeKind::kText), false, true},
       {"progress", Type(TypeKind::kJson), false, false},
       {"metrics", Type(TypeKind::kJson), false, false},
       {"rounds", Type(TypeKind::kBigInt), false, true},
       {"next_run_at", Type(TypeKind::kTimestamp), false, false},
       {"status_history", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

Value TextOrNull(const std::string& text) {
  return text.empty() ? Value::Null(TypeKind::kText) : Value::Text(text);
}
Value JsonOrNull(const std::string& text) {
  return text.empty() ? Value::Null(TypeKind::kJson) : Value::Bytes(TypeKind::kJson, text);
}
Value SmallInt(int64_t n) { return Value::Integer(TypeKind::kSmallInt, n); }

Status Rows(const SystemContext& context, RowSink& out) {
  for (const jobs::JobPtr& job : context.jobs.List()) {
    const std::string progress = jobs::ProgressJson(*job);
    const std::string metrics = jobs::MetricsJson(*job);
    const std::string history = jobs::HistoryText(*job);
    const bool waits = job->status == jobs::JobStatus::kQueued || job->status == jobs::JobStatus::kRetrying;
    const std::array<Value, 28> row = {
        Value::Text(job->id),
        Value::Text(jobs::JobTypeName(job->type)),
        Value::Text(jobs::JobStatusName(job->status)),
        Value::Null(TypeKind::kText),
        Value::Bytes(TypeKind::kJson, job->parameters_json),
        TextOrNull(job->message),
        TextOrNull(job->exception_trace),
        TextOrNull(job->idempotency_key),
        Value::Null(TypeKind::kText),
        Value::Null(TypeKind::kInt),
        SmallInt(job->retry_count),
        SmallInt(job->max_retries),
        Value::Null(TypeKind::kBigInt),
        Value::BigInt(job->cpu_micros),
        cells::Millis(job->created_at_ms),
        cells::Millis(job->updated_at_ms),
        cells::MillisOrNull(job->started_at_ms),
        cells::MillisOrNull(job->finished_at_ms),
        Value::BigInt(kNodeId),
        Value::BigInt(kNodeId),
        TextOrNull(job->ns),
        TextOrNull(job->table),
        Value::Text(job->owner),
        JsonOrNull(progress),
        JsonOrNull(metrics),
        Value::BigInt(job->rounds),
        waits ? cells::Millis(job->next_run_at_ms) : Value::Null(TypeKind::kTimestamp),
        Value::Text(history)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable JobsTable() { return {"system", "jobs", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
