// system.table_schemas: every version of every table's columns, in the shape that older clients read.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 5> kColumns = {
      {{"table_id", Type(TypeKind::kText), true, true},
       {"schema_version", Type(TypeKind::kInt), false, true},
       {"table_definition", Type(TypeKind::kJson), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) {
    const std::string id = table->ns + ":" + table->name;
    for (const TableSchema& schema : table->versions) {
      const std::string definition = SchemaColumnsJson(schema);
      const std::array<Value, 5> row = {
          Value::Text(id), cells::Int(schema.version), Value::Bytes(TypeKind::kJson, definition),
          cells::Millis(schema.created_at_ms), cells::Millis(table->updated_at_ms)};
      KALAM_TRY(out.Row(row));
    }
  }
  return {};
}

}  // namespace

SystemTable TableSchemasTable() { return {"system", "table_schemas", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
