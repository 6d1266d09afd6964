// Reader: what a subscription reads from the store: pages of its rows, or what changed since a sequence.
//
// Rows are read in `_seq` order from a fresh snapshot each time, so nothing is held between pages: rows that
// changed meanwhile have moved up and are delivered as changes. A read works in turns of a bounded length,
// because a condition that no row fits has it look at the whole table; between them it keeps its snapshot.
// Threads: blocking, for the reader pool only; a read for one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cold/cold_tier.h"
#include "engine/engine.h"
#include "hot/store.h"
#include "live/query.h"
#include "wire/live_reply.h"

namespace kalam::live {

enum class ReadKind : uint8_t {
  kNothing,  // only the position: for subscriptions without a snapshot
  kPage,     // rows that match now
  kResume,   // as kPage, but ends before the first row that was deleted or may have left
  kChanges,  // rows, deletes and exits as change messages
};

struct ReadRequest {
  ReadKind kind = ReadKind::kNothing;
  QueryPtr query;
  std::string user_id;
  wire::LiveEncoding encoding = wire::LiveEncoding::kJson;
  Seq after;                          // exclusive
  std::optional<Seq> up_to;           // inclusive; nullopt = all that the snapshot has
  std::optional<uint32_t> last_rows;  // first page: start with the newest so many
  uint32_t rows_max = 0;
  size_t bytes_max = 0;
  uint32_t batch_num = 0;
  bool with_ack = false;
  bool preload = false;  // kPage: the rows are perhaps few enough to be read at once
  // Commits that began before the table was watched must be over before the snapshot is taken.
  bool wait_for_commits = false;
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

// A change message that waits for its subscription.
struct PendingChange {
  Seq seq;
  wire::LiveBodyPtr body;
};

struct ReadResult {
  Seq snapshot;                 // every change up to it was taken into account
  Seq cursor;                   // everything up to it was read: go on after it
  bool more = false;            // there is more up to the limit
  bool preloaded = false;       // they were
  bool cut = false;             // kResume: ended before a delete or exit
  std::optional<Seq> last_row;  // of a page
  wire::LiveBodyPtr ack;
  wire::LiveBodyPtr page;
  std::vector<PendingChange> changes;
};

// A read under way.
class ReadTask {
 public:
  virtual ~ReadTask() = default;
  // Works for one turn; nullopt = not finished, to be called again. Once something else, never again.
  virtual std::optional<OrRefusal<ReadResult>> Turn() = 0;

  // A turn ends behind the batch with which it has taken so long or looked at so many rows.
  static constexpr int64_t kTurnNanos = 5'000'000;
  static constexpr size_t kTurnRows = 8'192;
};

class Reader {
 public:
  // `cold` may be nullptr: hot rows only.
  Reader(hot::Store& store, const engine::Engine& engine, cold::ColdTier* cold, const Clock& clock)
      : store_(store), engine_(engine), cold_(cold), clock_(clock) {}

  std::unique_ptr<ReadTask> Start(ReadRequest request) const;

 private:
  hot::Store& store_;
  const engine::Engine& engine_;
  cold::ColdTier* const cold_;
  const Clock& clock_;
};

}  // namespace kalam::live
