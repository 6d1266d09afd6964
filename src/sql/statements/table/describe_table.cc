// DESCRIBE TABLE [HISTORY]: the columns of the latest version, or of every version; system columns last.
#include <array>

#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/table/readable_table.h"
#include "sql/views.h"
#include "system/system_table.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

// One line of the answer. `column`: its definition, nullptr for system columns and system tables.
Status WriteColumn(Request& request, const ResultColumn& shown, size_t ordinal, const Column* column,
                   uint32_t version) {
  const std::string type = SqlName(shown.type);
  const bool has_default = column != nullptr && column->default_value.kind != DefaultKind::kNone;
  const bool has_comment = column != nullptr && !column->comment.empty();
  const std::array<Value, 9> row = {
      Value::Text(shown.name),
      Value::Integer(TypeKind::kInt, static_cast<int64_t>(ordinal) + 1),
      column != nullptr ? Value::BigInt(column->id.value) : Value::Null(TypeKind::kBigInt),
      Value::Text(type),
      Value::Boolean(!shown.not_null),
      Value::Boolean(shown.primary_key),
      has_default ? Value::Text(column->default_value.sql) : Value::Null(TypeKind::kText),
      has_comment ? Value::Text(column->comment) : Value::Null(TypeKind::kText),
      Value::Integer(TypeKind::kInt, version)};
  return request.response.Row(row);
}

Result<int64_t> DescribeSystemTable(const system::SystemTable& table, Request& request) {
  KALAM_TRY(system::AllowSystemRead(table, *request.principal));
  request.response.Begin(system::DescribeColumns());
  size_t ordinal = 0;
  for (const ResultColumn& column : table.columns()) {
    KALAM_TRY(WriteColumn(request, column, ordinal++, nullptr, 1));
  }
  return static_cast<int64_t>(ordinal);
}

}  // namespace

Status AuthorizeDescribeTable(const Statement& statement, const Principal& caller, const Services&) {
  if (caller.is_admin() || !std::get<DescribeTable>(statement.body).short_form) return {};
  return Fail(
      InsufficientRole("Admin privileges (DBA or System role) required for DESCRIBE; DESCRIBE TABLE is open "
                       "to everybody",
                       "DESCRIBE", caller));
}

Result<Outcome> RunDescribeTable(const Statement& statement, Request& request, Services& services) {
  const auto& describe = std::get<DescribeTable>(statement.body);
  const std::string_view ns =
      describe.table.ns.empty() ? std::string_view(request.name_space) : std::string_view(describe.table.ns);
  int64_t rows = 0;
  if (const system::SystemTable* table = system::FindSystemTable(ns, describe.table.table)) {
    KALAM_ASSIGN(rows, DescribeSystemTable(*table, request));
    return Outcome{OutcomeKind::kRows, rows, {}};
  }
  KALAM_ASSIGN(const auto of_view, ColumnsOfView(*services.catalog.Snapshot(), describe.table,
                                                 request.name_space, *request.principal));
  if (of_view) {
    request.response.Begin(system::DescribeColumns());
    for (const ResultColumn& column : *of_view)
      KALAM_TRY(WriteColumn(request, column, static_cast<size_t>(rows++), nullptr, 1));
    return Outcome{OutcomeKind::kRows, rows, {}};
  }
  KALAM_ASSIGN(const catalog::TablePtr table, ReadableTable(describe.table, request, services));
  request.response.Begin(system::DescribeColumns());
  for (const TableSchema& schema : table->versions) {
    if (!describe.history && &schema != &table->schema()) continue;
    for (size_t i = 0; i < schema.columns.size() + tables::SystemColumns(*table); ++i, ++rows) {
      const Column* column = i < schema.columns.size() ? &schema.columns[i] : nullptr;
      KALAM_TRY(WriteColumn(request, tables::ResultColumnOf(schema, i), i, column, schema.version));
    }
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
