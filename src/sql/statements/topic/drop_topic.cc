// DROP TOPIC [IF EXISTS] ns.topic: definition and groups at once, messages by a cleanup job.
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/topic/cleanup.h"
#include "topics/topics.h"

namespace kalam::sql {

Result<Outcome> RunDropTopic(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropTopic>(statement.body);
  const auto dropped = services.topics.Drop(drop.name, AuditOf(request, services, "DROP_TOPIC", drop.name));
  if (!dropped && drop.if_exists && dropped.error().code == ErrorCode::kNotFound) {
    return MessageOutcome(fmt::format("Topic '{}' does not exist (skipped)", drop.name), 0);
  }
  if (!dropped) return Fail(dropped.error());
  KALAM_ASSIGN(const std::string job, CleanUpTopic(**dropped, request, services));
  return MessageOutcome(
      fmt::format("Dropped topic '{}' and scheduled cleanup job [{}]", (*dropped)->name, job));
}

}  // namespace kalam::sql
