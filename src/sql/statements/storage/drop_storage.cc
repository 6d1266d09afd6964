// DROP STORAGE [IF EXISTS] id: refused while a table is kept there. What lies in the folder or bucket stays.
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunDropStorage(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropStorage>(statement.body);
  const Status dropped = services.catalog.DropStorage(
      drop.storage_id, AuditOf(request, services, "DROP_STORAGE", drop.storage_id));
  if (dropped) return MessageOutcome(fmt::format("Storage '{}' dropped successfully", drop.storage_id));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundStorage) {
    return MessageOutcome(fmt::format("Storage '{}' does not exist (skipped)", drop.storage_id), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
