// information_schema.tables: the tables that the caller may read.
#include <array>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 4> kColumns = {{{"table_catalog", Type(TypeKind::kText), false, true},
                                                        {"table_schema", Type(TypeKind::kText), false, true},
                                                        {"table_name", Type(TypeKind::kText), false, true},
                                                        {"table_type", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
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

}  // namespace

SystemTable InformationSchemaTables() {
  return {"information_schema", "tables", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
