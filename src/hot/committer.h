// Committer: the only writer of the database.
//
// Whoever drains the queue is the committer: a thread of its own in sync mode (it blocks in the disk sync), the submitting thread itself in os mode (there is
// nothing to wait for, so a hand-over would only cost). At most one drains at a time.
//
// Invariants:
//   1. Batches are validated in arrival order, each against the newest state including earlier batches of its group.
//   2. A refused batch contributes nothing. A refusal is reported after the group is durable, since it may rest on the group's writes.
//   3. _seq ascends in arrival order and is never used again: the store keeps a ceiling above every sequence that was handed out.
//   4. After a failed write nothing is acknowledged any more.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "hot/batch.h"
#include "hot/seq.h"
#include "hot/store.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class WriteBatch;
}  // namespace rocksdb

namespace kalam::hot {

// The database as the committer and the store see it. Not owned by the committer.
struct Database {
  rocksdb::DB* db = nullptr;
  rocksdb::ColumnFamilyHandle* rows = nullptr;
  rocksdb::ColumnFamilyHandle* by_seq = nullptr;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
};

// Meta key of the sequence ceiling; the value is 8 bytes big-endian.
inline constexpr char kSeqCeilingKey[] = "hot/seq_ceiling";

class Committer {
 public:
  Committer(Database database, Durability durability, const Clock& clock, uint16_t worker_id, Seq ceiling);
  ~Committer();

  void Submit(Batch batch, CommitDone done);
  // Completes what waits and refuses what comes. Idempotent.
  void Stop();

  void SetSchemaVersion(TableId table, uint32_t version);
  Seq last_seq() const { return Seq(last_seq_.load(std::memory_order_acquire)); }
  int64_t sync_micros() const;

 private:
  struct Pending {
    Batch batch;
    CommitDone done;
    size_t bytes = 0;
    CommitResult result;
  };
  // The newest version of one key while a group is built.
  struct Image {
    std::string key;
    uint32_t prefix_size = 0;
    Seq stored_seq;    // of the entry in the database, 0 = none
    Seq seq;           // newest, 0 = no entry
    std::string value; // newest bytes; empty = no entry
    bool changed = false;
    bool dropped = false;
    bool live() const { return !value.empty() && !RowDeletedIn(value); }
    static bool RowDeletedIn(const std::string& value);
  };
  // What a batch changed, to be taken back when a later operation of it is refused.
  struct Undo {
    Image* image;
    Seq seq;
    std::string value;
    bool changed;
  };
  struct Group {
    std::deque<Image> images;
    std::unordered_map<std::string_view, Image*> by_key;
    std::vector<MetaOp> meta;
    std::vector<TableId> dropped;
    bool writes = false;
  };

  void Work();
  // Takes a group off the queue; false when the queue is empty. `mu_` is held.
  bool TakeGroup(std::vector<Pending>& group);
  void CommitGroup(std::vector<Pending>& group);
  void Apply(Pending& pending, Group& group, int64_t wall_millis);
  Status ApplyRow(RowOp& op, Group& group, int64_t wall_millis, std::vector<Undo>& undo, CommitResult& result);
  Status CheckGuards(const Batch& batch) const;
  void ApplySchema(Batch& batch, Group& group);
  Result<Image*> Load(const RowOp& op, Group& group);
  void Collect(const Group& group, rocksdb::WriteBatch& out);
  Status Write(const Group& group);
  void NoteSyncMicros(int64_t micros);

  const Database database_;
  const Durability durability_;
  const Clock& clock_;

  std::mutex mu_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::vector<Pending> queue_;   // guarded by mu_
  size_t queued_bytes_ = 0;      // guarded by mu_
  bool draining_ = false;        // guarded by mu_
  bool sleeping_ = false;        // guarded by mu_
  bool stopping_ = false;        // guarded by mu_

  mutable std::mutex schema_mu_;
  std::unordered_map<TableId, uint32_t> schema_versions_;  // guarded by schema_mu_

  // Of the draining thread only:
  SeqGenerator generator_;
  Seq ceiling_;
  bool failed_ = false;

  std::atomic<int64_t> last_seq_{0};
  mutable std::mutex sync_mu_;
  std::vector<int64_t> sync_micros_;  // guarded by sync_mu_; a ring
  size_t sync_next_ = 0;              // guarded by sync_mu_

  std::thread thread_;  // sync mode
};

}  // namespace kalam::hot
