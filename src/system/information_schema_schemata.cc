// information_schema.schemata: namespaces. A user sees those that hold something it may read.
#include <array>
#include <set>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 7> kColumns = {
      {{"catalog_name", Type(TypeKind::kText), false, true},
       {"schema_name", Type(TypeKind::kText), false, true},
       {"schema_owner", Type(TypeKind::kText), false, false},
       {"default_character_set_catalog", Type(TypeKind::kText), false, false},
       {"default_character_set_schema", Type(TypeKind::kText), false, false},
       {"default_character_set_name", Type(TypeKind::kText), false, false},
       {"sql_path", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  const auto snapshot = context.catalog.Snapshot();
  std::set<std::string, std::less<>> names = {"information_schema"};
  if (context.principal->is_admin()) {
    for (const catalog::NamespacePtr& ns : snapshot->Namespaces()) names.insert(ns->name);
  } else {
    names.insert("default");  // every request starts there
    for (const catalog::TablePtr& table : snapshot->Tables()) {
      if (!names.contains(table->ns) && MayUse(context, *table)) names.insert(table->ns);
    }
    for (const catalog::ViewPtr& view : snapshot->Views()) {
      if (!names.contains(view->ns) && MayReadView(*snapshot, *view, *context.principal))
        names.insert(view->ns);
    }
  }
  const Value none = Value::Null(TypeKind::kText);
  for (const std::string& name : names) {
    const std::array<Value, 7> row = {
        Value::Text(kCatalogName), Value::Text(name), none, none, none, none, none};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable InformationSchemaSchemata() {
  return {"information_schema", "schemata", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
