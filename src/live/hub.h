// Hub: live queries. Who subscribed to what, and which committed change goes to whom.
//
// Purpose: a subscriber gets the rows that match now, and then every later change of that result, in `_seq`
//   order, each exactly once; or an explicit error, never silence.
// Owner and lifetime: main() makes one after the store, catalog, users and engine and before the first
//   commit, and registers it as an observer of the store. Stop() before the store stops.
// Threads: every method is thread-safe. One thread owns all subscriptions and matches changes; a small pool
//   reads snapshots and compiles queries. Calls without a result only enqueue and never block; calls with a
//   result (List, Kill, OwnerOf, CountOn) wait for that thread, so they see all earlier calls.
// Errors: of a subscription go to its client as one error message through the Outlet (codes: live/codes.h).
// Limits: HubOptions. Memory per connection is bounded by the outlet's bytes_max and, while a subscription
//   loads, by paused_bytes_max for each; what does not fit is read again from the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "engine/engine.h"
#include "hot/change.h"
#include "hot/store.h"
#include "live/outlet.h"
#include "model/principal.h"
#include "wire/live_request.h"

namespace kalam::live {

using ConnectionKey = StrongId<struct ConnectionKeyTag, uint64_t>;

struct HubOptions {
  size_t subscriptions_per_user_max = 100;
  size_t subscriptions_per_connection_max = 100;
  uint32_t page_rows = 1'000;            // without batch_size
  uint32_t page_rows_max = 10'000;       // a larger batch_size counts as this
  size_t page_bytes_max = 4u << 20;      // a page ends early when its rows take as much
  size_t paused_bytes_max = 256u << 10;  // changes kept for one subscription while it loads
  int64_t push_after_micros = 100'000;   // a page that nobody asked for is sent after so long
  size_t queue_bytes_max = 64u << 20;    // committed changes that wait to be matched
  int64_t lag_micros_max = 30'000'000;   // a socket that stays full for so long is closed
  size_t readers = 2;                    // threads that read snapshots and compile queries
};

// One row of system.live.
struct LiveRow {
  std::string live_id;  // user-connection-subscription
  std::string connection_id;
  std::string subscription_id;
  std::string ns;
  std::string table;
  std::string user_id;
  std::string query;  // verbatim
  std::optional<std::string> options_json;
  int64_t created_at_micros = 0;
  int64_t last_update_micros = 0;  // of the last delivery; created_at before it
  int64_t changes = 0;             // delivered
  int64_t last_ping_at_micros = 0;
};

// Since start, but for the first two.
struct HubCounters {
  uint64_t connections = 0;
  uint64_t subscriptions = 0;
  uint64_t deliveries = 0;       // change messages handed to outlets
  uint64_t changes_matched = 0;  // row changes looked at
  uint64_t lagging = 0;          // times that a connection stopped taking changes
  uint64_t resyncs = 0;          // subscriptions caught up from the store
  uint64_t closed_slow = 0;
  uint64_t errors = 0;     // subscriptions refused or ended with an error
  uint64_t turns = 0;      // that the hub's thread woke up to do something
  int64_t lag_micros = 0;  // from handing on to matching, of the last group
};

class Hub final : public hot::CommitObserver {
 public:
  // `cold` may be nullptr: hot rows only.
  Hub(hot::Store& store, catalog::Catalog& catalog, auth::Users& users, const engine::Engine& engine,
      cold::ColdTier* cold, const Clock& clock, HubOptions options);
  ~Hub() override;
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Ends the threads; what is queued is dropped. Idempotent. Calls afterwards do nothing and find nothing.
  void Stop();

  // --- for the transport ---
  // After authentication. `connection_id`: 32 hex digits. The key is valid until Disconnect.
  ConnectionKey Connect(std::string connection_id, std::shared_ptr<const Principal> principal,
                        std::shared_ptr<Outlet> outlet);
  // Answers through the outlet: an ack and page 0, an ack alone (live only), or exactly one error.
  void Subscribe(ConnectionKey connection, wire::LiveSubscribe request);
  // Answers with a page, or BATCH_FETCH_FAILED; with nothing when that page was pushed already.
  void NextBatch(ConnectionKey connection, wire::LiveNextBatch request);
  // The client's id or the whole live id; unknown ones are ignored. No answer, and nothing of it is sent
  // after the hub has seen this.
  void Unsubscribe(ConnectionKey connection, std::string subscription_id);
  void OnDrained(ConnectionKey connection);
  // Removes the connection and its subscriptions; the outlet is let go.
  void Disconnect(ConnectionKey connection);

  // --- for statements and metrics; not from the threads of the hub or the committer ---
  std::vector<LiveRow> List();
  std::optional<std::string> OwnerOf(std::string_view live_id);
  // Ends it and tells its client. False when there is none.
  bool Kill(std::string_view live_id);
  // Subscriptions to the table.
  int64_t CountOn(TableId table);
  HubCounters Counters() const;  // does not wait; any thread

  // --- hot::CommitObserver ---
  hot::Need NeedOf(TableId table) const override;
  void OnCommitted(std::shared_ptr<const hot::CommittedGroup> group) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::live
