// KILL LIVE QUERY id: by an administrator, or by the user that subscribed.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

std::unexpected<Error> Refuse(const Principal& caller) {
  return Fail(InsufficientRole("KILL LIVE QUERY requires DBA or System role for another user's subscription",
                               "KILL LIVE QUERY", caller));
}

// The id begins with the owner's; the subscription itself says who that is.
bool MayBeOwn(std::string_view live_id, std::string_view user_id) {
  return live_id.starts_with(user_id) && live_id.substr(user_id.size()).starts_with('-');
}

}  // namespace

Status AuthorizeKillLiveQuery(const Statement& statement, const Principal& caller, const Services&) {
  const auto& kill = std::get<KillLiveQuery>(statement.body);
  if (caller.is_admin() || MayBeOwn(kill.live_id, caller.user_id)) return {};
  return Refuse(caller);
}

Result<Outcome> RunKillLiveQuery(const Statement& statement, Request& request, Services& services) {
  const auto& kill = std::get<KillLiveQuery>(statement.body);
  const Principal& caller = *request.principal;
  const std::optional<std::string> owner =
      services.live != nullptr ? services.live->OwnerOf(kill.live_id) : std::nullopt;
  if (!caller.is_admin()) {
    // Whether another user's subscription exists is not for the caller to know.
    const bool own = owner ? *owner == caller.user_id : MayBeOwn(kill.live_id, caller.user_id);
    if (!own) return Refuse(caller);
  }
  if (!owner || !services.live->Kill(kill.live_id)) {
    return Fail(Error(ErrorCode::kNotFound, fmt::format("Not found: Live query '{}' not found", kill.live_id))
                    .With("live_id", kill.live_id)
                    .With("operation", std::string("KILL LIVE QUERY")));
  }
  hot::Batch audit;
  audit.meta = AuditOf(request, services, "KILL_LIVE_QUERY", kill.live_id);
  if (!audit.meta.empty()) KALAM_TRY(services.store.Commit(std::move(audit)).status);
  return MessageOutcome(fmt::format("Live query killed: {}", kill.live_id));
}

}  // namespace kalam::sql
