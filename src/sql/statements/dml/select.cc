// SELECT: directly from the hot tier where the plan allows it, else through the engine.
#include "sql/bind.h"
#include "sql/direct.h"
#include "sql/engine_run.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunSelect(const Statement&, Request& request, Services& services) {
  KALAM_TRY(EnsurePlan(request, services));
  if (request.plan->has_direct() && !request.payload.force_engine) {
    const BindContext context{
        request.literals, request.payload.parameters, *request.principal, request.now_micros, request.arena,
        services,         request.view(services)};
    BoundSelect bound(*request.plan, context, RowCap(*request.plan, services.settings));
    bool here = bound.cost() != DirectCost::kEngine;
    if (here) {
      KALAM_ASSIGN(here, bound.Open(true));
    }
    if (here) {
      bool capped = false;
      KALAM_ASSIGN(const int64_t rows, bound.Run(request.response, request.payload.deadline_nanos, capped));
      if (capped) request.response.SetTruncated();
      return Outcome{OutcomeKind::kRows, rows, {}};
    }
  }
  KALAM_TRY(UseExactPlan(request));
  return RunEngineQuery(request, services);
}

}  // namespace kalam::sql
