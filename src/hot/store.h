// Store: the hot tier. RocksDB behind one class.
//
// Purpose: point and range reads of rows, the incremental-sync index, a meta key space, and the only way to
// change any of them: the commit pipeline. RocksDB's types and error texts stop here. Owner and lifetime:
// main() opens one; cursors, snapshots and pinned values must die before it. Threads: every method is
// thread-safe; cursors and snapshots belong to one thread at a time. Errors: kIo, kCorruption from reads;
// after a failed sync every later commit answers kUnavailable until restart, reads stay up.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/limits.h"
#include "hot/batch.h"
#include "hot/change.h"

namespace rocksdb {
class Env;
class Iterator;
class PinnableSlice;
class Snapshot;
}  // namespace rocksdb

namespace kalam::hot {

enum class Durability : uint8_t {
  kSync,  // acknowledged = survives power loss
  kOs,    // acknowledged = survives a killed process
};

struct StoreOptions {
  std::string path;
  Durability durability = Durability::kSync;
  size_t block_cache_bytes = 64u << 20;
  size_t write_buffer_bytes = 32u << 20;
  int background_jobs = 2;
  int open_files_max = 512;
  uint16_t worker_id = 1;
  size_t commit_queue_bytes_max = limits::kCommitQueueBytesMax;
  // Of the disk that must stay free: below it only removals are accepted, below a quarter of it nothing. 0 =
  // no check.
  uint64_t free_bytes_min = 0;
  std::function<uint64_t()> free_bytes;  // empty = asks the file system of `path`; for tests
  rocksdb::Env* env =
      nullptr;  // not owned; nullptr = the operating system's. The seam for fault and power-cut tests
};

// Bytes read from the store; reusable. Views from bytes() are valid until the next read into it or its death.
class PinnedBytes {
 public:
  PinnedBytes();
  ~PinnedBytes();
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;
  std::string_view bytes() const;

 private:
  friend class Store;
  std::unique_ptr<rocksdb::PinnableSlice> slice_;
};

class Store;

// A consistent view of everything as of one commit. Move-only; releases itself.
class Snapshot {
 public:
  Snapshot() = default;
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;
  ~Snapshot();

  // Exact: every change with a _seq up to it is in the snapshot, every later one is not.
  Seq seq() const { return seq_; }
  // Grows with every commit; the same = the same state.
  uint64_t position() const;

 private:
  friend class Store;
  const Store* store_ = nullptr;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  Seq seq_;
};

// Walks keys of [begin, end) in order, forwards or backwards.
//   for (; cursor->Valid(); cursor->Next()) use(cursor->key(), cursor->value()); KALAM_TRY(cursor->status());
class Cursor {
 public:
  ~Cursor();
  bool Valid() const;
  void Next();
  // Positions at the first key >= `key` inside the range (forward cursors only).
  void Seek(std::string_view key);
  std::string_view key() const;    // valid until Next
  std::string_view value() const;  // valid until Next
  Status status() const;

 private:
  friend class Store;
  Cursor() = default;
  struct State;
  std::unique_ptr<State> state_;
};

// kColdKeys and kColdMarks: hot/cold_keys.h.
enum class Space : uint8_t { kRows, kBySeq, kMeta, kMessages, kColdKeys, kColdMarks };
enum class Direction : uint8_t { kForward, kBackward };

class Store {
 public:
  static Result<std::unique_ptr<Store>> Open(const StoreOptions& options, const Clock& clock);
  ~Store();

  // Refuses new batches, completes those that wait, stops the committer. Idempotent; call before destruction.
  void Stop();

  // True when the key exists. Without a snapshot it reads the newest durable state.
  Result<bool> Get(Space space, std::string_view key, PinnedBytes& out,
                   const Snapshot* snapshot = nullptr) const;
  // `end` empty = no upper bound.
  std::unique_ptr<Cursor> Scan(Space space, std::string_view begin, std::string_view end,
                               Direction direction = Direction::kForward,
                               const Snapshot* snapshot = nullptr) const;
  Snapshot TakeSnapshot() const;
  // About how many bytes the entries of [begin, end) take as they are stored, from the index blocks of the
  // files.
  uint64_t ApproximateBytes(Space space, std::string_view begin, std::string_view end) const;
  // Keys that cut [begin, end) into at most `parts` pieces of about the same size, ascending; fewer, or none,
  // when the pieces would have less than `bytes_min`. An estimate.
  std::vector<std::string> Split(Space space, std::string_view begin, std::string_view end, size_t parts,
                                 size_t bytes_min) const;

  // Queues the batch and returns; `done` tells the outcome. When too much waits it answers at once, through
  // `done`: kUnavailable, or kLimitExceeded for a batch that could never fit. With os durability the calling
  // thread may commit what it and others queued, and then runs their `done` before it returns.
  void Submit(Batch batch, CommitDone done);
  // Submit for one statement of many clients: with os durability the event loop that the calling thread runs
  // (base/later_queue.h) commits what all of them queued with one write, when it has looked at them all. Not
  // for who waits on that thread.
  void SubmitSoon(Batch batch, CommitDone done);
  // Submit and wait. Not from a CommitDone.
  CommitResult Commit(Batch batch);

  // Who joins commits and who learns of them (hot/change.h), from the next commit on. Not from a commit's
  // completion. They outlive Stop().
  void AddObserver(CommitObserver& observer);
  void AddParticipant(CommitParticipant& participant);

  // Gives back the disk space of messages in [begin, end) that batches have removed already: files that hold
  // nothing else are dropped at once, the rest goes with later compactions.
  Status ReclaimMessages(std::string_view begin, std::string_view end);

  // Tells the committer a table's schema version outside a batch: at start, for tables that exist already.
  void SetSchemaVersion(TableId table, uint32_t version);

  // The table may have cold rows from now on. Before the first kMove of the table, and at start for each
  // table that has segments.
  void AddColdTable(TableId table);
  // Asked after a read that did not find a row, it tells whether `cold_keys` is worth a look. Never false for
  // a table some row of which had moved when that read began.
  bool HasColdRows(TableId table) const;
  // Rows of the table that commits have changed since the start: grows whenever one does.
  uint64_t WritesOf(TableId table) const;

  // Snapshot::position() from which on the table's part of `rows` has changed only in ways that by_seq tells:
  // no row has moved to the cold tier, no tombstone was purged, nothing was dropped. 0 = since the start. For
  // a snapshot that is at hand.
  uint64_t TracelessChange(TableId table) const;

  // At least the _seq of every row that a read can find now, and below that of every later commit. Right
  // after Open it is the ceiling of the last run, up to a second ahead of the clock.
  Seq last_seq() const;
  Durability durability() const;
  // Microseconds of recent syncs (median of the last 128), 0 when none; for benchmarks and metrics.
  int64_t sync_micros() const;

 private:
  friend class Snapshot;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::hot
