// DROP USER [IF EXISTS]: soft; the account stays visible to administrators and its name stays taken.
#include <fmt/format.h>

#include "jobs/list.h"
#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/user/account_rules.h"

namespace kalam::sql {

Result<Outcome> RunDropUser(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropUser>(statement.body);
  if (drop.user_id == "root") {
    return Fail(ErrorCode::kInvalidOperation, "Invalid operation: User 'root' cannot be dropped");
  }
  const auth::UserPtr current = services.users.Find(drop.user_id);
  if (!current || current->deleted_at_ms) {
    if (!drop.if_exists) return Fail(UserNotFound(drop.user_id, "DROP USER"));
    return MessageOutcome(fmt::format("User '{}' does not exist (skipped)", drop.user_id), 0);
  }
  if (current->role == Role::kSystem && request.principal->role != Role::kSystem) {
    return Fail(
        InsufficientRole("DBA cannot change a System user", "DROP USER", *request.principal, Role::kSystem));
  }
  KALAM_TRY(services.users.Drop(drop.user_id, AuditOf(request, services, "DROP_USER", drop.user_id)));
  if (!drop.cascade) return MessageOutcome(fmt::format("User '{}' dropped (soft delete)", drop.user_id));
  KALAM_ASSIGN(const jobs::JobPtr job, services.jobs.Create(jobs::UserCleanupRequest(
                                           drop.user_id, true, request.payload.principal->user_id)));
  return MessageOutcome(
      fmt::format("User '{}' dropped (soft delete). Cleanup job: {}", drop.user_id, job->id));
}

}  // namespace kalam::sql
