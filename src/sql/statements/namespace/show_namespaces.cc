// SHOW NAMESPACES: the columns of system.namespaces, by name.
#include <array>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunShowNamespaces(const Statement&, Request& request, Services& services) {
  static const std::array<ResultColumn, 5> kColumns = {{{"namespace_id", Type(TypeKind::kText), true, true},
                                                        {"name", Type(TypeKind::kText), false, true},
                                                        {"created_at", Type(TypeKind::kTimestamp), false, true},
                                                        {"options", Type(TypeKind::kJson), false, false},
                                                        {"table_count", Type(TypeKind::kInt), false, true}}};
  const auto snapshot = services.catalog.Snapshot();
  request.response.Begin(kColumns);
  int64_t rows = 0;
  for (const catalog::NamespacePtr& ns : snapshot->Namespaces()) {
    const auto tables = static_cast<int64_t>(snapshot->TablesIn(ns->name).size());
    const std::array<Value, 5> row = {Value::Text(ns->name), Value::Text(ns->name),
                                      Value::Integer(TypeKind::kTimestamp, ns->created_at_ms * 1000),
                                      Value::Bytes(TypeKind::kJson, ns->options_json), Value::Integer(TypeKind::kInt, tables)};
    KALAM_TRY(request.response.Row(row));
    ++rows;
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
