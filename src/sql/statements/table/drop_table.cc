// DROP TABLE [IF EXISTS]: the definition and all hot rows in one batch. Live queries of the table end with an
// error message, or stand in its way (`[live] refuse_drop_with_subscribers`).
#include <fmt/format.h>

#include <algorithm>

#include "hot/key_codec.h"
#include "jobs/list.h"
#include "sql/audit.h"
#include "sql/handlers.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "system/system_table.h"

namespace kalam::sql {
namespace {

constexpr int64_t kCountNanosMax = 1'000'000'000;

}  // namespace
namespace {

Status CheckSubscribers(const Services& services, std::string_view ns, std::string_view name) {
  if (!services.settings.live.refuse_drop_with_subscribers || services.live == nullptr) return {};
  const catalog::TablePtr table = services.catalog.Snapshot()->FindTable(ns, name);
  if (table == nullptr) return {};
  const int64_t subscriptions = services.live->CountOn(table->id);
  if (subscriptions == 0) return {};
  return Fail(Error(ErrorCode::kInvalidOperation,
                    fmt::format("Cannot drop table '{}': {} live {} it. End them (KILL LIVE QUERY) or set "
                                "live.refuse_drop_with_subscribers to false",
                                table->full_name(), subscriptions,
                                subscriptions == 1 ? "query reads" : "queries read"))
                  .With("table", table->full_name())
                  .With("subscriptions", subscriptions));
}

}  // namespace

Status AuthorizeDropTable(const Statement& statement, const Principal& caller, const Services&) {
  const auto& drop = std::get<DropTable>(statement.body);
  if (!caller.is_admin()) {
    return Fail(InsufficientRole("Insufficient privileges to drop this table", "DROP TABLE", caller));
  }
  if (system::IsSystemNamespace(drop.table.ns)) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop system table '{}.{}'. System tables are managed internally.",
                            drop.table.ns, drop.table.table));
  }
  return {};
}

Result<Outcome> RunDropTable(const Statement& statement, Request& request, Services& services) {
  const auto& drop = std::get<DropTable>(statement.body);
  const std::string ns = drop.table.ns.empty() ? request.name_space : drop.table.ns;
  // The drop removes hot rows in one stroke; the cleanup job reports how many there were. A large table is
  // not counted to its end.
  jobs::HotSize size;
  if (const auto table = services.catalog.Snapshot()->FindTable(ns, drop.table.table)) {
    const int64_t now = services.clock.MonotonicNanos();
    KALAM_ASSIGN(size, jobs::MeasureHot(services.store, services.clock, hot::SharedPrefix(table->id),
                                        std::min(now + kCountNanosMax, request.payload.deadline_nanos)));
  }
  KALAM_TRY(CheckSubscribers(services, ns, drop.table.table));
  const auto dropped = services.catalog.DropTable(
      ns, drop.table.table, AuditOf(request, services, "DROP_TABLE", ns + "." + drop.table.table));
  if (dropped) {
    services.jobs.CancelWaiting(ns, (*dropped)->name, jobs::JobType::kFlush, "DROP TABLE");
    services.jobs.CancelWaiting(ns, (*dropped)->name, jobs::JobType::kCompact, "DROP TABLE");
    KALAM_ASSIGN(const jobs::JobPtr job, services.jobs.Create(jobs::CleanupRequest(**dropped, size)));
    return MessageOutcome(
        fmt::format("Table {} dropped successfully. Cleanup job: {}", (*dropped)->full_name(), job->id));
  }
  if (drop.if_exists && dropped.error().code == ErrorCode::kNotFoundTable) {
    return MessageOutcome(fmt::format("Table {}.{} does not exist (skipped)", ns, drop.table.table), 0);
  }
  return Fail(dropped.error());
}

}  // namespace kalam::sql
