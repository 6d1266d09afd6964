// SHOW TABLES [IN ns]: the latest version of each table that the caller may know of, then the views.
#include <fmt/format.h>

#include <array>

#include "auth/allow.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "system/view_access.h"

namespace kalam::sql {

Result<Outcome> RunShowTables(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 8> kColumns = {
      {{"table_id", Type(TypeKind::kText), true, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"namespace_id", Type(TypeKind::kText), false, true},
       {"table_type", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"schema_version", Type(TypeKind::kInt), false, true},
       {"table_comment", Type(TypeKind::kText), false, false},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  const auto& show = std::get<ShowTables>(statement.body);
  const auto snapshot = services.catalog.Snapshot();
  if (show.ns && !snapshot->FindNamespace(*show.ns)) {
    return Fail(Error(ErrorCode::kNotFoundNamespace, fmt::format("Namespace '{}' not found", *show.ns))
                    .With("namespace", *show.ns)
                    .With("operation", std::string("SHOW TABLES")));
  }
  request.response.Begin(kColumns);
  int64_t rows = 0;
  for (const catalog::TablePtr& table : show.ns ? snapshot->TablesIn(*show.ns) : snapshot->Tables()) {
    const std::string full_name = table->full_name();
    if (!auth::Allow(*request.principal, auth::Access::kRead, table->type, table->access_level, full_name))
      continue;
    const std::string id = table->ns + ":" + table->name;
    const std::array<Value, 8> row = {
        Value::Text(id),
        Value::Text(table->name),
        Value::Text(table->ns),
        Value::Text(TableTypeName(table->type)),
        Value::Integer(TypeKind::kTimestamp, table->created_at_ms * 1000),
        Value::Integer(TypeKind::kInt, table->schema().version),
        table->comment.empty() ? Value::Null(TypeKind::kText) : Value::Text(table->comment),
        Value::Integer(TypeKind::kTimestamp, table->updated_at_ms * 1000)};
    KALAM_TRY(request.response.Row(row));
    ++rows;
  }
  for (const catalog::ViewPtr& view : show.ns ? snapshot->ViewsIn(*show.ns) : snapshot->Views()) {
    if (!system::MayReadView(*snapshot, *view, *request.principal)) continue;
    const std::string id = view->ns + ":" + view->name;
    const std::array<Value, 8> row = {Value::Text(id),
                                      Value::Text(view->name),
                                      Value::Text(view->ns),
                                      Value::Text("view"),
                                      Value::Integer(TypeKind::kTimestamp, view->created_at_ms * 1000),
                                      Value::Integer(TypeKind::kInt, 1),
                                      Value::Null(TypeKind::kText),
                                      Value::Integer(TypeKind::kTimestamp, view->updated_at_ms * 1000)};
    KALAM_TRY(request.response.Row(row));
    ++rows;
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
