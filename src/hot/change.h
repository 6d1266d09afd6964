// Changes: what a commit did, for those who act on it. Topics and the like join the commit before it is
// written (CommitParticipant); live queries and the like learn of it afterwards (CommitObserver).
//
// Invariants:
//   1. Groups are handed on one after the other, and changes stand in them in `_seq` order, which is commit
//   order.
//   2. A participant runs before the write and its operations are part of it; an observer runs after the
//   write is
//      durable and its writers were answered.
//   3. Versions that a later operation of the same group replaced are handed on too, though only the last one
//      is stored.
// Threads: all calls come from the thread that drains the commit queue, one at a time. With os durability
// that is any thread, but each call happens after the one before it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "hot/batch.h"

namespace kalam::hot {

// What happened to the row, as its writer meant it.
enum class ChangeKind : uint8_t { kInsert, kUpdate, kDelete, kErase };

// One row operation that was applied. Rows are stored bytes: RowCodec of their table decodes them.
struct Change {
  TableId table;
  ChangeKind kind = ChangeKind::kInsert;
  std::string key;           // key in `rows`, prefix included
  uint32_t prefix_size = 0;  // bytes of `key` before the primary key: table and scope
  // The live row that was replaced. nullopt: there was none, or nobody who asked needs it (Need::kAfter).
  std::optional<std::string> before;
  std::string after;  // live, or a tombstone (RowDeleted). Empty: the row was erased (RowOpKind::kErase)
  Seq seq;
};

struct CommittedBatch {
  std::vector<Change> changes;          // of tables that somebody needs
  std::vector<TableId> dropped_tables;  // after the changes
  std::vector<SchemaGuard> new_versions;
};

// Shared by all observers; immutable. Batches that changed nothing of interest are left out.
struct CommittedGroup {
  std::vector<CommittedBatch> batches;
  Seq last_seq;  // every change up to it was handed on
};

// How much of a table's changes somebody wants. Ordered: the committer serves the greatest need.
enum class Need : uint8_t { kNone, kAfter, kBoth };

class CommitObserver {
 public:
  virtual ~CommitObserver() = default;
  // Asked for every operation on the committing thread: fast, no locks that are held for long. A table whose
  // answer changes is served from the next operation on.
  virtual Need NeedOf(TableId table) const = 0;
  // Must only enqueue; writers wait behind it. Not called for groups without anything of interest.
  virtual void OnCommitted(std::shared_ptr<const CommittedGroup> group) = 0;
};

// What a participant adds to a batch: it may append, nothing else.
struct JoinedOps {
  std::vector<MetaOp>& meta;
  std::vector<MessageOp>& messages;
};

class CommitParticipant {
 public:
  virtual ~CommitParticipant() = default;
  // A group of batches begins. What was submitted is judged by the state as of now: answers of NeedOf stay
  // the same until the next group.
  virtual void BeginGroup() {}
  virtual Need NeedOf(TableId table) const = 0;
  // Adds to the write of a batch that was accepted. An error refuses the batch; then nothing of this call may
  // count. Not called for batches without changes that it needs, but for changes that others need.
  virtual Status Join(std::span<const Change> changes, JoinedOps out) = 0;
  // The batch of the last Join was refused by another participant: it did not happen.
  virtual void TakeBack() = 0;
  // The group is durable and its writes can be read; its writers are answered next. Not called after a write
  // that failed: then nothing is written any more.
  virtual void GroupWritten() {}
};

// Who takes part. Filled before the first commit, not owned.
struct CommitListeners {
  std::vector<CommitObserver*> observers;
  std::vector<CommitParticipant*> participants;

  Need NeedOf(TableId table) const {
    Need need = Need::kNone;
    for (const CommitObserver* observer : observers) need = std::max(need, observer->NeedOf(table));
    for (const CommitParticipant* participant : participants) {
      need = std::max(need, participant->NeedOf(table));
    }
    return need;
  }
};

}  // namespace kalam::hot
