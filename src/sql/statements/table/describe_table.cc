// DESCRIBE TABLE [HISTORY]: the columns of the latest version, or of every version; system columns last.
#include <fmt/format.h>

#include <array>

#include "auth/allow.h"
#include "sql/plan.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

Status WriteColumn(Request& request, const TableSchema& schema, size_t ordinal) {
  const ResultColumn shown = tables::ResultColumnOf(schema, ordinal);
  const bool own = ordinal < schema.columns.size();
  const std::string type = SqlName(shown.type);
  const Column* column = own ? &schema.columns[ordinal] : nullptr;
  const bool has_default = column != nullptr && column->default_value.kind != DefaultKind::kNone;
  const std::array<Value, 9> row = {
      Value::Text(shown.name),
      Value::Integer(TypeKind::kInt, static_cast<int64_t>(ordinal) + 1),
      own ? Value::BigInt(column->id.value) : Value::Null(TypeKind::kBigInt),
      Value::Text(type),
      Value::Boolean(!shown.not_null),
      Value::Boolean(shown.primary_key),
      has_default ? Value::Text(column->default_value.sql) : Value::Null(TypeKind::kText),
      own && !column->comment.empty() ? Value::Text(column->comment) : Value::Null(TypeKind::kText),
      Value::Integer(TypeKind::kInt, schema.version)};
  return request.response.Row(row);
}

}  // namespace

Result<Outcome> RunDescribeTable(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 9> kColumns = {
      {{"column_name", Type(TypeKind::kText), false, true},
       {"ordinal_position", Type(TypeKind::kInt), false, true},
       {"column_id", Type(TypeKind::kBigInt), false, false},
       {"data_type", Type(TypeKind::kText), false, true},
       {"is_nullable", Type(TypeKind::kBoolean), false, true},
       {"is_primary_key", Type(TypeKind::kBoolean), false, true},
       {"column_default", Type(TypeKind::kText), false, false},
       {"column_comment", Type(TypeKind::kText), false, false},
       {"schema_version", Type(TypeKind::kInt), false, true}}};
  const auto& describe = std::get<DescribeTable>(statement.body);
  const std::string ns = describe.table.ns.empty() ? request.name_space : describe.table.ns;
  const auto table = services.catalog.Snapshot()->FindTable(ns, describe.table.table);
  if (!table) return Fail(TableNotFound(ns, describe.table.table));
  KALAM_TRY(auth::Allow(*request.principal, auth::Access::kRead, table->type, table->access_level,
                        table->full_name()));
  request.response.Begin(kColumns);
  int64_t rows = 0;
  for (const TableSchema& schema : table->versions) {
    if (!describe.history && &schema != &table->schema()) continue;
    for (size_t i = 0; i < schema.columns.size() + 2; ++i, ++rows) KALAM_TRY(WriteColumn(request, schema, i));
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
