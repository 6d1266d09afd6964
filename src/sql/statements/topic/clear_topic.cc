// CLEAR TOPIC ns.topic: messages and groups are out of reach at once, the disk space is given back by a job.
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/topic/cleanup.h"
#include "topics/topics.h"

namespace kalam::sql {

Result<Outcome> RunClearTopic(const Statement& statement, Request& request, Services& services) {
  const auto& clear = std::get<ClearTopic>(statement.body);
  KALAM_ASSIGN(const auto topic,
               services.topics.Clear(clear.name, AuditOf(request, services, "CLEAR_TOPIC", clear.name)));
  KALAM_ASSIGN(const std::string job, CleanUpTopic(*topic, request, services));
  return MessageOutcome(fmt::format("Scheduled cleanup job [{}] for topic '{}'", job, topic->name));
}

}  // namespace kalam::sql
