// DROP NAMESPACE [IF EXISTS] name [CASCADE]: refuses a namespace that holds tables or topics unless CASCADE.
#include <fmt/format.h>

#include "jobs/list.h"
#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/topic/cleanup.h"
#include "topics/topics.h"

namespace kalam::sql {

Result<Outcome> RunDropNamespace(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropNamespace>(statement.body);
  if (drop.name == "default" || drop.name == "system" || drop.name == "dba") {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: Namespace '{}' is part of the server and cannot be dropped",
                            drop.name));
  }
  const auto topics = services.topics.ListIn(drop.name);
  if (!topics.empty() && !drop.cascade) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("Cannot drop namespace '{}': namespace contains {} topic(s). Drop all topics first.",
                    drop.name, topics.size()));
  }
  const auto dropped = services.catalog.DropNamespace(
      drop.name, drop.cascade,
      AuditOf(request, services, "DROP_NAMESPACE", drop.name,
              drop.cascade ? std::optional<std::string>("CASCADE") : std::nullopt));
  if (dropped) {
    for (const topics::TopicPtr& topic : topics) {
      KALAM_TRY(services.topics.Drop(topic->name));
      KALAM_TRY(CleanUpTopic(*topic, request, services));
    }
    for (const catalog::TablePtr& table : *dropped) {
      KALAM_TRY(services.jobs.Create(jobs::CleanupRequest(*table, {})));
    }
    return MessageOutcome(fmt::format("Namespace '{}' dropped successfully", drop.name));
  }
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundNamespace) {
    return MessageOutcome(fmt::format("Namespace '{}' does not exist", drop.name), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
