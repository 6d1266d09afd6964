// Direct plans at work: reads straight from the hot tier into the answer, writes into a commit batch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "hot/batch.h"
#include "model/result.h"
#include "sql/bind.h"
#include "sql/plan.h"
#include "sql/services.h"
#include "tables/key_range.h"
#include "tables/transaction.h"
#include "wire/sql_response.h"

namespace kalam::sql {

// How long a direct plan may keep its thread.
enum class DirectCost : uint8_t {
  kShort,   // a point lookup or a few rows: runs on the I/O thread
  kScan,    // unbounded: belongs on the worker pool
  kEngine,  // these values need the engine
};

// A direct SELECT with its values bound. Built on the stack, used once.
class BoundSelect {
 public:
  // kEngine in cost() when the values cannot be bound. Errors: none but corruption of the plan.
  BoundSelect(const Plan& plan, const BindContext& context, std::optional<int64_t> row_cap);

  DirectCost cost() const { return cost_; }
  // Before Run. False when the rows are not here to be read: some are in the cold tier, so the engine must
  // run it, or, for a point lookup when `may_block` is false, the worker pool.
  Result<bool> Open(bool may_block);
  // Runs it. Errors: storage, kDeadline (checked every 1024 rows), response limits. Returns the rows;
  // `capped` tells that row_cap cut the result.
  Result<int64_t> Run(wire::SqlResponse& response, int64_t deadline_nanos, bool& capped);

 private:
  // Where a run stands.
  struct Progress {
    int64_t matched = 0;
    int64_t rows = 0;  // given
    bool capped = false;
  };

  Result<int64_t> RunPoint(std::string_view key, wire::SqlResponse& response);
  Status RunKeys(wire::SqlResponse& response, Progress& progress);
  Status RunScan(wire::SqlResponse& response, int64_t deadline_nanos, Progress& progress);
  // Looks at one row; false when no more are wanted.
  Result<bool> Take(std::string_view stored, wire::SqlResponse& response, Progress& progress);

  const catalog::Table& table_;
  const DirectSelect& select_;
  const BindContext& context_;
  DirectCost cost_ = DirectCost::kEngine;
  std::vector<tables::Condition> conditions_;
  std::optional<tables::KeyRange> range_;
  std::optional<std::vector<std::string>> keys_;  // of an IN
  tables::ReadView view_;                         // of keys_, with a snapshot
  std::optional<tables::RowCursor> cursor_;       // of a scan
  std::vector<Value> cells_;
  std::optional<int64_t> limit_;
  std::optional<int64_t> row_cap_;
  int64_t offset_ = 0;
};

// A write that is ready to commit.
struct PreparedWrite {
  hot::Batch batch;
  OutcomeKind kind = OutcomeKind::kInserted;
  catalog::TablePtr table;
};

// The cost of a direct INSERT, UPDATE or DELETE: kShort when it needs no scan.
DirectCost CostOfWrite(const Plan& plan);

// Fills the batch. An empty optional = run through the engine. Reads rows only for UPDATE and DELETE that are
// not by key.
Result<std::optional<PreparedWrite>> PrepareWrite(const Plan& plan, const BindContext& context,
                                                  int64_t deadline_nanos);

// The batch of one statement goes into the transaction instead of the store.
Result<Outcome> StageWrite(tables::Transaction& transaction, const catalog::TablePtr& table, OutcomeKind kind,
                           hot::Batch batch);

// Reads the cold rows that the batch's transforms change, since the committer cannot: gives those operations
// the value for the version that was read, and drops them when nothing changes. The transform stays for the
// case that the row is hot again. For rows that others change meanwhile the commit answers kConflict: again.
Status AddColdRows(const catalog::Table& table, const tables::ReadView& newest, hot::Batch& batch);

// The statement's outcome from the commit's. A kConflict without failed_key means that the table changed:
// plan again.
Result<Outcome> FinishWrite(const catalog::Table& table, OutcomeKind kind, hot::CommitResult result);

}  // namespace kalam::sql
