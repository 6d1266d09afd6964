#include "sql/statements/table/readable_table.h"

#include <string>

#include "auth/allow.h"
#include "sql/plan.h"

namespace kalam::sql {

Result<catalog::TablePtr> ReadableTable(const TableRef& name, const Request& request,
                                        const Services& services) {
  const std::string_view ns =
      name.ns.empty() ? std::string_view(request.name_space) : std::string_view(name.ns);
  catalog::TablePtr table = services.catalog.Snapshot()->FindTable(ns, name.table);
  if (!table) {
    KALAM_TRY(catalog::RefuseView(*services.catalog.Snapshot(), ns, name.table,
                                  "the statement is for tables. DESCRIBE TABLE shows its columns"));
  }
  if (!table) return Fail(TableNotFound(ns, name.table));
  KALAM_TRY(auth::Allow(*request.principal, auth::Access::kRead, table->type, table->access_level,
                        table->full_name()));
  return table;
}

}  // namespace kalam::sql
