// EXPLAIN: the engine's plan of a statement. A statement that would run as a direct plan says so in its first
// row.
#include "sql/engine_run.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunExplain(const Statement&, Request& request, Services& services) {
  KALAM_TRY(EnsurePlan(request, services));
  KALAM_TRY(UseExactPlan(request));
  return RunEngineQuery(request, services);
}

}  // namespace kalam::sql
