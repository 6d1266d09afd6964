// information_schema.tables, .columns, .schemata: what the caller may use.
#include <array>

#include "auth/allow.h"
#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr std::string_view kCatalogName = "kalam";

bool MayUse(const SystemContext& context, const catalog::Table& table) {
  return auth::Allow(*context.principal, auth::Access::kRead, table.type, table.access_level,
                     table.full_name())
      .has_value();
}

// System tables that the caller may read are part of what it may use.
bool MayUse(const SystemContext& context, const SystemTable& table) {
  return AllowSystemRead(table, *context.principal).has_value();
}

std::span<const ResultColumn> TableColumns() {
  static const std::array<ResultColumn, 4> kColumns = {{{"table_catalog", Type(TypeKind::kText), false, true},
                                                        {"table_schema", Type(TypeKind::kText), false, true},
                                                        {"table_name", Type(TypeKind::kText), false, true},
                                                        {"table_type", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

Status TableRows(const SystemContext& context, RowSink& out) {
  const auto add = [&](std::string_view ns, std::string_view name, std::string_view type) {
    const std::array<Value, 4> row = {Value::Text(kCatalogName), Value::Text(ns), Value::Text(name),
                                      Value::Text(type)};
    return out.Row(row);
  };
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) {
    if (MayUse(context, *table)) KALAM_TRY(add(table->ns, table->name, "BASE TABLE"));
  }
  for (const SystemTable& table : SystemTables()) {
    if (MayUse(context, table)) KALAM_TRY(add(table.ns, table.name, "VIEW"));
  }
  return {};
}

std::span<const ResultColumn> ColumnColumns() {
  static const std::array<ResultColumn, 11> kColumns = {
      {{"table_catalog", Type(TypeKind::kText), false, true},
       {"table_schema", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"column_name", Type(TypeKind::kText), false, true},
       {"ordinal_position", Type(TypeKind::kBigInt), false, true},
       {"column_default", Type(TypeKind::kText), false, false},
       {"is_nullable", Type(TypeKind::kText), false, true},
       {"data_type", Type(TypeKind::kText), false, true},
       {"character_maximum_length", Type(TypeKind::kBigInt), false, false},
       {"numeric_precision", Type(TypeKind::kBigInt), false, false},
       {"numeric_scale", Type(TypeKind::kBigInt), false, false}}};
  return kColumns;
}

Status AddColumn(std::string_view ns, std::string_view table, std::string_view name, size_t ordinal,
                 std::string_view column_default, bool nullable, const DataType& type, RowSink& out) {
  const std::string type_name = SqlName(type);
  const bool decimal = type.kind == TypeKind::kDecimal;
  const std::array<Value, 11> row = {
      Value::Text(kCatalogName),
      Value::Text(ns),
      Value::Text(table),
      Value::Text(name),
      Value::BigInt(static_cast<int64_t>(ordinal) + 1),
      column_default.empty() ? Value::Null(TypeKind::kText) : Value::Text(column_default),
      Value::Text(nullable ? "YES" : "NO"),
      Value::Text(type_name),
      Value::Null(TypeKind::kBigInt),
      decimal ? Value::BigInt(type.precision) : Value::Null(TypeKind::kBigInt),
      decimal ? Value::BigInt(type.scale) : Value::Null(TypeKind::kBigInt)};
  return out.Row(row);
}

Status ColumnRows(const SystemContext& context, RowSink& out) {
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) {
    if (!MayUse(context, *table)) continue;
    const TableSchema& schema = table->schema();
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      const Column& column = schema.columns[i];
      KALAM_TRY(AddColumn(table->ns, table->name, column.name, i, column.default_value.sql, column.nullable,
                          column.type, out));
    }
  }
  for (const SystemTable& table : SystemTables()) {
    if (!MayUse(context, table)) continue;
    const auto columns = table.columns();
    for (size_t i = 0; i < columns.size(); ++i) {
      KALAM_TRY(AddColumn(table.ns, table.name, columns[i].name, i, "", !columns[i].not_null, columns[i].type,
                          out));
    }
  }
  return {};
}

std::span<const ResultColumn> SchemataColumns() {
  static const std::array<ResultColumn, 3> kColumns = {
      {{"catalog_name", Type(TypeKind::kText), false, true},
       {"schema_name", Type(TypeKind::kText), false, true},
       {"schema_owner", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status SchemataRows(const SystemContext& context, RowSink& out) {
  for (const catalog::NamespacePtr& ns : context.catalog.Snapshot()->Namespaces()) {
    if (ns->name == "system" && !context.principal->is_admin()) continue;
    const std::array<Value, 3> row = {Value::Text(kCatalogName), Value::Text(ns->name),
                                      Value::Null(TypeKind::kText)};
    KALAM_TRY(out.Row(row));
  }
  const std::array<Value, 3> own = {Value::Text(kCatalogName), Value::Text("information_schema"),
                                    Value::Null(TypeKind::kText)};
  return out.Row(own);
}

}  // namespace

SystemTable InformationSchemaTables() {
  return {"information_schema", "tables", Readers::kEveryone, &TableColumns, &TableRows};
}
SystemTable InformationSchemaColumns() {
  return {"information_schema", "columns", Readers::kEveryone, &ColumnColumns, &ColumnRows};
}
SystemTable InformationSchemaSchemata() {
  return {"information_schema", "schemata", Readers::kEveryone, &SchemataColumns, &SchemataRows};
}

}  // namespace kalam::system
