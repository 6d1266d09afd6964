// DROP NAMESPACE [IF EXISTS] name [CASCADE]: refuses a namespace that holds tables unless CASCADE.
#include <fmt/format.h>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunDropNamespace(const Statement& statement, Request&, Services& services) {
  const auto& drop = std::get<DropNamespace>(statement.body);
  if (drop.name == "default" || drop.name == "system" || drop.name == "dba") {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: Namespace '{}' is part of the server and cannot be dropped",
                            drop.name));
  }
  const auto dropped = services.catalog.DropNamespace(drop.name, drop.cascade);
  if (dropped) return MessageOutcome(fmt::format("Namespace '{}' dropped successfully", drop.name));
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundNamespace) {
    return MessageOutcome(fmt::format("Namespace '{}' does not exist", drop.name), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
