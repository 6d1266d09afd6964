// POST /v1/api/sql
#include "front/routes/handlers.h"
#include "front/sql_call.h"
#include "sql/executor.h"

namespace kalam::front {

std::optional<HttpResponse> AdmitSql(HttpRequest& request, RouteContext& context) {
  return AdmitSqlCaller(request, context);
}

void HandleSql(HttpRequest& request, RouteContext& context, Respond respond) {
  std::unique_ptr<SqlCall> call = context.sql_calls->Take();
  call->respond = std::move(respond);
  if (!PrepareSqlCall(request, call)) return;
  const sql::Payload& payload = call->payload;
  // The lambda owns the call: it lives exactly as long as the executor may look at the payload.
  auto done = [call = std::move(call)](std::expected<wire::SqlResponse, sql::ExecutionError> result) mutable {
    if (result) {
      FinishSqlCall(std::move(call), std::move(*result));
    } else {
      FinishSqlCall(std::move(call), result.error());
    }
  };
  context.services.executor.Execute(payload, std::move(done));
}

}  // namespace kalam::front
