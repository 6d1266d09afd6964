// CLUSTER verbs: there is one node, and nothing for them to do.
#include <fmt/format.h>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunCluster(const Statement& statement, Request&, Services&) {
  const auto& command = std::get<ClusterCommand>(statement.body);
  return Fail(
      ErrorCode::kInvalidOperation,
      fmt::format("Invalid operation: CLUSTER {} requires cluster mode (Raft executor not available). This "
                  "server is a single node; see system.cluster",
                  command.name));
}

}  // namespace kalam::sql
