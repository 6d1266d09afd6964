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
// Threads: all calls come from the thread that drains the commit queue, one at a time.
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

// One row operation that was applied. Rows are stored bytes: RowCodec of their table decodes them.
struct Change {
  TableId table;
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

class CommitParticipant {
 public:
  virtual ~CommitParticipant() = default;
  virtual Need NeedOf(TableId table) const = 0;
  // Adds to the write of a batch that was accepted. An error refuses the batch; then nothing of this call may
  // count. Not called for batches without changes that it needs, but for changes that others need.
  virtual Status Join(std::span<const Change> changes, std::vector<MetaOp>& out) = 0;
  // The batch of the last Join was refused by another participant: it did not happen.
  virtual void TakeBack() = 0;
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
