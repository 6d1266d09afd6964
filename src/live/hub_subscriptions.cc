// Connections and the life of subscriptions.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "live/codes.h"
#include "live/hub_impl.h"

namespace kalam::live {
namespace {

std::string LivePrefix(const Connection& connection) {
  return fmt::format("{}-{}-", connection.principal->user_id, connection.id);
}

}  // namespace

Connection* Hub::Impl::Find(ConnectionKey key) {
  const auto it = connections_.find(key);
  return it == connections_.end() ? nullptr : it->second.get();
}

void Hub::Impl::Connect(ConnectionKey key, std::string id, std::shared_ptr<const Principal> principal,
                        std::shared_ptr<Outlet> outlet) {
  auto connection = std::make_unique<Connection>();
  connection->key = key;
  connection->id = std::move(id);
  connection->principal = std::move(principal);
  connection->outlet = std::move(outlet);
  // What happened to the user while the token was checked.
  CheckPrincipal(*connection);
  connections_.emplace(key, std::move(connection));
  counters_.connections.store(connections_.size(), std::memory_order_relaxed);
}

void Hub::Impl::Disconnect(ConnectionKey key) {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return;
  auto& subscriptions = it->second->subscriptions;
  while (!subscriptions.empty()) Remove(*SubscriptionPtr(subscriptions.begin()->second));
  connections_.erase(it);
  counters_.connections.store(connections_.size(), std::memory_order_relaxed);
}

void Hub::Impl::SendError(Connection& connection, const wire::LiveIdPtr& id, std::string_view code,
                          std::string_view message) {
  counters_.errors.fetch_add(1, std::memory_order_relaxed);
  Send(connection, id, wire::LiveErrorBody(code, message));
}

void Hub::Impl::Remove(Subscription& subscription) {
  const SubscriptionPtr keep = subscription.connection->subscriptions.at(subscription.id->text);
  Connection& connection = *subscription.connection;
  subscription.ended->store(true, std::memory_order_relaxed);
  subscription.pending.clear();
  const TableId table = subscription.query != nullptr ? subscription.query->table->id : TableId();
  if (RemoveFromIndex(subscription)) watched_.Remove(table);
  connection.subscriptions.erase(subscription.id->text);
  if (subscription.state == SubscriptionState::kCompiling) std::erase(connection.uncompiled, keep);
  const auto count = per_user_.find(std::string_view(connection.principal->user_id));
  if (--count->second.subscriptions == 0) per_user_.erase(count);
  counters_.subscriptions.fetch_sub(1, std::memory_order_relaxed);
}

void Hub::Impl::End(Subscription& subscription, std::string_view code, std::string_view message) {
  if (subscription.ended->load(std::memory_order_relaxed)) return;
  Connection& connection = *subscription.connection;
  const wire::LiveIdPtr id = subscription.id;
  Remove(subscription);
  SendError(connection, id, code, message);
}

bool Hub::Impl::CheckLimits(Connection& connection, const wire::LiveIdPtr& id) {
  if (connection.subscriptions.size() >= options_.subscriptions_per_connection_max) {
    SendError(connection, id, codes::kUnsupported,
              fmt::format("Maximum subscriptions ({}) per connection exceeded",
                          options_.subscriptions_per_connection_max));
    return false;
  }
  const auto count = per_user_.find(std::string_view(connection.principal->user_id));
  if (count != per_user_.end() && count->second.subscriptions >= options_.subscriptions_per_user_max) {
    SendError(connection, id, codes::kSubscriptionLimit, "Maximum subscriptions reached");
    return false;
  }
  return true;
}

void Hub::Impl::Subscribe(ConnectionKey key, wire::LiveSubscribe request) {
  CheckRights();
  Connection* const connection = Find(key);
  if (connection == nullptr || connection->closing) return;
  const auto id = std::make_shared<const wire::LiveId>(request.id);
  if (const auto same = connection->subscriptions.find(request.id); same != connection->subscriptions.end()) {
    Remove(*SubscriptionPtr(same->second));
  }
  if (!CheckLimits(*connection, id)) return;
  // Before it waits with others to be compiled.
  if (const auto refusal = Queries::RefuseLength(request.sql)) {
    return SendError(*connection, id, refusal->code, refusal->message);
  }
  auto subscription = std::make_shared<Subscription>();
  subscription->connection = connection;
  subscription->id = id;
  subscription->sql = std::move(request.sql);
  subscription->options = request.options;
  subscription->created_at_micros = subscription->last_update_micros = clock_.WallMicros();
  connection->subscriptions.emplace(request.id, subscription);
  ++per_user_[connection->principal->user_id].subscriptions;
  counters_.subscriptions.fetch_add(1, std::memory_order_relaxed);
  connection->uncompiled.push_back(std::move(subscription));
  CompileNext(*connection);
}

void Hub::Impl::CompileNext(Connection& connection) {
  auto& waiting = connection.uncompiled;
  while (!waiting.empty() && waiting.front()->ended->load(std::memory_order_relaxed)) waiting.pop_front();
  if (connection.compiling || waiting.empty()) return;
  connection.compiling = true;
  const SubscriptionPtr subscription = std::move(waiting.front());
  waiting.pop_front();
  readers_.Post([this, key = connection.key, subscription, principal = connection.principal] {
    auto compiled = queries_.Compile(subscription->sql, *principal);
    Post([this, key, subscription, compiled = std::move(compiled)]() mutable {
      OnCompiled(key, subscription, std::move(compiled));
    });
    return false;
  });
}

void Hub::Impl::OnCompiled(ConnectionKey key, const SubscriptionPtr& subscription,
                           OrRefusal<QueryPtr> compiled) {
  CheckRights();
  if (Connection* const connection = Find(key)) {
    connection->compiling = false;
    CompileNext(*connection);
  }
  if (subscription->ended->load(std::memory_order_relaxed)) return;
  // Compiled again when the table or the caller's role has changed since. The index must be of that version.
  catalog::TablePtr fresh;
  do {
    SeeCatalog();
    if (!compiled) break;
    const catalog::Table& table = *(*compiled)->table;
    const Role role = subscription->connection->principal->role;
    fresh = catalog_.Snapshot()->FindTable(table.ns, table.name);
    if (fresh == nullptr || fresh->id != table.id || fresh->schema().version != table.schema().version ||
        (*compiled)->role.value_or(role) != role ||
        RefuseAccess(*subscription->connection->principal, *fresh)) {
      compiled = queries_.Compile(subscription->sql, *subscription->connection->principal);
      if (compiled) fresh = (*compiled)->table;
    }
  } while (catalog_.Snapshot() != seen_snapshot_);
  if (!compiled) return End(*subscription, compiled.error().code, compiled.error().message);
  subscription->query = std::move(*compiled);
  AddToIndex(*subscription, fresh);
  watched_.Add(subscription->query->table->id);
  subscription->state = SubscriptionState::kLoading;
  subscription->page_wanted = true;
  const auto& options = subscription->options;
  const uint64_t rows = options && options->batch_size ? *options->batch_size : options_.page_rows;
  subscription->page_rows = static_cast<uint32_t>(std::clamp<uint64_t>(rows, 1, options_.page_rows_max));
  if (options && options->from) subscription->page_cursor = Seq(std::max<int64_t>(0, *options->from));
  Pump(*Find(key));
}

void Hub::Impl::Unsubscribe(ConnectionKey key, std::string_view id) {
  Connection* const connection = Find(key);
  if (connection == nullptr) return;
  auto found = connection->subscriptions.find(std::string(id));
  if (found == connection->subscriptions.end()) {
    const std::string prefix = LivePrefix(*connection);
    if (!id.starts_with(prefix)) return;
    found = connection->subscriptions.find(std::string(id.substr(prefix.size())));
    if (found == connection->subscriptions.end()) return;
  }
  Remove(*SubscriptionPtr(found->second));
}

std::vector<SubscriptionPtr> Hub::Impl::SubscriptionsOf(TableId table) const {
  std::vector<SubscriptionPtr> out;
  for (const auto& [key, connection] : connections_) {
    for (const auto& [id, subscription] : connection->subscriptions) {
      if (subscription->group != nullptr && subscription->query->table->id == table) {
        out.push_back(subscription);
      }
    }
  }
  return out;
}

std::vector<LiveRow> Hub::Impl::List() const {
  std::vector<LiveRow> out;
  for (const auto& [key, connection] : connections_) {
    const std::string prefix = LivePrefix(*connection);
    for (const auto& [id, subscription] : connection->subscriptions) {
      if (subscription->group == nullptr) continue;
      LiveRow& row = out.emplace_back();
      row.live_id = prefix + id;
      row.connection_id = connection->id;
      row.subscription_id = id;
      row.ns = subscription->query->table->ns;
      row.table = subscription->query->table->name;
      row.user_id = connection->principal->user_id;
      row.query = subscription->sql;
      if (subscription->options) row.options_json = wire::LiveOptionsJson(*subscription->options);
      row.created_at_micros = subscription->created_at_micros;
      row.last_update_micros = subscription->last_update_micros;
      row.changes = subscription->changes;
      row.last_ping_at_micros = connection->outlet->last_active_micros();
    }
  }
  return out;
}

SubscriptionPtr Hub::Impl::FindLive(std::string_view live_id) const {
  for (const auto& [key, connection] : connections_) {
    const std::string prefix = LivePrefix(*connection);
    if (!live_id.starts_with(prefix)) continue;
    const auto found = connection->subscriptions.find(std::string(live_id.substr(prefix.size())));
    if (found != connection->subscriptions.end() && found->second->group != nullptr) return found->second;
  }
  return nullptr;
}

}  // namespace kalam::live
