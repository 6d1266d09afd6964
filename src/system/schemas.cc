// system.schemas: one row per version of each table.
#include <array>
#include <boost/json.hpp>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 14> kColumns = {
      {{"table_id", Type(TypeKind::kText), true, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"namespace_id", Type(TypeKind::kText), false, true},
       {"table_type", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"schema_version", Type(TypeKind::kInt), false, true},
       {"columns", Type(TypeKind::kJson), false, true},
       {"table_comment", Type(TypeKind::kText), false, false},
       {"updated_at", Type(TypeKind::kTimestamp), false, true},
       {"options", Type(TypeKind::kJson), false, false},
       {"access_level", Type(TypeKind::kText), false, false},
       {"is_latest", Type(TypeKind::kBoolean), false, true},
       {"storage_id", Type(TypeKind::kText), false, false},
       {"use_user_storage", Type(TypeKind::kBoolean), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) {
    const std::string id = table->ns + ":" + table->name;
    const std::string options = TableOptionsJson(*table);
    for (const TableSchema& schema : table->versions) {
      const std::string columns = SchemaColumnsJson(schema);
      const bool shared = table->type == TableType::kShared;
      const std::array<Value, 14> row = {
          Value::Text(id),
          Value::Text(table->name),
          Value::Text(table->ns),
          Value::Text(TableTypeName(table->type)),
          cells::Millis(table->created_at_ms),
          cells::Int(schema.version),
          Value::Bytes(TypeKind::kJson, columns),
          table->comment.empty() ? Value::Null(TypeKind::kText) : Value::Text(table->comment),
          cells::Millis(schema.created_at_ms),
          Value::Bytes(TypeKind::kJson, options),
          shared ? Value::Text(AccessLevelName(table->access_level)) : Value::Null(TypeKind::kText),
          Value::Boolean(&schema == &table->schema()),
          Value::Text(table->options.storage_id),
          Value::Boolean(table->options.use_user_storage)};
      KALAM_TRY(out.Row(row));
    }
  }
  return {};
}

}  // namespace

std::string SchemaColumnsJson(const TableSchema& schema) {
  boost::json::array columns;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const Column& column = schema.columns[i];
    boost::json::object one;
    one["column_id"] = column.id.value;
    one["column_name"] = column.name;
    one["ordinal_position"] = i + 1;
    one["data_type"] = SqlName(column.type);
    one["is_nullable"] = column.nullable;
    one["is_primary_key"] = column.primary_key;
    if (column.default_value.kind == DefaultKind::kNone) {
      one["column_default"] = nullptr;
    } else {
      one["column_default"] = column.default_value.sql;
    }
    columns.push_back(std::move(one));
  }
  return boost::json::serialize(columns);
}

SystemTable SchemasTable() { return {"system", "schemas", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
