// Transaction: BEGIN to COMMIT of one request. Reads at one snapshot, keeps its writes to itself, commits
// them as one batch.
//
// Rules:
//   1. Every statement sees the snapshot of BEGIN plus what the transaction has written.
//   2. Nothing is written before Commit; a Transaction that dies uncommitted has never happened.
//   3. Keys that the transaction inserted must still be free at the commit, whatever the conflict rule.
//   4. Rows that others changed since BEGIN: the later commit wins (Conflicts::kLastCommitWins), or the
//   commit
//      is refused (kFirstCommitWins). All or nothing in both cases.
//   5. A table that was altered or dropped since the transaction wrote to it refuses the commit.
// Threads: one at a time. Errors: kInvalidOperation after a timeout or abort, kLimitExceeded over the memory
// limit, kAlreadyExists, kConflict, and the store's. After an error of Stage or Commit it is spent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "hot/batch.h"
#include "hot/store.h"
#include "tables/overlay.h"
#include "tables/read_view.h"
#include "tables/transaction_list.h"

namespace kalam::tables {

enum class Conflicts : uint8_t { kLastCommitWins, kFirstCommitWins };

struct TransactionOptions {
  int64_t bytes_max = 100 << 20;
  int64_t timeout_nanos = INT64_MAX;  // between the starts of two of its statements
  Conflicts conflicts = Conflicts::kLastCommitWins;
};

class Transaction {
 public:
  // Takes the snapshot. `id` and `owner_id` name it to people. References outlive it.
  // `cold` nullptr: hot rows only.
  Transaction(std::string id, std::string owner_id, hot::Store& store, cold::ColdTier* cold,
              TransactionList& list, const Clock& clock, const TransactionOptions& options);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const std::string& id() const { return info_.id; }
  const std::string& owner_id() const { return info_.owner_id; }

  // At the start of each statement but ROLLBACK: refuses one that comes after the timeout. `verb` for the
  // text: "continue", "commit".
  Status Use(std::string_view verb);

  ReadView view() const { return {&store_, snapshot_, &overlay_, cold_, pin_}; }

  // Takes the operations of one statement on `table` into the overlay instead of committing them, checked
  // against what the transaction sees. Its meta operations are kept for the commit. Returns how many rows
  // changed.
  Result<int64_t> Stage(const catalog::TablePtr& table, hot::Batch batch);

  // Makes everything durable and visible at once. Waits for the disk; without writes it succeeds at once. The
  // transaction is spent afterwards.
  Status Commit();

 private:
  Result<bool> StageRow(const catalog::Table& table, hot::RowOp& op);
  Status Touch(const catalog::TablePtr& table);
  hot::Batch MakeBatch();
  // Gives the operations the bytes of rows that have moved to the cold tier since they were staged. True when
  // there were any, so that the commit may succeed now.
  Result<bool> ReadMoved(hot::Batch& batch) const;
  Error CommitError(hot::CommitResult result) const;
  // Ends the transaction as `state` and passes the error on.
  std::unexpected<Error> Abort(TransactionState state, Error error);
  void Publish() { list_.Set(info_); }

  hot::Store& store_;
  TransactionList& list_;
  const Clock& clock_;
  const TransactionOptions options_;
  const Seq read_at_;  // noted before the snapshot was taken
  cold::ColdTier* const cold_;
  const cold::PinPtr pin_;  // taken before the snapshot
  const std::shared_ptr<const hot::Snapshot> snapshot_;
  TransactionInfo info_;
  Overlay overlay_;
  std::vector<hot::MetaOp> meta_;  // of the staged batches
  std::unordered_map<TableId, catalog::TablePtr> touched_;
};

}  // namespace kalam::tables
