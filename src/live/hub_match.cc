// Committed changes to those that they concern.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hot/key_codec.h"
#include "live/codes.h"
#include "live/hub_impl.h"
#include "live/version_scan.h"
#include "observe/log.h"

namespace kalam::live {

void Hub::Impl::OnGroup(const hot::CommittedGroup& group) {
  // Rows that are newer than a change of schemas or rights come after it.
  CheckRights();
  now_micros_ = clock_.WallMicros();
  for (const hot::CommittedBatch& batch : group.batches) {
    for (const hot::Change& change : batch.changes) {
      if (TableWatch* const watch = index_.Find(change.table)) MatchChange(*watch, change);
      // Ends remove groups of the index, so they wait until nothing loops over it.
      for (Doomed& doomed : std::exchange(doomed_, {})) {
        End(*doomed.subscription, doomed.code, doomed.message);
      }
    }
    for (const TableId table : batch.dropped_tables) {
      if (const TableWatch* const watch = index_.Find(table)) {
        EndAll(table, codes::kTableDropped, fmt::format("Table '{}' was dropped", watch->table->full_name()));
      }
    }
  }
  handled_ = group.last_seq;
}

void Hub::Impl::OnLost() {
  for (const auto& [key, connection] : connections_) {
    for (const auto& [id, subscription] : connection->subscriptions) {
      switch (subscription->state) {
        case SubscriptionState::kLive:
          FallBehind(*subscription, std::max(handled_, subscription->cursor));
          break;
        case SubscriptionState::kLoading:
        case SubscriptionState::kCatchingUp:
          subscription->pending = {};
          subscription->pending_bytes = 0;
          subscription->pending_lost = true;
          break;
        default:
          break;
      }
    }
    Pump(*connection);
  }
}

void Hub::Impl::MatchChange(TableWatch& watch, const hot::Change& change) {
  const auto scope = watch.scopes.find(std::string_view(change.key).substr(0, change.prefix_size));
  if (scope == watch.scopes.end()) return;
  counters_.changes_matched.fetch_add(1, std::memory_order_relaxed);
  std::optional<hot::RowView> before;
  std::optional<hot::RowView> after;
  const auto open = [&](std::string_view bytes, std::optional<hot::RowView>& out) {
    auto row = watch.table->codec->Open(bytes);
    if (row) {
      out = *row;
    } else {
      observe::LogError("live change of '{}': {}", watch.table->full_name(), row.error().message);
    }
    return row.has_value();
  };
  if (change.before && !open(*change.before, before)) return OnLost();
  if (!change.after.empty() && !hot::RowDeleted(change.after) && !open(change.after, after)) return OnLost();
  // Rows of a stream that are past their time end silently.
  if (!after && before && before->seq() < ExpiredBelow(*watch.table, now_micros_)) return;
  index_.Candidates(*scope->second, before ? &*before : nullptr, after ? &*after : nullptr, candidates_);
  encoded_.clear();
  for (FilterGroup* const group : candidates_) {
    if (group->deferred) {
      Defer(*group, change.seq);
    } else {
      Judge(*group, change, before ? &*before : nullptr, after ? &*after : nullptr);
    }
  }
}

void Hub::Impl::Judge(FilterGroup& group, const hot::Change& change, const hot::RowView* before,
                      const hot::RowView* after) {
  std::array<hot::RowView, 2> rows;
  size_t count = 0;
  if (before != nullptr) rows[count++] = *before;
  if (after != nullptr) rows[count++] = *after;
  std::array<bool, 2> matches = {true, true};
  if (!group.filter->matches_all()) {
    const TableSchema& schema = group.parent->parent->table->schema();
    const Status judged = group.filter->Match(std::span(rows).first(count), schema, now_micros_, matches_);
    if (!judged) {
      // SELECT would answer with this error, so there is no result to keep up any more.
      for (const auto& projection : group.projections) {
        for (const auto& subscribers : projection->subscribers) {
          for (const Subscription* const subscription : subscribers) {
            doomed_.push_back({subscription->connection->subscriptions.at(subscription->id->text),
                               codes::kFailed,
                               fmt::format("The condition of the subscription fails for a changed row: {}",
                                           judged.error().message)});
          }
        }
      }
      return;
    }
    for (size_t i = 0; i < count; ++i) matches[i] = matches_[i] != 0;
  }
  const bool was = before != nullptr && matches[0];
  const bool is = after != nullptr && matches[count - 1];
  if (is) {
    Deliver(group, before != nullptr ? Shape::kUpdate : Shape::kInsert, change, before, after);
  } else if (was) {
    Deliver(group, Shape::kDelete, change, before, after);
  }
}

Result<wire::LiveBodyPtr> Hub::Impl::Encode(const ProjectionGroup& group, wire::LiveEncoding encoding,
                                            Shape shape, const hot::Change& change,
                                            const hot::RowView* before, const hot::RowView* after) {
  const Projection& projection = *group.projection;
  for (const Encoded& known : encoded_) {
    if (known.encoding != encoding || known.shape != shape) continue;
    if (known.projection == &projection || known.projection->key() == projection.key()) return known.body;
  }
  const auto encode = [&]() -> Result<wire::LiveBodyPtr> {
    switch (shape) {
      case Shape::kInsert:
        return projection.Insert(encoding, *after);
      case Shape::kUpdate:
        return projection.Update(encoding, *before, *after);
      case Shape::kDelete:
        break;
    }
    const TableWatch& watch = *group.parent->parent->parent;
    if (watch.table->type != TableType::kStream) return projection.Delete(encoding, *before, change.seq);
    KALAM_ASSIGN(const std::string user, hot::DecodeScope(change.key));
    return projection.DeleteStream(encoding, *before, before->seq(), user);
  };
  KALAM_ASSIGN(wire::LiveBodyPtr body, encode());
  encoded_.push_back({&projection, encoding, shape, body});
  return body;
}

void Hub::Impl::Deliver(FilterGroup& group, Shape shape, const hot::Change& change,
                        const hot::RowView* before, const hot::RowView* after) {
  for (const auto& projection : group.projections) {
    for (size_t i = 0; i < projection->subscribers.size(); ++i) {
      const auto& subscribers = projection->subscribers[i];
      if (subscribers.empty()) continue;
      const auto body = Encode(*projection, static_cast<wire::LiveEncoding>(i), shape, change, before, after);
      for (Subscription* const subscription : subscribers) {
        if (body) {
          DeliverTo(*subscription, change.seq, *body);
        } else {
          doomed_.push_back({subscription->connection->subscriptions.at(subscription->id->text),
                             codes::kConversion, body.error().message});
        }
      }
    }
  }
}

void Hub::Impl::DeliverTo(Subscription& subscription, Seq seq, const wire::LiveBodyPtr& body) {
  switch (subscription.state) {
    case SubscriptionState::kLive:
      if (seq <= subscription.cursor) return;  // the snapshot had it
      if (subscription.connection->full) {
        FallBehind(subscription, Seq(seq.value - 1));
      } else {
        SendChange(subscription, seq, body);
      }
      return;
    case SubscriptionState::kLoading:
    case SubscriptionState::kCatchingUp:
      if (subscription.pending_lost) return;
      subscription.pending_bytes += body->size(subscription.id->text.size()) + sizeof(PendingChange);
      if (subscription.pending_bytes > options_.paused_bytes_max) {
        subscription.pending = {};
        subscription.pending_bytes = 0;
        subscription.pending_lost = true;
      } else {
        subscription.pending.push_back({seq, body});
      }
      return;
    case SubscriptionState::kBehind:
    case SubscriptionState::kCompiling:
      return;
  }
}

void Hub::Impl::Send(Connection& connection, const wire::LiveIdPtr& id, const wire::LiveBodyPtr& body) {
  const size_t waiting = connection.outlet->Send(body, id);
  if (waiting <= connection.outlet->bytes_max() || connection.full) return;
  connection.full = true;
  connection.full_since_nanos = clock_.MonotonicNanos();
  if (!std::exchange(connection.full_check, true)) {
    full_checks_.emplace(connection.full_since_nanos + options_.lag_micros_max * 1000, connection.key);
  }
  counters_.lagging.fetch_add(1, std::memory_order_relaxed);
  connection.outlet->WantDrained();
}

void Hub::Impl::NoteQueued(Connection& connection, Seq before) {
  // What is caught up, and pages, may come behind a newer change of another subscription.
  const bool empty = connection.outlet->waiting_bytes() == 0;
  connection.flushed = empty ? before : std::min(connection.flushed, before);
}

void Hub::Impl::SendChange(Subscription& subscription, Seq seq, const wire::LiveBodyPtr& body) {
  Connection& connection = *subscription.connection;
  NoteQueued(connection, Seq(seq.value - 1));
  Send(connection, subscription.id, body);
  counters_.deliveries.fetch_add(1, std::memory_order_relaxed);
  subscription.cursor = seq;
  ++subscription.changes;
  subscription.last_update_micros = now_micros_;
}

void Hub::Impl::CloseThoseFullTooLong(int64_t now_nanos) {
  while (!full_checks_.empty() && full_checks_.begin()->first <= now_nanos) {
    const ConnectionKey key = full_checks_.begin()->second;
    full_checks_.erase(full_checks_.begin());
    Connection* const connection = Find(key);
    if (connection == nullptr) continue;
    connection->full_check = false;
    if (!connection->full) continue;
    // It may have drained and filled again meanwhile.
    const int64_t at_nanos = connection->full_since_nanos + options_.lag_micros_max * 1000;
    if (at_nanos <= now_nanos) {
      CloseSlow(*connection);
    } else {
      connection->full_check = true;
      full_checks_.emplace(at_nanos, key);
    }
  }
}

void Hub::Impl::CloseSlow(Connection& connection) {
  // What waits is dropped, so the cursor is one that the client has surely got to.
  Seq cursor = connection.flushed;
  for (const auto& [id, subscription] : connection.subscriptions) {
    switch (subscription->state) {
      case SubscriptionState::kBehind:
      case SubscriptionState::kCatchingUp:
        cursor = std::min(cursor, subscription->cursor);
        break;
      case SubscriptionState::kLoading:
        if (subscription->options) cursor = std::min(cursor, subscription->page_cursor);
        break;
      case SubscriptionState::kLive:
      case SubscriptionState::kCompiling:
        break;
    }
  }
  counters_.closed_slow.fetch_add(1, std::memory_order_relaxed);
  while (!connection.subscriptions.empty()) {
    Remove(*SubscriptionPtr(connection.subscriptions.begin()->second));
  }
  connection.closing = true;
  connection.full = false;
  connection.outlet->Close(
      1013, fmt::format("Too slow: resume from the last _seq received, at least {}", cursor.value),
      Outlet::Rest::kDrop);
}

}  // namespace kalam::live
