// ALTER USER name SET PASSWORD | ROLE | EMAIL. Everyone may change the own password; everything else is for
// administrators.
#include <fmt/format.h>

#include <utility>

#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/user/account_rules.h"

namespace kalam::sql {
namespace {

// What was changed; a secret never, an address of mail neither.
std::string AuditDetails(const AlterUser& alter) {
  switch (alter.op) {
    case AlterUser::Op::kPassword:
      return "SetPassword([REDACTED])";
    case AlterUser::Op::kRole:
      return fmt::format("SetRole({})", RoleTitle(alter.role));
    case AlterUser::Op::kEmail:
      return "SetEmail";
  }
  return "";
}

}  // namespace

Status AuthorizeAlterUser(const Statement& statement, const Principal& caller, const Services&) {
  const auto& alter = std::get<AlterUser>(statement.body);
  if (caller.is_admin()) {
    if (alter.op == AlterUser::Op::kRole && alter.role == Role::kSystem && caller.role != Role::kSystem) {
      return Fail(InsufficientRole("DBA cannot grant System role", "ALTER USER", caller, Role::kSystem));
    }
    return {};
  }
  const bool self = alter.user_id == caller.user_id;
  switch (alter.op) {
    case AlterUser::Op::kPassword:
      if (self) return {};
      return Fail(InsufficientRole("Only admins can change other users' passwords", "ALTER USER", caller));
    case AlterUser::Op::kRole:
      return Fail(InsufficientRole("Only admins can change roles", "ALTER USER", caller));
    case AlterUser::Op::kEmail:
      if (self) return {};
      return Fail(InsufficientRole("Only admins can update other users' emails", "ALTER USER", caller));
  }
  return {};
}

Result<Outcome> RunAlterUser(const Statement& statement, Request& request, Services& services) {
  const auto& alter = std::get<AlterUser>(statement.body);
  const auth::UserPtr current = services.users.Find(alter.user_id);
  if (!current || current->deleted_at_ms) return Fail(UserNotFound(alter.user_id, "ALTER USER"));
  // A dba must not take over the accounts above it.
  if (current->role == Role::kSystem && request.principal->role != Role::kSystem &&
      alter.user_id != request.principal->user_id) {
    return Fail(
        InsufficientRole("DBA cannot change a System user", "ALTER USER", *request.principal, Role::kSystem));
  }
  std::string hash;
  if (alter.op == AlterUser::Op::kPassword) {
    KALAM_ASSIGN(hash, HashForStorage(alter.text, services));
  }
  const auto change = [&](auth::User& user) -> Status {
    switch (alter.op) {
      case AlterUser::Op::kPassword:
        user.password_hash = std::move(hash);
        user.failed_login_attempts = 0;
        user.locked_until_ms.reset();
        break;
      case AlterUser::Op::kRole:
        user.role = alter.role;
        break;
      case AlterUser::Op::kEmail:
        user.email = alter.text;
        break;
    }
    return {};
  };
  KALAM_TRY(services.users.Update(
      alter.user_id, change, AuditOf(request, services, "ALTER_USER", alter.user_id, AuditDetails(alter))));
  return MessageOutcome(fmt::format("User '{}' updated", alter.user_id));
}

}  // namespace kalam::sql
