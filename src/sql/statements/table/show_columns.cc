// SHOW COLUMNS FROM: a table's columns as information_schema words them, for administrators.
#include <array>
#include <string>

#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/table/readable_table.h"
#include "sql/views.h"
#include "system/system_table.h"
#include "tables/table_scope.h"

namespace kalam::sql {

Result<Outcome> RunShowColumns(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 6> kColumns = {{{"table_catalog", Type(TypeKind::kText), false, true},
                                                        {"table_schema", Type(TypeKind::kText), false, true},
                                                        {"table_name", Type(TypeKind::kText), false, true},
                                                        {"column_name", Type(TypeKind::kText), false, true},
                                                        {"data_type", Type(TypeKind::kText), false, true},
                                                        {"is_nullable", Type(TypeKind::kText), false, true}}};
  const TableRef& name = std::get<ShowColumns>(statement.body).table;
  const auto write = [&](std::string_view ns, std::string_view table, const ResultColumn& column) {
    const std::string type = SqlName(column.type);
    const std::array<Value, 6> row = {Value::Text("kalam"), Value::Text(ns),
                                      Value::Text(table),   Value::Text(column.name),
                                      Value::Text(type),    Value::Text(column.not_null ? "NO" : "YES")};
    return request.response.Row(row);
  };
  int64_t rows = 0;
  const std::string_view ns =
      name.ns.empty() ? std::string_view(request.name_space) : std::string_view(name.ns);
  if (const system::SystemTable* table = system::FindSystemTable(ns, name.table)) {
    KALAM_TRY(system::AllowSystemRead(*table, *request.principal));
    request.response.Begin(kColumns);
    for (const ResultColumn& column : table->columns()) {
      KALAM_TRY(write(ns, name.table, column));
      ++rows;
    }
    return Outcome{OutcomeKind::kRows, rows, {}};
  }
  KALAM_ASSIGN(const auto of_view,
               ColumnsOfView(*services.catalog.Snapshot(), name, request.name_space, *request.principal));
  if (of_view) {
    request.response.Begin(kColumns);
    for (const ResultColumn& column : *of_view) KALAM_TRY(write(ns, name.table, column));
    return Outcome{OutcomeKind::kRows, static_cast<int64_t>(of_view->size()), {}};
  }
  KALAM_ASSIGN(const catalog::TablePtr table, ReadableTable(name, request, services));
  request.response.Begin(kColumns);
  for (size_t i = 0; i < tables::WidthOf(*table); ++i, ++rows) {
    KALAM_TRY(write(table->ns, table->name, tables::ResultColumnOf(table->schema(), i)));
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
