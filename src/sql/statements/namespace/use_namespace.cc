// USE name, SET NAMESPACE name: the default namespace of the later statements of this payload.
#include <fmt/format.h>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunUseNamespace(const Statement& statement, Request& request, Services& services) {
  const auto& use = std::get<UseNamespace>(statement.body);
  if (!services.catalog.Snapshot()->FindNamespace(use.name)) {
    return Fail(Error(ErrorCode::kNotFoundNamespace,
                      fmt::format("Not found: Namespace '{}' does not exist", use.name))
                    .With("namespace", use.name)
                    .With("operation", std::string("USE")));
  }
  request.name_space = use.name;
  return MessageOutcome(fmt::format("Namespace switched to '{}'", use.name));
}

}  // namespace kalam::sql
