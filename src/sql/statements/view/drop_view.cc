// DROP VIEW [IF EXISTS].
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunDropView(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropView>(statement.body);
  const std::string ns = drop.view.ns.empty() ? request.name_space : drop.view.ns;
  const std::string full_name = ns + "." + drop.view.table;
  const Status dropped =
      services.catalog.DropView(ns, drop.view.table, AuditOf(request, services, "DROP_VIEW", full_name));
  if (dropped) return MessageOutcome(fmt::format("View {} dropped successfully", full_name));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundTable)
    return MessageOutcome(fmt::format("View {} does not exist (skipped)", full_name), 0);
  return Fail(dropped.error());
}

}  // namespace kalam::sql
