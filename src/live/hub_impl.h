// The hub's thread and what it owns. Not for other modules.
//
// One thread runs everything here but Post, OnCommitted and Ask; readers only run Queries::Compile and
// ReadTask::Turn and post their results. So there are no locks beside the one of the queue.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "live/hub.h"
#include "live/index.h"
#include "live/query.h"
#include "live/reader.h"
#include "live/reader_pool.h"
#include "live/subscription.h"
#include "live/watched_tables.h"

namespace kalam::live {

using Call = std::move_only_function<void()>;

// HubCounters as the hub's thread counts and any thread reads.
struct AtomicCounters {
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> subscriptions{0};
  std::atomic<uint64_t> deliveries{0};
  std::atomic<uint64_t> changes_matched{0};
  std::atomic<uint64_t> lagging{0};
  std::atomic<uint64_t> resyncs{0};
  std::atomic<uint64_t> closed_slow{0};
  std::atomic<uint64_t> errors{0};
  std::atomic<uint64_t> turns{0};
  std::atomic<int64_t> lag_micros{0};
};

struct Hub::Impl {
  Impl(hot::Store& store, catalog::Catalog& catalog, auth::Users& users, const engine::Engine& engine,
       cold::ColdTier* cold, const Clock& clock, HubOptions options);

  // --- the queue (any thread)
  void Start();
  void Stop();
  bool Post(Call call);
  void OnCommitted(std::shared_ptr<const hot::CommittedGroup> group);
  void OnRightsChanged();
  // Runs `ask` on the hub's thread and waits; `otherwise` when the hub has stopped.
  template <typename T, typename F>
  T Ask(T otherwise, F ask) {
    auto promise = std::make_shared<std::promise<T>>();
    std::future<T> answer = promise->get_future();
    if (!Post([promise, ask = std::move(ask)]() mutable { promise->set_value(ask()); })) return otherwise;
    promise.reset();
    try {
      return answer.get();
    } catch (const std::future_error&) {  // dropped by Stop
      return otherwise;
    }
  }

  // --- the thread
  void Work();
  void RunTimers(int64_t now_nanos);
  int64_t NextDeadline() const;

  // --- connections and subscriptions (hub_subscriptions.cc)
  Connection* Find(ConnectionKey key);
  void Connect(ConnectionKey key, std::string id, std::shared_ptr<const Principal> principal,
               std::shared_ptr<Outlet> outlet);
  void Disconnect(ConnectionKey key);
  void Subscribe(ConnectionKey key, wire::LiveSubscribe request);
  bool CheckLimits(Connection& connection, const wire::LiveIdPtr& id);
  void CompileNext(Connection& connection);
  void OnCompiled(ConnectionKey key, const SubscriptionPtr& subscription, OrRefusal<QueryPtr> compiled);
  void Unsubscribe(ConnectionKey key, std::string_view id);
  // Takes it out of everything; nothing is sent.
  void Remove(Subscription& subscription);
  // Tells the client why, and removes it.
  void End(Subscription& subscription, std::string_view code, std::string_view message);
  void SendError(Connection& connection, const wire::LiveIdPtr& id, std::string_view code,
                 std::string_view message);
  std::vector<SubscriptionPtr> SubscriptionsOf(TableId table) const;
  std::vector<LiveRow> List() const;
  SubscriptionPtr FindLive(std::string_view live_id) const;

  // --- reads (hub_reads.cc)
  void NextBatch(ConnectionKey key, const wire::LiveNextBatch& request);
  void OnDrained(ConnectionKey key);
  // Starts reads that wait, as far as the connection has room.
  void Pump(Connection& connection);
  // `turn_of`: the user whose turn ends with it.
  void StartRead(Connection& connection, const SubscriptionPtr& subscription,
                 std::optional<std::string> turn_of = std::nullopt);
  ReadRequest RequestFor(const Connection& connection, Subscription& subscription) const;
  void OnRead(ConnectionKey key, const SubscriptionPtr& subscription, const QueryPtr& query, ReadKind kind,
              bool waited, const OrRefusal<ReadResult>& result);
  void OnPage(Subscription& subscription, const ReadResult& result);
  void OnChanges(Subscription& subscription, const ReadResult& result);
  // Everything up to `seq` was delivered: what was kept follows, then changes as they come.
  void GoLive(Subscription& subscription, Seq seq);
  void FallBehind(Subscription& subscription, Seq cursor);
  void SendEmptyPage(Subscription& subscription);
  void PushPages(int64_t now_nanos);

  // --- costly conditions (hub_deferred.cc)
  void AddToIndex(Subscription& subscription, const catalog::TablePtr& table);
  // True when the table has no subscription left.
  bool RemoveFromIndex(Subscription& subscription);
  UserShare& ShareOf(const Subscription& subscription);
  // A change that may concern the group.
  void Defer(FilterGroup& group, Seq seq);
  void WaitForTurn(const SubscriptionPtr& subscription);
  void StartTurn(std::string_view user_id);
  void EndTurn(const std::string& user_id, int64_t began_nanos);
  void EndRests(int64_t now_nanos);

  // --- changes (hub_match.cc)
  void OnGroup(const hot::CommittedGroup& group);
  void OnLost();
  void MatchChange(TableWatch& watch, const hot::Change& change);
  void Judge(FilterGroup& group, const hot::Change& change, const hot::RowView* before,
             const hot::RowView* after);
  enum class Shape : uint8_t { kInsert, kUpdate, kDelete };
  void Deliver(FilterGroup& group, Shape shape, const hot::Change& change, const hot::RowView* before,
               const hot::RowView* after);
  Result<wire::LiveBodyPtr> Encode(const ProjectionGroup& group, wire::LiveEncoding encoding, Shape shape,
                                   const hot::Change& change, const hot::RowView* before,
                                   const hot::RowView* after);
  void DeliverTo(Subscription& subscription, Seq seq, const wire::LiveBodyPtr& body);
  // Queues a message; the connection is full when too much waits afterwards.
  void Send(Connection& connection, const wire::LiveIdPtr& id, const wire::LiveBodyPtr& body);
  // Before anything is queued whose rows are all behind `before`.
  static void NoteQueued(Connection& connection, Seq before);
  void SendChange(Subscription& subscription, Seq seq, const wire::LiveBodyPtr& body);
  void CloseThoseFullTooLong(int64_t now_nanos);
  void CloseSlow(Connection& connection);

  // --- rights and schemas (hub_access.cc)
  // Both; before anything that depends on them, and whenever they change. Two atomic reads when nothing did.
  void CheckRights();
  void CheckCatalog();
  // As CheckCatalog, also in the moment in which a snapshot is out and its version is not.
  void SeeCatalog();
  void CheckUsers();
  void CheckPrincipal(Connection& connection);
  void OnTableChanged(TableWatch& watch, const catalog::TablePtr& fresh);
  void EndAll(TableId table, std::string_view code, std::string_view message);

 private:
  friend class Hub;

  hot::Store& store_;
  catalog::Catalog& catalog_;
  auth::Users& users_;
  const Clock& clock_;
  const HubOptions options_;
  Queries queries_;
  const Reader reader_;
  WatchedTables watched_;
  AtomicCounters counters_;
  std::atomic<uint64_t> next_key_{1};

  struct Event {
    std::shared_ptr<const hot::CommittedGroup> group;
    bool lost = false;  // groups were dropped here
    Call call;
    int64_t at_nanos = 0;
    size_t bytes = 0;
  };
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<Event> queue_;    // guarded by mu_
  size_t queued_bytes_ = 0;    // guarded by mu_; of groups
  bool check_rights_ = false;  // guarded by mu_; they changed since they were looked at
  bool sleeping_ = false;      // guarded by mu_
  bool stopping_ = false;      // guarded by mu_

  // All below: the hub's thread.
  std::unordered_map<ConnectionKey, std::unique_ptr<Connection>> connections_;
  ByText<UserShare> per_user_;  // of those with subscriptions
  Index index_;
  Seq handled_;  // every change up to it was matched
  int64_t now_micros_ = 0;
  uint64_t seen_catalog_ = 0;
  catalog::SnapshotPtr seen_snapshot_;
  uint64_t seen_users_ = 0;
  struct Push {
    int64_t at_nanos = 0;
    ConnectionKey connection;
    std::weak_ptr<Subscription> subscription;
    uint32_t batch_num = 0;
  };
  std::deque<Push> pushes_;  // ascending
  // When to look whether a connection has been full for too long; each full one stands here once.
  std::multimap<int64_t, ConnectionKey> full_checks_;  // by monotonic nanoseconds
  std::multimap<int64_t, std::string> rests_;          // by monotonic nanoseconds: users whose rest ends then
  // Scratch of one change.
  struct Encoded {
    const Projection* projection = nullptr;
    wire::LiveEncoding encoding = wire::LiveEncoding::kJson;
    Shape shape = Shape::kInsert;
    wire::LiveBodyPtr body;
  };
  std::vector<Encoded> encoded_;
  std::vector<FilterGroup*> candidates_;
  std::vector<uint8_t> matches_;
  struct Doomed {
    SubscriptionPtr subscription;
    std::string_view code;
    std::string message;
  };
  std::vector<Doomed> doomed_;  // ended while they were being looped over

  ReaderPool readers_;
  std::thread thread_;
  // Last: ends first.
  ChangeListeners::Registration catalog_changes_;
  ChangeListeners::Registration rights_changes_;
};

}  // namespace kalam::live
