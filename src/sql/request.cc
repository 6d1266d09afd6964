#include "sql/request.h"

#include "sql/bind.h"

namespace kalam::sql {

Status EnsurePlan(Request& request, Services& services) {
  if (!request.plan || request.plan->catalog_version != services.catalog.version()) {
    KALAM_ASSIGN(request.plan, request.planner.Plan(request.text, request.name_space, request.literals));
  }
  KALAM_TRY(AuthorizePlan(*request.plan, *request.principal, request.statement.execute_as.has_value()));
  return CheckParameterCount(request.plan->parameters, request.payload.parameters.size());
}

Status UseExactPlan(Request& request) {
  KALAM_ASSIGN(request.plan, request.planner.ExactPlan(request.text.text, request.name_space));
  return {};
}

}  // namespace kalam::sql
