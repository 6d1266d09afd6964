// system.namespaces
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 5> kColumns = {
      {{"namespace_id", Type(TypeKind::kText), true, true},
       {"name", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"options", Type(TypeKind::kJson), false, false},
       {"table_count", Type(TypeKind::kInt), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  const auto snapshot = context.catalog.Snapshot();
  for (const catalog::NamespacePtr& ns : snapshot->Namespaces()) {
    const auto tables = static_cast<int64_t>(snapshot->TablesIn(ns->name).size());
    const std::array<Value, 5> row = {Value::Text(ns->name), Value::Text(ns->name),
                                      cells::Millis(ns->created_at_ms),
                                      Value::Bytes(TypeKind::kJson, ns->options_json), cells::Int(tables)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable NamespacesTable() { return {"system", "namespaces", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
