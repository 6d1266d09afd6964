// Connections and their subscriptions, as the hub's thread keeps them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "live/hub.h"
#include "live/outlet.h"
#include "live/query.h"
#include "live/reader.h"
#include "model/principal.h"
#include "wire/live_body.h"
#include "wire/live_request.h"

namespace kalam::live {

struct Connection;

enum class SubscriptionState : uint8_t {
  kCompiling,
  kLoading,     // pages are on their way; changes are kept
  kLive,        // changes go straight out
  kBehind,      // changes are not kept: to be caught up from `cursor`
  kCatchingUp,  // a read of changes since `cursor` runs; changes are kept
};

// A subscription and the groups of the index hold each other; only the hub's thread touches either.
struct Subscription {
  Connection* connection = nullptr;
  wire::LiveIdPtr id;
  std::string sql;
  std::optional<wire::LiveOptions> options;
  QueryPtr query;
  SubscriptionState state = SubscriptionState::kCompiling;
  // Set when it has ended; reads by readers stop.
  std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);

  // --- delivery
  Seq cursor;  // kBehind, kCatchingUp: every change up to it was delivered or does not concern it
  std::vector<PendingChange> pending;  // kLoading, kCatchingUp: changes since the read began
  size_t pending_bytes = 0;
  bool pending_lost = false;  // they were too many; what is there is no longer complete

  // --- the cost of its condition (hub_deferred.cc)
  bool deferred = false;        // changes are read from the store in the turns of its user
  bool waits_for_turn = false;  // stands in UserShare::waiting
  size_t charged_nodes = 0;     // of its user's share

  // --- pages
  bool reading = false;      // a read runs
  bool page_wanted = false;  // the client asked while its socket was full
  uint32_t next_batch_num = 0;
  Seq page_cursor;  // everything up to it is in a page
  Seq boundary;     // the snapshot of page 0
  uint32_t page_rows = 0;
  bool preload = true;  // a page of few rows: they are read at once

  // --- the index: subscribers[slot] of this projection group
  void* group = nullptr;
  size_t slot = 0;

  // --- system.live
  int64_t created_at_micros = 0;
  int64_t last_update_micros = 0;
  int64_t changes = 0;
};
using SubscriptionPtr = std::shared_ptr<Subscription>;

// What all subscriptions of a user have of the hub.
struct UserShare {
  size_t subscriptions = 0;
  size_t nodes = 0;  // that the hub's thread evaluates
  // --- the deferred ones
  std::deque<std::weak_ptr<Subscription>> waiting;
  bool reading = false;  // one of them has its turn
  bool resting = false;  // the last one was a moment ago
};

struct Connection {
  ConnectionKey key;
  std::string id;
  std::shared_ptr<const Principal> principal;
  std::shared_ptr<Outlet> outlet;
  std::unordered_map<std::string, SubscriptionPtr> subscriptions;  // by the client's id
  // More than the outlet's limit waits: nothing is queued until it has drained.
  bool full = false;
  int64_t full_since_nanos = 0;
  bool full_check = false;  // the hub has noted to look at it
  Seq flushed;              // every row in what waits is behind it
  size_t reads = 0;         // that run now
  // Queries to be compiled, one after the other: however many a client sends, others get their turn between
  // them.
  std::deque<SubscriptionPtr> uncompiled;
  bool compiling = false;
  bool closing = false;
};

}  // namespace kalam::live
