// information_schema.views: the views that the caller may read, and the system tables, which are made by the
// server and have no definition in SQL.
#include <array>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 4> kColumns = {{{"table_catalog", Type(TypeKind::kText), false, true},
                                                        {"table_schema", Type(TypeKind::kText), false, true},
                                                        {"table_name", Type(TypeKind::kText), false, true},
                                                        {"definition", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  const catalog::SnapshotPtr snapshot = context.catalog.Snapshot();
  for (const catalog::ViewPtr& view : snapshot->Views()) {
    if (!MayReadView(*snapshot, *view, *context.principal)) continue;
    const std::array<Value, 4> row = {Value::Text(kCatalogName), Value::Text(view->ns),
                                      Value::Text(view->name), Value::Text(view->query)};
    KALAM_TRY(out.Row(row));
  }
  for (const SystemTable& table : SystemTables()) {
    if (!MayUse(context, table)) continue;
    const std::array<Value, 4> row = {Value::Text(kCatalogName), Value::Text(table.ns),
                                      Value::Text(table.name), Value::Null(TypeKind::kText)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable InformationSchemaViews() {
  return {"information_schema", "views", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
