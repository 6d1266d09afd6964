// ALTER TOPIC t ADD SOURCE [ns.]table ON op [WHERE condition] [WITH (payload = 'key'|'full'|'diff')]
// ALTER TOPIC t SET (retention_seconds = n, retention_max_bytes = n)
#include <fmt/format.h>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "topics/topics.h"

namespace kalam::sql {

Result<Outcome> RunAlterTopic(const Statement& statement, Request& request, Services& services) {
  const auto& alter = std::get<AlterTopic>(statement.body);
  if (!alter.source) {
    KALAM_ASSIGN(
        const auto topic,
        services.topics.SetRetention(alter.name, alter.retention.seconds, alter.retention.bytes_max,
                                     AuditOf(request, services, "ALTER_TOPIC", alter.name, "SET retention")));
    return MessageOutcome(fmt::format("Topic '{}' altered: retention {} seconds, {} bytes", topic->name,
                                      topic->retention.seconds, topic->retention.bytes_max));
  }
  topics::Route route = *alter.source;
  if (!route.filter.empty()) route.filter_user = request.principal->user_id;
  const std::string details =
      fmt::format("ADD SOURCE {}.{} ON {}", route.ns, route.table, topics::OperationTitle(route.operation));
  KALAM_ASSIGN(const auto topic,
               services.topics.AddSource(alter.name, route,
                                         AuditOf(request, services, "ALTER_TOPIC", alter.name, details)));
  return MessageOutcome(fmt::format("Added source {}.{} ON {} to topic '{}'", route.ns, route.table,
                                    topics::OperationTitle(route.operation), topic->name));
}

}  // namespace kalam::sql
