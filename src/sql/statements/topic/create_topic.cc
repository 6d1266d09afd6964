// CREATE TOPIC [IF NOT EXISTS] ns.topic [PARTITIONS n] [WITH (retention_seconds = n, retention_max_bytes =
// n)]
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "topics/topics.h"

namespace kalam::sql {

Result<Outcome> RunCreateTopic(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateTopic>(statement.body);
  const auto created = services.topics.Create(create.name, create.partitions, create.retention.seconds,
                                              create.retention.bytes_max,
                                              AuditOf(request, services, "CREATE_TOPIC", create.name));
  if (created) {
    return MessageOutcome(
        fmt::format("Created topic '{}' with {} partition(s)", (*created)->name, (*created)->partitions));
  }
  if (create.if_not_exists && created.error().code == ErrorCode::kAlreadyExists) {
    return MessageOutcome(fmt::format("Topic '{}' already exists", create.name), 0);
  }
  return Fail(created.error());
}

}  // namespace kalam::sql
