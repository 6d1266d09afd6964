// DROP TABLE [IF EXISTS]: the definition and all hot rows in one batch.
#include <fmt/format.h>

#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "system/system_table.h"

namespace kalam::sql {

Status AuthorizeDropTable(const Statement& statement, const Principal& caller, const Services&) {
  const auto& drop = std::get<DropTable>(statement.body);
  if (!caller.is_admin()) {
    return Fail(InsufficientRole("Insufficient privileges to drop this table", "DROP TABLE", caller));
  }
  if (system::IsSystemNamespace(drop.table.ns)) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop system table '{}.{}'. System tables are managed internally.",
                            drop.table.ns, drop.table.table));
  }
  return {};
}

Result<Outcome> RunDropTable(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropTable>(statement.body);
  const std::string ns = drop.table.ns.empty() ? request.name_space : drop.table.ns;
  const auto dropped = services.catalog.DropTable(ns, drop.table.table);
  if (dropped) return MessageOutcome(fmt::format("Table {} dropped successfully", (*dropped)->full_name()));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundTable) {
    return MessageOutcome(fmt::format("Table {}.{} does not exist (skipped)", ns, drop.table.table), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
