// POST /v1/api/null: everything that POST /v1/api/sql does, without SQL. What remains is the cost of the HTTP
// layer.
#include <array>

#include "front/routes/handlers.h"
#include "front/sql_call.h"

namespace kalam::front {

std::optional<HttpResponse> AdmitNull(HttpRequest& request, RouteContext& context) {
  if (!context.services.settings.server.enable_null_route) {
    HttpResponse refusal;
    refusal.status = 404;
    return refusal;
  }
  return AdmitSqlCaller(request, context);
}

void HandleNull(HttpRequest& request, RouteContext& context, Respond respond) {
  std::unique_ptr<SqlCall> call = context.sql_calls->Take();
  call->respond = std::move(respond);
  if (!PrepareSqlCall(request, call)) return;
  wire::SqlResponse response(1, static_cast<size_t>(context.services.settings.limits.max_response_bytes));
  response.BeginStatement(call->payload.principal->user_id, true);
  const std::array<ResultColumn, 2> columns = {
      {{"id", Type(TypeKind::kBigInt), true, true}, {"title", Type(TypeKind::kText)}}};
  response.Begin(columns);
  const std::array<Value, 2> row = {Value::BigInt(42), Value::Text("hello")};
  const Status written = response.Row(row);
  response.EndStatement({OutcomeKind::kRows, written ? 1 : 0, {}});
  FinishSqlCall(std::move(call), std::move(response));
}

}  // namespace kalam::front
