#include "sql/request.h"

#include "sql/bind.h"

namespace kalam::sql {
namespace {

Error StreamInTransaction() {
  return {ErrorCode::kInvalidOperation,
          "Invalid operation: stream tables are not supported inside explicit transactions"};
}

Status AllowInTransaction(const Plan& plan) {
  for (const auto& [table, system_table] : plan.tables) {
    if (system_table != nullptr && system_table->ns == "system") {
      return Fail(ErrorCode::kInvalidOperation,
                  "Invalid operation: system tables are not supported inside explicit transactions");
    }
    if (table && table->type == TableType::kStream) return Fail(StreamInTransaction());
  }
  if (plan.target && plan.target->type == TableType::kStream) return Fail(StreamInTransaction());
  return {};
}

}  // namespace

Status EnsurePlan(Request& request, Services& services) {
  if (!request.plan || request.plan->catalog_version != services.catalog.version()) {
    KALAM_ASSIGN(request.plan, request.planner.Plan(request.text, request.name_space, request.literals));
  }
  KALAM_TRY(AuthorizePlan(*request.plan, *request.principal, request.statement.execute_as.has_value()));
  if (request.transaction) KALAM_TRY(AllowInTransaction(*request.plan));
  return CheckParameterCount(request.plan->parameters, request.payload.parameters.size());
}

Status UseExactPlan(Request& request) {
  KALAM_ASSIGN(request.plan, request.planner.ExactPlan(request.text.text, request.name_space));
  return {};
}

}  // namespace kalam::sql
