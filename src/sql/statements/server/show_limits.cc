// SHOW LIMITS: what a client may meet, with the number in force and where it comes from. For every role.
#include <array>
#include <vector>

#include "base/limits.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

struct Limit {
  std::string_view name;
  int64_t value;  // 0 = no limit
  std::string_view unit;
  std::string_view setting;  // empty = fixed
};

std::vector<Limit> LimitsInForce(const config::Settings& settings) {
  return {
      {"sql_text", limits::kSqlBytesMax, "bytes", ""},
      {"request_body", settings.rate_limit.request_body_limit_bytes, "bytes",
       "rate_limit.request_body_limit_bytes"},
      {"statements_per_request", limits::kBatchStatementsMax, "statements", ""},
      {"parameters", settings.execution.max_parameters, "parameters", "execution.max_parameters"},
      {"parameter", settings.execution.max_parameter_size_bytes, "bytes",
       "execution.max_parameter_size_bytes"},
      {"statement_time", settings.execution.handler_timeout_seconds, "seconds",
       "execution.handler_timeout_seconds"},
      {"queries_per_second", settings.rate_limit.max_queries_per_sec, "queries",
       "rate_limit.max_queries_per_sec"},
      {"rows_per_insert", settings.limits.max_insert_rows, "rows", "limits.max_insert_rows"},
      {"rows_per_query_without_limit", settings.limits.default_query_limit, "rows",
       "limits.default_query_limit"},
      {"rows_per_query", settings.limits.max_query_limit, "rows", "limits.max_query_limit"},
      {"response", settings.limits.max_response_bytes, "bytes", "limits.max_response_bytes"},
      {"columns_per_table", settings.limits.max_columns_per_table, "columns", "limits.max_columns_per_table"},
      {"row", limits::kRowBytesMax, "bytes", ""},
      {"primary_key", limits::kPrimaryKeyBytesMax, "bytes", ""},
      {"name", limits::kNameBytesMax, "bytes", ""},
      {"user_id", limits::kUserIdBytesMax, "bytes", ""},
  };
}

}  // namespace

Result<Outcome> RunShowLimits(const Statement&, Request& request, Services& services) {
  static const std::array<ResultColumn, 4> kColumns = {{{"name", Type(TypeKind::kText), true, true},
                                                        {"value", Type(TypeKind::kBigInt), false, false},
                                                        {"unit", Type(TypeKind::kText), false, true},
                                                        {"setting", Type(TypeKind::kText), false, false}}};
  request.response.Begin(kColumns);
  int64_t rows = 0;
  for (const Limit& limit : LimitsInForce(services.settings)) {
    const std::array<Value, 4> row = {
        Value::Text(limit.name),
        limit.value > 0 ? Value::BigInt(limit.value) : Value::Null(TypeKind::kBigInt),
        Value::Text(limit.unit),
        limit.setting.empty() ? Value::Null(TypeKind::kText) : Value::Text(limit.setting)};
    KALAM_TRY(request.response.Row(row));
    ++rows;
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
