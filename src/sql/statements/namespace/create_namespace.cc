// CREATE NAMESPACE [IF NOT EXISTS] name
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunCreateNamespace(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateNamespace>(statement.body);
  if (const Status valid = catalog::ValidateNamespaceName(create.name); !valid) {
    return Fail(valid.error().code,
                fmt::format("Invalid namespace name '{}': {}", create.name, valid.error().message));
  }
  const Status created = services.catalog.CreateNamespace(
      create.name, AuditOf(request, services, "CREATE_NAMESPACE", create.name));
  if (created) return MessageOutcome(fmt::format("Namespace '{}' created successfully", create.name));
  if (create.if_not_exists && created.error().code == ErrorCode::kAlreadyExists) {
    return MessageOutcome(fmt::format("Namespace '{}' already exists", create.name), 0);
  }
  return Fail(created.error());
}

}  // namespace kalam::sql
