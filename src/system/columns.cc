// system.columns: the columns of the latest version of each table.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 12> kColumns = {
      {{"namespace_id", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"version", Type(TypeKind::kBigInt), false, true},
       {"column_id", Type(TypeKind::kBigInt), false, true},
       {"column_name", Type(TypeKind::kText), false, true},
       {"comment", Type(TypeKind::kText), false, false},
       {"data_type", Type(TypeKind::kText), false, true},
       {"default_value", Type(TypeKind::kText), false, false},
       {"ordinal", Type(TypeKind::kBigInt), false, true},
       {"nullable", Type(TypeKind::kBoolean), false, true},
       {"primary_key", Type(TypeKind::kBoolean), false, true},
       {"primary_key_pos", Type(TypeKind::kBigInt), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  const catalog::SnapshotPtr snapshot = context.catalog.Snapshot();
  for (const catalog::TablePtr& table : snapshot->Tables()) {
    const TableSchema& schema = table->schema();
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      const Column& column = schema.columns[i];
      const std::string type = SqlName(column.type);
      const bool has_default = column.default_value.kind != DefaultKind::kNone;
      const std::array<Value, 12> row = {
          Value::Text(table->ns),
          Value::Text(table->name),
          Value::BigInt(schema.version),
          Value::BigInt(column.id.value),
          Value::Text(column.name),
          column.comment.empty() ? Value::Null(TypeKind::kText) : Value::Text(column.comment),
          Value::Text(type),
          has_default ? Value::Text(column.default_value.sql) : Value::Null(TypeKind::kText),
          Value::BigInt(static_cast<int64_t>(i) + 1),
          Value::Boolean(column.nullable),
          Value::Boolean(column.primary_key),
          column.primary_key ? Value::BigInt(1) : Value::Null(TypeKind::kBigInt)};
      KALAM_TRY(out.Row(row));
    }
  }
  for (const catalog::ViewPtr& view : snapshot->Views()) {
    int64_t ordinal = 0;
    for (const auto& column : view->columns) {
      ++ordinal;
      const std::string type = SqlName(column.type);
      const std::array<Value, 12> row = {
          Value::Text(view->ns),  Value::Text(view->name),      Value::BigInt(1),
          Value::BigInt(ordinal), Value::Text(column.name),     Value::Null(TypeKind::kText),
          Value::Text(type),      Value::Null(TypeKind::kText), Value::BigInt(ordinal),
          Value::Boolean(true),   Value::Boolean(false),        Value::Null(TypeKind::kBigInt)};
      KALAM_TRY(out.Row(row));
    }
  }
  return {};
}

}  // namespace

SystemTable ColumnsTable() { return {"system", "columns", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
