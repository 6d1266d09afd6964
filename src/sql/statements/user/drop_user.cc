// DROP USER [IF EXISTS]: soft; the account stays visible to administrators and its name stays taken.
#include <fmt/format.h>

#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunDropUser(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropUser>(statement.body);
  if (drop.user_id == "root") {
    return Fail(ErrorCode::kInvalidOperation, "Invalid operation: User 'root' cannot be dropped");
  }
  const auth::UserPtr current = services.users.Find(drop.user_id);
  if (current && current->role == Role::kSystem && request.principal->role != Role::kSystem) {
    return Fail(InsufficientRole("DBA cannot change a System user", "DROP USER", *request.principal, "System"));
  }
  const Status dropped = services.users.Drop(drop.user_id);
  if (dropped) return MessageOutcome(fmt::format("User '{}' dropped (soft delete)", drop.user_id));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundUser) {
    return MessageOutcome(fmt::format("User '{}' does not exist (skipped)", drop.user_id), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
