#include "sql/statements/dml/write.h"

#include <utility>

#include "sql/audit.h"
#include "sql/bind.h"
#include "sql/direct.h"
#include "sql/engine_run.h"

namespace kalam::sql {
namespace {

constexpr int kRetriesMax = 64;

Result<Outcome> RunOnce(Request& request, Services& services, bool& again) {
  KALAM_TRY(EnsurePlan(request, services));
  if (request.plan->has_direct() && !request.payload.force_engine) {
    const BindContext context{
        request.literals, request.payload.parameters, *request.principal, request.now_micros, request.arena,
        services,         request.view(services)};
    KALAM_ASSIGN(auto prepared, PrepareWrite(*request.plan, context, request.payload.deadline_nanos));
    if (prepared) {
      if (prepared->batch.rows.empty()) return Outcome{prepared->kind, 0, {}};
      AuditRows(request.payload, *request.principal, *prepared->table, prepared->kind, services,
                prepared->batch.meta);
      if (request.transaction) {
        return StageWrite(*request.transaction, prepared->table, prepared->kind, std::move(prepared->batch));
      }
      KALAM_TRY(AddColdRows(*prepared->table, context.view, prepared->batch));
      if (prepared->batch.rows.empty()) return Outcome{prepared->kind, 0, {}};
      hot::CommitResult result = services.store.Commit(std::move(prepared->batch));
      // Altered meanwhile, or a row became a cold one, or is not the cold one any more that was read.
      again = !result.status && result.status.error().code == ErrorCode::kConflict;
      return FinishWrite(*prepared->table, prepared->kind, std::move(result));
    }
  }
  KALAM_TRY(UseExactPlan(request));
  auto outcome = RunEngineWrite(request, services);
  again = !request.transaction && !outcome && outcome.error().code == ErrorCode::kConflict;
  return outcome;
}

}  // namespace

Result<Outcome> RunWrite(Request& request, Services& services) {
  for (int attempt = 0;; ++attempt) {
    bool again = false;
    auto outcome = RunOnce(request, services, again);
    const bool time_left = services.clock.MonotonicNanos() < request.payload.deadline_nanos;
    if (!again || attempt >= kRetriesMax || !time_left) return outcome;
    request.plan = nullptr;
  }
}

}  // namespace kalam::sql
