// Subscriptions whose conditions cost more than the hub's thread may spend on their user: a change that may
// concern one is not judged, but makes it fall behind, and what changed since is read from the store, as for
// a slow client. A user has one such read at a time, and rests afterwards for as long as it took: so what one
// user asks for costs the others half of a reader at most, whatever it is.
#include <algorithm>
#include <utility>

#include "live/hub_impl.h"

namespace kalam::live {
namespace {

// Operators, columns and constants of conditions that the hub's thread evaluates for a change, for all
// subscriptions of a user: about 0.1 ms.
constexpr size_t kEvaluatedNodesPerUserMax = 500;
// A rest takes as long as the turn before it, within these bounds.
constexpr int64_t kRestNanosMin = 10'000'000;
constexpr int64_t kRestNanosMax = 1'000'000'000;

}  // namespace

UserShare& Hub::Impl::ShareOf(const Subscription& subscription) {
  return per_user_.find(std::string_view(subscription.connection->principal->user_id))->second;
}

void Hub::Impl::AddToIndex(Subscription& subscription, const catalog::TablePtr& table) {
  UserShare& user = ShareOf(subscription);
  const size_t nodes = subscription.query->filter->evaluated_nodes();
  subscription.deferred = nodes > 0 && user.nodes + nodes > kEvaluatedNodesPerUserMax;
  subscription.charged_nodes = subscription.deferred ? 0 : nodes;
  user.nodes += subscription.charged_nodes;
  index_.Add(subscription);
  Index::WatchOf(subscription).table = table;
}

bool Hub::Impl::RemoveFromIndex(Subscription& subscription) {
  ShareOf(subscription).nodes -= std::exchange(subscription.charged_nodes, 0);
  return index_.Remove(subscription);
}

void Hub::Impl::Defer(FilterGroup& group, Seq seq) {
  for (const auto& projection : group.projections) {
    for (const auto& subscribers : projection->subscribers) {
      for (Subscription* const subscription : subscribers) {
        switch (subscription->state) {
          case SubscriptionState::kLive:
            if (seq <= subscription->cursor) break;  // it was read already
            FallBehind(*subscription, Seq(seq.value - 1));
            WaitForTurn(subscription->connection->subscriptions.at(subscription->id->text));
            break;
          case SubscriptionState::kLoading:
          case SubscriptionState::kCatchingUp:
            subscription->pending_lost = true;
            break;
          case SubscriptionState::kBehind:
          case SubscriptionState::kCompiling:
            break;
        }
      }
    }
  }
}

void Hub::Impl::WaitForTurn(const SubscriptionPtr& subscription) {
  if (!std::exchange(subscription->waits_for_turn, true)) {
    ShareOf(*subscription).waiting.push_back(subscription);
  }
  StartTurn(subscription->connection->principal->user_id);
}

void Hub::Impl::StartTurn(std::string_view user_id) {
  const auto user = per_user_.find(user_id);
  if (user == per_user_.end() || user->second.reading || user->second.resting) return;
  auto& waiting = user->second.waiting;
  while (!waiting.empty()) {
    const SubscriptionPtr subscription = waiting.front().lock();
    waiting.pop_front();
    if (subscription == nullptr || subscription->ended->load(std::memory_order_relaxed)) continue;
    subscription->waits_for_turn = false;
    Connection& connection = *subscription->connection;
    // One whose socket is full comes again when it has drained.
    if (subscription->state != SubscriptionState::kBehind || connection.full || connection.closing) continue;
    user->second.reading = true;
    return StartRead(connection, subscription, user->first);
  }
}

void Hub::Impl::EndTurn(const std::string& user_id, int64_t began_nanos) {
  const auto user = per_user_.find(std::string_view(user_id));
  if (user == per_user_.end()) return;
  const int64_t now = clock_.MonotonicNanos();
  const int64_t rest = std::clamp(now - began_nanos, kRestNanosMin, kRestNanosMax);
  user->second.reading = false;
  user->second.resting = true;
  rests_.emplace(now + rest, user_id);
}

void Hub::Impl::EndRests(int64_t now_nanos) {
  while (!rests_.empty() && rests_.begin()->first <= now_nanos) {
    const std::string user_id = std::move(rests_.begin()->second);
    rests_.erase(rests_.begin());
    const auto user = per_user_.find(std::string_view(user_id));
    if (user == per_user_.end()) continue;
    user->second.resting = false;
    StartTurn(user_id);
  }
}

}  // namespace kalam::live
