// CommitGroup: the batches that share one write, validated one after the other.
//
// Invariants:
//   1. Each batch is judged by the newest state: the database plus the accepted batches before it in the
//   group.
//   2. A refused batch leaves nothing behind but unused sequences.
//   3. Of several versions that the group gives a row only the last is written, yet each has its own _seq.
//   by_seq loses the
//      entry of the version that the database holds and gains that of the last one.
//   4. A version that leaves a place of the cold tier leaves a mark there, once.
//   5. What was accepted is recorded as changes, each version of a row by itself, as far as listeners need
//   it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "hot/batch.h"
#include "hot/change.h"
#include "hot/cold_keys.h"
#include "hot/database.h"
#include "hot/recent_commits.h"
#include "hot/seq.h"

namespace rocksdb {
class WriteBatch;
}  // namespace rocksdb

namespace kalam::hot {

// The schema version of every table that was heard of. Thread-safe.
class SchemaVersions {
 public:
  void Set(TableId table, uint32_t version);
  void Apply(const std::vector<SchemaGuard>& versions);
  // kConflict when a guard's table has another version. An unknown table passes.
  Status Check(const std::vector<SchemaGuard>& guards) const;

 private:
  mutable std::mutex mu_;
  std::unordered_map<TableId, uint32_t> versions_;  // guarded by mu_
};

// One thread, one group at a time.
class CommitGroup {
 public:
  CommitGroup(const Database& database, const ColdTables& cold_tables, SchemaVersions& versions,
              RecentCommits& recent, SeqGenerator& seqs, const CommitListeners& listeners,
              int64_t wall_millis)
      : database_(database),
        cold_tables_(cold_tables),
        versions_(versions),
        recent_(recent),
        seqs_(seqs),
        listeners_(listeners),
        wall_millis_(wall_millis) {}
  CommitGroup(const CommitGroup&) = delete;
  CommitGroup& operator=(const CommitGroup&) = delete;

  // Accepts or refuses the batch. Its values move into the group; its keys are referred to, so `batch` stays
  // where it is until the group is gone. The result holds once the group is written.
  CommitResult Add(Batch& batch);
  // False when nothing that was accepted changes anything.
  bool writes() const { return writes_; }
  void Collect(rocksdb::WriteBatch& out) const;
  // False: the group consists of batches that may be lost by a power cut (Batch::moves_only).
  bool durable() const { return durable_; }
  // Rows that moved out of `rows`, by table.
  const std::unordered_map<TableId, uint64_t>& moved_out() const { return moved_out_; }
  // Tables that lose entries of `rows` which by_seq loses without a trace.
  const std::unordered_set<TableId>& traceless() const { return traceless_; }
  // Adds the number of changed rows to each table's.
  void CountWrites(std::unordered_map<TableId, uint64_t>& counts) const;
  // What the accepted batches did, for observers; nullptr when it is of no interest to any. Call once, after
  // the write.
  std::shared_ptr<const CommittedGroup> TakeCommitted();

 private:
  // The newest version of one row inside the group.
  struct Image {
    std::string_view key;
    uint32_t prefix_size = 0;
    Seq stored_seq;         // of the version in `rows`, 0 = none
    ColdPlace stored_cold;  // of the version in `cold_keys`
    ColdPlace cold;         // of the newest version; then `value` is empty
    RowHistory history;     // of the version in `cold`
    Seq seq;                // of the newest version, 0 = none
    std::string value;      // newest bytes; empty = no entry, or not read (then `loaded` is false)
    std::string erased;     // RowOpKind::kErase: the row that it removed
    bool loaded = false;
    bool changed = false;
    bool indexed = true;  // has an entry in by_seq

    // Was in `rows` and stands in the cold tier now.
    bool moved_out() const { return changed && indexed && cold && value.empty() && stored_seq != Seq(); }
    bool live() const;  // of a loaded image: the newest version is a row, not a tombstone
    bool absent() const { return value.empty() && !cold; }
  };
  // What an operation replaced, to be put back when a later one of its batch is refused.
  struct Undo {
    Image* image;
    Seq seq;
    std::string value;
    ColdPlace cold;
    RowHistory history;
    bool loaded;
    bool changed;
  };
  // The dead rows that the group adds to one segment.
  struct SegmentMarks {
    uint32_t stored = 0;  // count in the database
    std::vector<uint32_t> rows;
  };

  Status AddRows(Batch& batch, CommitResult& result);
  Status AddRow(RowOp& op, Seq read_at, CommitResult& result);
  void Append(RowOp& op, CommitResult& result);
  Status Purge(const RowOp& op, CommitResult& result);
  Status Move(const RowOp& op, Seq read_at, CommitResult& result);
  Status Replace(Image& image, std::string next, Seq seq, ColdPlace cold = {}, RowHistory history = {});
  Status Mark(ColdPlace place);
  // Keeps the change that the newest entry of undo_ made, if anybody needs it.
  void Record(const Image& image, ChangeKind kind, Need need, std::string before);
  Status JoinParticipants(Batch& batch);
  // Decides what the operation writes: fills `next`, or answers false when it writes nothing.
  Result<bool> NextVersion(RowOp& op, const Image& image, std::string& next);
  Result<Image*> Find(const RowOp& op, Seq read_at, Need need);
  Status Load(Image& image);
  Status LoadCold(Image& image);
  bool Dropped(std::string_view key) const;
  void TakeBack();
  void DropHotRows(const std::string& prefix);
  void DropColdRows(const std::string& prefix);
  void CollectDrops(rocksdb::WriteBatch& out) const;
  void CollectMoved(rocksdb::WriteBatch& out) const;
  void CollectMarks(rocksdb::WriteBatch& out) const;
  void CollectCold(const Image& image, rocksdb::WriteBatch& out) const;

  const Database& database_;
  const ColdTables& cold_tables_;
  SchemaVersions& versions_;
  RecentCommits& recent_;
  SeqGenerator& seqs_;
  const CommitListeners& listeners_;
  const int64_t wall_millis_;

  std::deque<Image> images_;  // stable addresses
  std::unordered_map<std::string_view, Image*> by_key_;
  std::vector<MetaOp> meta_;
  std::vector<std::string> dropped_hot_rows_;
  std::vector<KeySpan> expired_;
  std::vector<MessageOp> messages_;
  std::vector<std::string> dropped_cold_rows_;
  std::vector<uint64_t> dropped_segments_;
  std::unordered_map<uint64_t, SegmentMarks> marks_;
  std::unordered_map<TableId, uint64_t> moved_out_;
  std::unordered_set<TableId> traceless_;
  std::vector<ColdPlace> batch_marks_;      // of the batch being added, in order
  std::vector<Undo> undo_;                  // of the batch being added
  std::vector<Change> changes_;             // of the batch being added
  std::vector<CommitParticipant*> joined_;  // by the batch being added
  std::vector<CommittedBatch> committed_;
  bool writes_ = false;
  bool durable_ = false;
};

}  // namespace kalam::hot
