// Pages of a subscription's rows, and catching up from the store.
#include <fmt/format.h>

#include <utility>

#include "live/codes.h"
#include "live/hub_impl.h"

namespace kalam::live {
namespace {

// Reads of one connection at once: what they bring waits in its outlet.
constexpr size_t kReadsPerConnection = 2;
constexpr uint32_t kCatchUpRows = 500;
constexpr size_t kCatchUpBytes = 256u << 10;

}  // namespace

void Hub::Impl::Pump(Connection& connection) {
  if (connection.full || connection.closing) return;
  for (const auto& [id, subscription] : connection.subscriptions) {
    if (subscription->reading) continue;
    const bool behind = subscription->state == SubscriptionState::kBehind;
    if (behind && subscription->deferred) {
      WaitForTurn(subscription);
      continue;
    }
    const bool page = subscription->state == SubscriptionState::kLoading && subscription->page_wanted;
    const bool room = connection.reads < kReadsPerConnection;
    if (room && (page || behind)) StartRead(connection, subscription);
  }
}

ReadRequest Hub::Impl::RequestFor(const Connection& connection, Subscription& subscription) const {
  ReadRequest request;
  request.query = subscription.query;
  request.user_id = connection.principal->user_id;
  request.encoding = connection.outlet->encoding();
  request.cancelled = subscription.ended;
  request.wait_for_commits = !Index::WatchOf(subscription).settled;
  if (subscription.state == SubscriptionState::kBehind) {
    request.kind = ReadKind::kChanges;
    request.after = subscription.cursor;
    request.rows_max = kCatchUpRows;
    request.bytes_max = kCatchUpBytes;
    return request;
  }
  const bool first = subscription.next_batch_num == 0;
  request.with_ack = first;
  if (!subscription.options) return request;
  const bool resume = subscription.options->from.has_value();
  request.kind = resume ? ReadKind::kResume : ReadKind::kPage;
  request.after = subscription.page_cursor;
  request.rows_max = subscription.page_rows;
  request.bytes_max = options_.page_bytes_max;
  request.batch_num = subscription.next_batch_num;
  request.preload = subscription.preload;
  if (first && !resume) request.last_rows = subscription.options->last_rows;
  // A page of a resume goes up to its own snapshot: a row may have left the result below the boundary and
  // changed again since, which no later change tells.
  if (!first && !resume) request.up_to = subscription.boundary;
  return request;
}

void Hub::Impl::StartRead(Connection& connection, const SubscriptionPtr& subscription,
                          std::optional<std::string> turn_of) {
  ReadRequest request = RequestFor(connection, *subscription);
  const ReadKind kind = request.kind;
  const bool waits = request.wait_for_commits;
  const QueryPtr query = request.query;
  if (subscription->state == SubscriptionState::kBehind) {
    subscription->state = SubscriptionState::kCatchingUp;
    subscription->pending.clear();
    subscription->pending_bytes = 0;
    subscription->pending_lost = false;
    if (!subscription->deferred) counters_.resyncs.fetch_add(1, std::memory_order_relaxed);
  }
  subscription->page_wanted = false;
  subscription->reading = true;
  ++connection.reads;
  readers_.Post([this, key = connection.key, subscription, query, kind, waits, turn_of = std::move(turn_of),
                 began_nanos = clock_.MonotonicNanos(), read = reader_.Start(std::move(request))]() mutable {
    auto result = read->Turn();
    if (!result) return true;
    Post([this, key, subscription, query, kind, waits, turn_of = std::move(turn_of), began_nanos,
          result = std::move(*result)]() mutable {
      OnRead(key, subscription, query, kind, waits, result);
      if (turn_of) EndTurn(*turn_of, began_nanos);
    });
    return false;
  });
}

void Hub::Impl::OnRead(ConnectionKey key, const SubscriptionPtr& subscription, const QueryPtr& query,
                       ReadKind kind, bool waited, const OrRefusal<ReadResult>& result) {
  CheckRights();  // what was read is not for those who lost their access meanwhile
  Connection* const connection = Find(key);
  if (connection == nullptr) return;
  --connection->reads;
  if (!subscription->ended->load(std::memory_order_relaxed)) {
    subscription->reading = false;
    if (waited) Index::WatchOf(*subscription).settled = true;
    if (subscription->query != query) {
      // The table was altered meanwhile: what was read has the old columns, or met rows that have new ones.
      if (kind == ReadKind::kChanges) {
        FallBehind(*subscription, subscription->cursor);
      } else {
        subscription->page_wanted = true;
      }
    } else if (!result) {
      End(*subscription, result.error().code, result.error().message);
    } else if (kind == ReadKind::kChanges) {
      OnChanges(*subscription, *result);
    } else {
      OnPage(*subscription, *result);
    }
  }
  Pump(*connection);
}

void Hub::Impl::OnPage(Subscription& subscription, const ReadResult& result) {
  Connection& connection = *subscription.connection;
  if (result.page != nullptr) NoteQueued(connection, subscription.page_cursor);
  if (result.ack != nullptr) {
    subscription.boundary = result.snapshot;
    Send(connection, subscription.id, result.ack);
  }
  if (result.page == nullptr) return GoLive(subscription, result.snapshot);
  Send(connection, subscription.id, result.page);
  ++subscription.next_batch_num;
  subscription.preload = result.preloaded;
  subscription.page_cursor = result.cursor;
  if (result.more) {
    pushes_.push_back({clock_.MonotonicNanos() + options_.push_after_micros * 1000, connection.key,
                       connection.subscriptions.at(subscription.id->text), subscription.next_batch_num});
  } else if (result.cut) {
    FallBehind(subscription, result.cursor);
  } else {
    const bool resumed = subscription.options && subscription.options->from;
    GoLive(subscription, resumed ? result.snapshot : subscription.boundary);
  }
}

void Hub::Impl::OnChanges(Subscription& subscription, const ReadResult& result) {
  Connection& connection = *subscription.connection;
  for (const PendingChange& change : result.changes) {
    if (connection.full) return FallBehind(subscription, Seq(change.seq.value - 1));
    SendChange(subscription, change.seq, change.body);
  }
  if (result.more) return FallBehind(subscription, result.cursor);
  GoLive(subscription, result.snapshot);
}

void Hub::Impl::GoLive(Subscription& subscription, Seq seq) {
  if (subscription.pending_lost) return FallBehind(subscription, seq);
  subscription.cursor = seq;
  subscription.state = SubscriptionState::kLive;
  std::vector<PendingChange> pending = std::move(subscription.pending);
  subscription.pending = {};
  subscription.pending_bytes = 0;
  for (const PendingChange& change : pending) {
    DeliverTo(subscription, change.seq, change.body);
    if (subscription.state != SubscriptionState::kLive) return;
  }
}

void Hub::Impl::FallBehind(Subscription& subscription, Seq cursor) {
  subscription.state = SubscriptionState::kBehind;
  subscription.cursor = cursor;
  subscription.pending = {};
  subscription.pending_bytes = 0;
  subscription.pending_lost = false;
}

void Hub::Impl::OnDrained(ConnectionKey key) {
  Connection* const connection = Find(key);
  if (connection == nullptr || !connection->full) return;
  connection->full = false;
  Pump(*connection);
}

void Hub::Impl::NextBatch(ConnectionKey key, const wire::LiveNextBatch& request) {
  Connection* const connection = Find(key);
  if (connection == nullptr || connection->closing) return;
  const auto found = connection->subscriptions.find(request.subscription_id);
  if (found == connection->subscriptions.end()) {
    return SendError(*connection, std::make_shared<const wire::LiveId>(request.subscription_id),
                     codes::kBatchFetch,
                     fmt::format("Not found: Subscription not found: {}", request.subscription_id));
  }
  Subscription& subscription = *found->second;
  if (!subscription.options) {
    return SendError(
        *connection, subscription.id, codes::kBatchFetch,
        fmt::format("Invalid operation: Subscription {} was created without initial data loading",
                    request.subscription_id));
  }
  // A page that was pushed already, or that is being read.
  if (subscription.next_batch_num == 0 || subscription.reading) return;
  if (request.last_seq_id && *request.last_seq_id < subscription.page_cursor.value) {
    const bool loading = subscription.state == SubscriptionState::kLoading;
    if (loading || subscription.next_batch_num > 1) return;
  }
  if (subscription.state != SubscriptionState::kLoading) return SendEmptyPage(subscription);
  subscription.page_wanted = true;
  Pump(*connection);
}

// To a client that asks for more than there was.
void Hub::Impl::SendEmptyPage(Subscription& subscription) {
  Connection& connection = *subscription.connection;
  Send(connection, subscription.id,
       wire::DataBatchBody({subscription.next_batch_num++, false, std::nullopt},
                           wire::LiveRows(connection.outlet->encoding())));
}

void Hub::Impl::PushPages(int64_t now_nanos) {
  while (!pushes_.empty() && pushes_.front().at_nanos <= now_nanos) {
    Push push = std::move(pushes_.front());
    pushes_.pop_front();
    const SubscriptionPtr subscription = push.subscription.lock();
    Connection* const connection = Find(push.connection);
    if (connection == nullptr || subscription == nullptr || subscription->ended->load()) continue;
    if (subscription->state != SubscriptionState::kLoading || subscription->reading ||
        subscription->page_wanted || subscription->next_batch_num != push.batch_num) {
      continue;
    }
    if (connection->outlet->waiting_bytes() > connection->outlet->bytes_max() / 2) {
      push.at_nanos = now_nanos + options_.push_after_micros * 1000;
      pushes_.push_back(std::move(push));
      continue;
    }
    subscription->page_wanted = true;
    Pump(*connection);
  }
}

}  // namespace kalam::live
