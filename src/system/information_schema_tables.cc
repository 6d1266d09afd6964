// information_schema.tables: the tables and views that the caller may read.
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
  const catalog::SnapshotPtr snapshot = context.catalog.Snapshot();
  for (const catalog::TablePtr& table : snapshot->Tables()) {
    if (MayUse(context, *table)) KALAM_TRY(add(table->ns, table->name, "BASE TABLE"));
  }
  for (const catalog::ViewPtr& view : snapshot->Views()) {
    if (MayReadView(*snapshot, *view, *context.principal)) KALAM_TRY(add(view->ns, view->name, "VIEW"));
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
