#include "live/hub.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "live/codes.h"
#include "live/hub_impl.h"

namespace kalam::live {
namespace {

size_t BytesOf(const hot::CommittedGroup& group) {
  size_t bytes = sizeof group;
  for (const hot::CommittedBatch& batch : group.batches) {
    for (const hot::Change& change : batch.changes) {
      bytes += sizeof change + change.key.size() + change.after.size();
      if (change.before) bytes += change.before->size();
    }
  }
  return bytes;
}

}  // namespace

Hub::Impl::Impl(hot::Store& store, catalog::Catalog& catalog, auth::Users& users,
                const engine::Engine& engine, cold::ColdTier* cold, const Clock& clock, HubOptions options)
    : store_(store),
      catalog_(catalog),
      users_(users),
      clock_(clock),
      options_(options),
      queries_(catalog, engine),
      reader_(store, engine, cold, clock),
      handled_(store.last_seq()),
      readers_(options.readers) {}

void Hub::Impl::Start() {
  thread_ = std::thread([this] { Work(); });
  pthread_setname_np(thread_.native_handle(), "live");
  catalog_changes_ = catalog_.changes().Add([this] { OnRightsChanged(); });
  rights_changes_ = users_.rights_changes().Add([this] { OnRightsChanged(); });
}

void Hub::Impl::Stop() {
  readers_.Stop();
  std::deque<Event> dropped;
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Hub::Impl::Post(Call call) {
  bool wake = false;
  {
    std::lock_guard lock(mu_);
    if (stopping_) return false;
    queue_.push_back({.call = std::move(call)});
    wake = std::exchange(sleeping_, false);
  }
  if (wake) wake_.notify_one();
  return true;
}

void Hub::Impl::OnCommitted(std::shared_ptr<const hot::CommittedGroup> group) {
  const size_t bytes = BytesOf(*group);
  const int64_t now = clock_.MonotonicNanos();
  bool wake = false;
  {
    std::lock_guard lock(mu_);
    if (stopping_) return;
    if (queued_bytes_ + bytes > options_.queue_bytes_max && !queue_.empty()) {
      // The store has them: subscribers are caught up from there.
      if (!queue_.back().lost) queue_.push_back({.lost = true, .at_nanos = now});
    } else {
      queued_bytes_ += bytes;
      queue_.push_back({.group = std::move(group), .at_nanos = now, .bytes = bytes});
    }
    wake = std::exchange(sleeping_, false);
  }
  if (wake) wake_.notify_one();
}

void Hub::Impl::OnRightsChanged() {
  bool wake = false;
  {
    std::lock_guard lock(mu_);
    check_rights_ = true;
    wake = std::exchange(sleeping_, false);
  }
  if (wake) wake_.notify_one();
}

void Hub::Impl::Work() {
  std::deque<Event> taken;
  for (;;) {
    bool check_rights = false;
    {
      std::unique_lock lock(mu_);
      while (queue_.empty() && !check_rights_ && !stopping_) {
        const int64_t deadline = NextDeadline();
        const int64_t now = clock_.MonotonicNanos();
        if (deadline <= now) break;
        sleeping_ = true;
        if (deadline == INT64_MAX) {
          wake_.wait(lock);
        } else if (wake_.wait_for(lock, std::chrono::nanoseconds(deadline - now)) ==
                   std::cv_status::timeout) {
          break;
        }
      }
      sleeping_ = false;
      if (stopping_) return;
      check_rights = std::exchange(check_rights_, false);
      taken.swap(queue_);
    }
    counters_.turns.fetch_add(1, std::memory_order_relaxed);
    if (check_rights) CheckRights();
    size_t done = 0;
    for (Event& event : taken) {
      if (event.group != nullptr) {
        OnGroup(*event.group);
        counters_.lag_micros.store((clock_.MonotonicNanos() - event.at_nanos) / 1000,
                                   std::memory_order_relaxed);
        done += event.bytes;
      } else if (event.lost) {
        OnLost();
      } else {
        event.call();
      }
    }
    taken.clear();
    if (done > 0) {
      std::lock_guard lock(mu_);
      queued_bytes_ -= done;
    }
    RunTimers(clock_.MonotonicNanos());
  }
}

int64_t Hub::Impl::NextDeadline() const {
  int64_t deadline = INT64_MAX;
  if (!pushes_.empty()) deadline = pushes_.front().at_nanos;
  if (!full_checks_.empty()) deadline = std::min(deadline, full_checks_.begin()->first);
  if (!rests_.empty()) deadline = std::min(deadline, rests_.begin()->first);
  return deadline;
}

void Hub::Impl::RunTimers(int64_t now_nanos) {
  PushPages(now_nanos);
  CloseThoseFullTooLong(now_nanos);
  EndRests(now_nanos);
}

// --- the public face

Hub::Hub(hot::Store& store, catalog::Catalog& catalog, auth::Users& users, const engine::Engine& engine,
         cold::ColdTier* cold, const Clock& clock, HubOptions options)
    : impl_(std::make_unique<Impl>(store, catalog, users, engine, cold, clock, options)) {
  impl_->Start();
}

Hub::~Hub() { Stop(); }

void Hub::Stop() { impl_->Stop(); }

ConnectionKey Hub::Connect(std::string connection_id, std::shared_ptr<const Principal> principal,
                           std::shared_ptr<Outlet> outlet) {
  const ConnectionKey key(impl_->next_key_.fetch_add(1));
  impl_->Post([impl = impl_.get(), key, id = std::move(connection_id), principal = std::move(principal),
               outlet = std::move(outlet)]() mutable {
    impl->Connect(key, std::move(id), std::move(principal), std::move(outlet));
  });
  return key;
}

void Hub::Subscribe(ConnectionKey connection, wire::LiveSubscribe request) {
  impl_->Post([impl = impl_.get(), connection, request = std::move(request)]() mutable {
    impl->Subscribe(connection, std::move(request));
  });
}

void Hub::NextBatch(ConnectionKey connection, wire::LiveNextBatch request) {
  impl_->Post([impl = impl_.get(), connection, request = std::move(request)] {
    impl->NextBatch(connection, request);
  });
}

void Hub::Unsubscribe(ConnectionKey connection, std::string subscription_id) {
  impl_->Post([impl = impl_.get(), connection, id = std::move(subscription_id)] {
    impl->Unsubscribe(connection, id);
  });
}

void Hub::OnDrained(ConnectionKey connection) {
  impl_->Post([impl = impl_.get(), connection] { impl->OnDrained(connection); });
}

void Hub::Disconnect(ConnectionKey connection) {
  impl_->Post([impl = impl_.get(), connection] { impl->Disconnect(connection); });
}

std::vector<LiveRow> Hub::List() {
  return impl_->Ask(std::vector<LiveRow>(), [impl = impl_.get()] { return impl->List(); });
}

std::optional<std::string> Hub::OwnerOf(std::string_view live_id) {
  using Owner = std::optional<std::string>;
  return impl_->Ask(Owner(), [impl = impl_.get(), id = std::string(live_id)]() -> Owner {
    const SubscriptionPtr found = impl->FindLive(id);
    if (found == nullptr) return std::nullopt;
    return found->connection->principal->user_id;
  });
}

bool Hub::Kill(std::string_view live_id) {
  return impl_->Ask(false, [impl = impl_.get(), id = std::string(live_id)] {
    const SubscriptionPtr found = impl->FindLive(id);
    if (found == nullptr) return false;
    impl->End(*found, codes::kKilled, "The live query was killed with KILL LIVE QUERY");
    return true;
  });
}

int64_t Hub::CountOn(TableId table) {
  return impl_->Ask(int64_t{0}, [impl = impl_.get(), table] {
    const TableWatch* const watch = impl->index_.Find(table);
    return watch == nullptr ? int64_t{0} : static_cast<int64_t>(watch->subscriptions);
  });
}

HubCounters Hub::Counters() const {
  const AtomicCounters& from = impl_->counters_;
  HubCounters out;
  out.connections = from.connections.load(std::memory_order_relaxed);
  out.subscriptions = from.subscriptions.load(std::memory_order_relaxed);
  out.deliveries = from.deliveries.load(std::memory_order_relaxed);
  out.changes_matched = from.changes_matched.load(std::memory_order_relaxed);
  out.lagging = from.lagging.load(std::memory_order_relaxed);
  out.resyncs = from.resyncs.load(std::memory_order_relaxed);
  out.closed_slow = from.closed_slow.load(std::memory_order_relaxed);
  out.errors = from.errors.load(std::memory_order_relaxed);
  out.turns = from.turns.load(std::memory_order_relaxed);
  out.lag_micros = from.lag_micros.load(std::memory_order_relaxed);
  return out;
}

hot::Need Hub::NeedOf(TableId table) const {
  return impl_->watched_.Has(table) ? hot::Need::kBoth : hot::Need::kNone;
}

void Hub::OnCommitted(std::shared_ptr<const hot::CommittedGroup> group) {
  impl_->OnCommitted(std::move(group));
}

}  // namespace kalam::live
