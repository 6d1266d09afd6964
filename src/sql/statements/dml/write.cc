#include "sql/statements/dml/write.h"

#include <fmt/format.h>

#include <utility>

#include "sql/bind.h"
#include "sql/direct.h"
#include "sql/engine_run.h"

namespace kalam::sql {
namespace {

constexpr int kSchemaRetriesMax = 16;

Status CheckTarget(const Request& request) {
  const catalog::Table& table = *request.plan->target;
  if (request.statement.execute_as && table.type == TableType::kShared) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("EXECUTE AS USER is not allowed on SHARED tables (table '{}'). AS USER impersonation is only "
                            "supported for USER and STREAM tables.",
                            table.full_name()));
  }
  return {};
}

Result<Outcome> RunOnce(Request& request, Services& services, bool& schema_changed) {
  KALAM_TRY(EnsurePlan(request, services));
  KALAM_TRY(CheckTarget(request));
  if (request.plan->has_direct() && !request.payload.force_engine) {
    const BindContext context{request.literals, request.payload.parameters, *request.principal, request.now_micros,
                              request.arena,    services};
    KALAM_ASSIGN(auto prepared, PrepareWrite(*request.plan, context, request.payload.deadline_nanos));
    if (prepared) {
      if (prepared->batch.rows.empty()) return Outcome{prepared->kind, 0, {}};
      hot::CommitResult result = services.store.Commit(std::move(prepared->batch));
      schema_changed = !result.status && result.status.error().code == ErrorCode::kConflict && !result.failed_op;
      return FinishWrite(*prepared->table, prepared->kind, std::move(result));
    }
  }
  KALAM_TRY(UseExactPlan(request));
  auto outcome = RunEngineWrite(request, services);
  schema_changed = !outcome && outcome.error().code == ErrorCode::kConflict;
  return outcome;
}

}  // namespace

Result<Outcome> RunWrite(Request& request, Services& services) {
  for (int attempt = 0;; ++attempt) {
    bool schema_changed = false;
    auto outcome = RunOnce(request, services, schema_changed);
    const bool time_left = services.clock.MonotonicNanos() < request.payload.deadline_nanos;
    if (!schema_changed || attempt >= kSchemaRetriesMax || !time_left) return outcome;
    request.plan = nullptr;
  }
}

}  // namespace kalam::sql
