// Rights and schemas change while subscriptions run.
#include <fmt/format.h>

#include <utility>

#include "live/codes.h"
#include "live/hub_impl.h"

namespace kalam::live {

void Hub::Impl::CheckRights() {
  CheckCatalog();
  CheckUsers();
}

void Hub::Impl::CheckCatalog() {
  const uint64_t version = catalog_.version();
  if (version == seen_catalog_) return;
  seen_catalog_ = version;
  SeeCatalog();
}

void Hub::Impl::SeeCatalog() {
  const catalog::SnapshotPtr snapshot = catalog_.Snapshot();
  if (snapshot == seen_snapshot_) return;
  seen_snapshot_ = snapshot;
  std::vector<TableId> watched;
  for (const auto& [id, watch] : index_.tables()) watched.push_back(id);
  for (const TableId id : watched) {
    TableWatch* const watch = index_.Find(id);
    if (watch == nullptr) continue;
    const catalog::TablePtr fresh = snapshot->FindTable(watch->table->ns, watch->table->name);
    if (fresh == nullptr || fresh->id != id) {
      EndAll(id, codes::kTableDropped, fmt::format("Table '{}' was dropped", watch->table->full_name()));
    } else if (fresh != watch->table) {
      OnTableChanged(*watch, fresh);
    }
  }
}

void Hub::Impl::OnTableChanged(TableWatch& watch, const catalog::TablePtr& fresh) {
  const bool recompile = watch.table->schema().version != fresh->schema().version;
  const bool settled = watch.settled;
  watch.table = fresh;
  std::vector<std::pair<SubscriptionPtr, QueryPtr>> moved;
  for (const SubscriptionPtr& subscription : SubscriptionsOf(fresh->id)) {
    if (auto refusal = RefuseAccess(*subscription->connection->principal, *fresh)) {
      End(*subscription, refusal->code, refusal->message);
      continue;
    }
    if (!recompile) continue;
    auto query = queries_.Compile(subscription->sql, *subscription->connection->principal);
    if (query) {
      moved.emplace_back(subscription, std::move(*query));
    } else {
      End(*subscription, query.error().code,
          fmt::format("Table '{}' was altered, and the query no longer fits it: {}", fresh->full_name(),
                      query.error().message));
    }
  }
  // All out before the first one goes in again: groups of the old version must be gone. `watch` is too.
  for (const auto& [subscription, query] : moved) RemoveFromIndex(*subscription);
  for (auto& [subscription, query] : moved) {
    subscription->query = std::move(query);
    AddToIndex(*subscription, fresh);
    Index::WatchOf(*subscription).settled = settled;
  }
}

void Hub::Impl::CheckUsers() {
  const uint64_t version = users_.rights_version();
  if (version == seen_users_) return;
  seen_users_ = version;
  for (const auto& [key, connection] : connections_) CheckPrincipal(*connection);
}

void Hub::Impl::CheckPrincipal(Connection& connection) {
  const auth::UserPtr user = users_.Find(connection.principal->user_id);
  if (connection.closing) return;
  // Connections are of users that there were, so one that is missing was dropped and erased.
  const bool dropped = user == nullptr || user->deleted_at_ms.has_value();
  if (!dropped && user->role == connection.principal->role) return;
  connection.principal = std::make_shared<const Principal>(
      Principal{connection.principal->user_id, dropped ? Role::kAnonymous : user->role});
  std::vector<SubscriptionPtr> all;
  all.reserve(connection.subscriptions.size());
  for (const auto& [id, subscription] : connection.subscriptions) all.push_back(subscription);
  for (const SubscriptionPtr& subscription : all) {
    if (dropped) {
      End(*subscription, codes::kUnauthorized, "The user was dropped");
    } else if (subscription->group != nullptr) {
      if (auto refusal = RefuseAccess(*connection.principal, *Index::WatchOf(*subscription).table)) {
        End(*subscription, refusal->code, refusal->message);
      } else if (subscription->query->role) {
        // Rows enter and leave the result that did not change.
        End(*subscription, codes::kResyncRequired,
            "The condition of the subscription names CURRENT_ROLE(), which has changed. Subscribe again "
            "without 'from'");
      }
    }
  }
  if (!dropped) return;
  connection.closing = true;
  connection.outlet->Close(1008, "The user was dropped", Outlet::Rest::kSend);
}

void Hub::Impl::EndAll(TableId table, std::string_view code, std::string_view message) {
  for (const SubscriptionPtr& subscription : SubscriptionsOf(table)) End(*subscription, code, message);
}

}  // namespace kalam::live
