// Committer: the only writer of the database.
//
// Whoever drains the queue is the committer: a thread of its own in sync mode (it blocks in the disk sync),
// the submitting thread itself in os mode (there is nothing to wait for, so a hand-over would only cost), at
// once or when its event loop has handled what is ready. At most one drains at a time.
//
// Invariants:
//   1. Batches are validated in arrival order; what arrived while a group was written makes the next group
//   (CommitGroup).
//   2. A batch is answered after its group is durable, a refusal too: it may rest on the group's writes.
//   3. _seq ascends in arrival order and is never used again: the store keeps a ceiling above every sequence
//   that a stored
//      row may carry.
//   4. After a failed write nothing is acknowledged any more, but reads go on. A disk that is nearly full is
//   no failure: batches are refused until it has room. A write that fails because it is full is taken back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "hot/batch.h"
#include "hot/change.h"
#include "hot/cold_keys.h"
#include "hot/commit_group.h"
#include "hot/database.h"
#include "hot/disk_space.h"
#include "hot/positions.h"
#include "hot/range_compactor.h"
#include "hot/recent_commits.h"
#include "hot/seq.h"
#include "hot/store.h"

namespace kalam {
class LaterQueue;
}  // namespace kalam

namespace rocksdb {
class WriteBatch;
}  // namespace rocksdb

namespace kalam::hot {

class Committer {
 public:
  // `ceiling`: from the last run, 0 for an empty store.
  Committer(Database database, const StoreOptions& options, const Clock& clock, Seq ceiling);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // In os mode with `later` the batch is committed from there, else before Submit returns, unless another
  // thread is at it.
  void Submit(Batch batch, CommitDone done, LaterQueue* later = nullptr);
  // Completes what waits and refuses what comes. Idempotent.
  void Stop();
  // A write failed, and no other was tried. After Stop().
  bool failed() const { return failure_.has_value(); }

  // Takes part in every group from the next one on; waits for the group that is being written.
  void AddObserver(CommitObserver& observer);
  void AddParticipant(CommitParticipant& participant);

  // The last _seq that a read at this position of the database can find: rows up to it are there, later ones
  // are not. nullopt when the position is long gone.
  std::optional<Seq> SeqAt(uint64_t database_position) const { return positions_.SeqAt(database_position); }

  void SetSchemaVersion(TableId table, uint32_t version) { versions_.Set(table, version); }
  // Row operations of the table that were written since the start.
  uint64_t WritesOf(TableId table) const {
    std::lock_guard lock(writes_mu_);
    const auto it = writes_.find(table);
    return it == writes_.end() ? 0 : it->second;
  }
  // See Store::TracelessChange.
  uint64_t TracelessChange(TableId table) const {
    std::lock_guard lock(writes_mu_);
    const auto it = traceless_.find(table);
    return it == traceless_.end() ? 0 : it->second;
  }
  ColdTables& cold_tables() { return cold_tables_; }
  const ColdTables& cold_tables() const { return cold_tables_; }
  Seq last_seq() const { return Seq(last_seq_.load(std::memory_order_acquire)); }
  int64_t sync_micros() const;

 private:
  struct Pending {
    Batch batch;
    CommitDone done;
    size_t bytes = 0;
    CommitResult result;
  };

  // Why a batch of that size cannot be queued now, if so. `mu_` is held.
  Status CheckRoom(size_t bytes) const;
  // Commits groups until the queue is empty. `lock` holds `mu_` at entry and exit, not while a group is
  // written.
  void Drain(std::unique_lock<std::mutex>& lock);
  // What LaterQueue runs.
  void DrainQueued();
  // The loop of the thread in sync mode.
  void Work();
  // Moves the next group from the queue to group_. `mu_` is held.
  void TakeGroup();
  void CommitTaken();
  Status Write(const CommitGroup& group);
  void RaiseCeiling();
  void NoteSyncMicros(int64_t micros);

  const Database database_;
  const Durability durability_;
  const size_t queue_bytes_max_;
  const Clock& clock_;

  std::mutex mu_;
  std::condition_variable wake_;  // the thread: there is work, or stop
  std::condition_variable idle_;  // nobody drains
  // Guarded by mu_:
  std::vector<Pending> queue_;
  size_t queued_bytes_ = 0;  // of queue_ and of the group being written
  bool draining_ = false;
  bool drain_is_queued_ = false;  // some LaterQueue will call DrainQueued
  bool sleeping_ = false;         // the thread waits for wake_; cleared by whoever wakes it
  bool stopping_ = false;

  SchemaVersions versions_;
  ColdTables cold_tables_;
  CommitListeners listeners_;
  CommitPositions positions_;

  // Of the draining thread only; mu_ orders one after the other:
  std::vector<Pending> group_;
  size_t group_bytes_ = 0;
  std::unique_ptr<rocksdb::WriteBatch> write_;
  RecentCommits recent_;
  DiskSpace disk_;
  SeqGenerator seqs_;
  Seq ceiling_;
  // Of the database's files, for what becomes of a failed write.
  rocksdb::Env& env_;
  const std::string folder_;
  std::optional<Error> failure_;  // set once by a failed write; what every later one is answered with

  std::atomic<int64_t> last_seq_;
  mutable std::mutex writes_mu_;
  std::unordered_map<TableId, uint64_t> writes_;     // guarded by writes_mu_
  std::unordered_map<TableId, uint64_t> traceless_;  // guarded by writes_mu_
  mutable std::mutex sync_mu_;
  std::vector<int64_t> sync_micros_;  // guarded by sync_mu_; a ring
  size_t sync_next_ = 0;              // guarded by sync_mu_

  RangeCompactor compactor_{database_};
  std::thread thread_;  // sync mode
};

}  // namespace kalam::hot
