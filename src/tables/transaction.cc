#include "tables/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "tables/row_builder.h"

namespace kalam::tables {
namespace {

// The later commit wins: the pending image replaces whatever is there. Deleting what is deleted changes
// nothing.
class LaterCommitWins final : public hot::RowTransform {
 public:
  explicit LaterCommitWins(std::string image) : image_(std::move(image)) {}

  bool needs_current() const override { return false; }
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    const bool gone = !current || hot::RowDeleted(*current);
    if (gone && hot::RowDeleted(image_)) return Effect::kUnchanged;
    next = image_;
    // It was made from another version than the one that it replaces.
    hot::PatchHistory({}, next);
    return Effect::kWrite;
  }

 private:
  const std::string image_;
};

// Between two of them a flush or a compaction has moved rows again.
constexpr int kCommitAttempts = 8;

bool Live(std::optional<std::string_view> row) { return row && !hot::RowDeleted(*row); }

}  // namespace

std::string_view TransactionStateName(TransactionState state) {
  switch (state) {
    case TransactionState::kOpenRead:
      return "open_read";
    case TransactionState::kOpenWrite:
      return "open_write";
    case TransactionState::kCommitting:
      return "committing";
    case TransactionState::kTimedOut:
      return "timed_out";
    case TransactionState::kAborted:
      return "aborted";
  }
  return "aborted";
}

Transaction::Transaction(std::string id, std::string owner_id, hot::Store& store, cold::ColdTier* cold,
                         TransactionList& list, const Clock& clock, const TransactionOptions& options)
    : store_(store),
      list_(list),
      clock_(clock),
      options_(options),
      read_at_(store.last_seq()),
      cold_(cold),
      pin_(cold != nullptr ? cold->Pin() : nullptr),
      snapshot_(std::make_shared<const hot::Snapshot>(store.TakeSnapshot())) {
  info_.id = std::move(id);
  info_.owner_id = std::move(owner_id);
  info_.started_nanos = info_.last_used_nanos = clock.MonotonicNanos();
  info_.snapshot_seq = snapshot_->seq();
  Publish();
}

Transaction::~Transaction() { list_.Remove(info_.id); }

std::unexpected<Error> Transaction::Abort(TransactionState state, Error error) {
  info_.state = state;
  Publish();
  return Fail(std::move(error));
}

Status Transaction::Use(std::string_view verb) {
  const int64_t now = clock_.MonotonicNanos();
  if (info_.state == TransactionState::kTimedOut || now - info_.last_used_nanos > options_.timeout_nanos) {
    return Abort(TransactionState::kTimedOut,
                 Error(ErrorCode::kInvalidOperation,
                       fmt::format("Invalid operation: cannot {} transaction '{}' because it timed out and "
                                   "was aborted (transactions.timeout_secs). Begin a new one",
                                   verb, info_.id)));
  }
  info_.last_used_nanos = now;
  Publish();
  return {};
}

Status Transaction::Touch(const catalog::TablePtr& table) {
  const auto [it, first] = touched_.emplace(table->id, table);
  if (first || it->second->schema().version == table->schema().version) return {};
  return Fail(ErrorCode::kConflict,
              fmt::format("Conflict: table '{}' was altered while transaction '{}' ran. Run it again",
                          table->full_name(), info_.id));
}

Result<int64_t> Transaction::Stage(const catalog::TablePtr& table, hot::Batch batch) {
  if (const Status touched = Touch(table); !touched)
    return Abort(TransactionState::kAborted, touched.error());
  int64_t changed = 0;
  for (hot::RowOp& op : batch.rows) {
    const Result<bool> staged = StageRow(*table, op);
    if (!staged) return Abort(TransactionState::kAborted, staged.error());
    if (*staged) ++changed;
    if (static_cast<int64_t>(overlay_.bytes()) > options_.bytes_max) {
      return Abort(TransactionState::kAborted,
                   Error(ErrorCode::kLimitExceeded,
                         fmt::format("transaction '{}' exceeded buffer limit of {} bytes and was aborted "
                                     "(transactions.max_buffer_bytes). Commit in smaller parts",
                                     info_.id, options_.bytes_max)));
    }
  }
  for (hot::MetaOp& op : batch.meta) {
    if (op.of_applied) op.value = std::exchange(op.of_applied, nullptr)(changed);
    meta_.push_back(std::move(op));
  }
  info_.state = overlay_.empty() ? TransactionState::kOpenRead : TransactionState::kOpenWrite;
  info_.write_count += changed;
  info_.write_bytes = static_cast<int64_t>(overlay_.bytes());
  info_.touched_tables = static_cast<int64_t>(touched_.size());
  Publish();
  return changed;
}

// True when the row changes for the transaction.
Result<bool> Transaction::StageRow(const catalog::Table& table, hot::RowOp& op) {
  RowBuffer buffer;
  KALAM_ASSIGN(const std::optional<std::string_view> current,
               view().Get(table, op.key, op.prefix_size, buffer));
  Overlay::Row row;
  row.prefix_size = op.prefix_size;
  if (current) {
    row.seen = hot::RowSeq(*current);
    row.live_below = !hot::RowDeleted(*current);
    if (buffer.is_cold) row.cold_below = *current;
  }
  if (op.kind == hot::RowOpKind::kInsert) {
    if (Live(current)) {
      if (overlay_.Find(op.key) == nullptr) return Fail(DuplicateKeyError(table, op, false));
      return Fail(
          ErrorCode::kAlreadyExists,
          fmt::format("Already exists: Primary key violation: value '{}' appears multiple times in the "
                      "transaction batch for column '{}'",
                      KeyText(table, op), table.schema().columns[*table.schema().primary_key()].name));
    }
    row.image = std::move(op.value);
  } else if (!op.value.empty()) {
    row.image = std::move(op.value);  // computed from what the transaction sees
  } else {
    KALAM_ASSIGN(const hot::RowTransform::Effect effect, op.transform->Apply(current, row.image));
    if (effect == hot::RowTransform::Effect::kUnchanged) return false;
    hot::PatchSeq(Seq(), row.image);
  }
  overlay_.Put(std::move(op.key), std::move(row));
  return true;
}

hot::Batch Transaction::MakeBatch() {
  hot::Batch batch;
  batch.read_at = read_at_;
  for (const auto& [id, table] : touched_) batch.guards.push_back({id, table->schema().version});
  batch.rows.reserve(overlay_.rows().size());
  for (auto& [key, row] : overlay_.rows()) {
    const bool deletes = hot::RowDeleted(row.image);
    if (!row.live_below && deletes) continue;  // inserted and deleted again
    hot::RowOp& op = batch.rows.emplace_back();
    op.key = key;
    op.prefix_size = row.prefix_size;
    if (!row.live_below) {
      op.kind = hot::RowOpKind::kInsert;
      op.value = std::move(row.image);
      continue;
    }
    op.kind = deletes ? hot::RowOpKind::kDelete : hot::RowOpKind::kUpdate;
    op.seen = row.seen;
    op.cold_before = std::move(row.cold_below);
    if (options_.conflicts == Conflicts::kFirstCommitWins) {
      op.value = std::move(row.image);
    } else {
      op.transform = std::make_shared<LaterCommitWins>(std::move(row.image));
    }
  }
  return batch;
}

Status Transaction::Commit() {
  info_.state = TransactionState::kCommitting;
  Publish();
  hot::Batch batch = MakeBatch();
  batch.meta = std::move(meta_);
  if (batch.rows.empty() && batch.meta.empty()) return {};
  // A flush moves rows and leaves them what they are, so it is no reason to refuse anything.
  const bool may_have_moved = cold_ != nullptr && std::ranges::any_of(batch.rows, [](const hot::RowOp& op) {
                                return op.kind != hot::RowOpKind::kInsert;
                              });
  for (int attempt = 1;; ++attempt) {
    const bool last = !may_have_moved || attempt == kCommitAttempts;
    hot::CommitResult result = store_.Commit(last ? std::move(batch) : batch);
    if (result.status) return {};
    if (!last && result.failed_op && result.status.error().code == ErrorCode::kConflict) {
      KALAM_ASSIGN(const bool moved, ReadMoved(batch));
      if (moved) continue;
    }
    return Abort(TransactionState::kAborted, CommitError(std::move(result)));
  }
}

Result<bool> Transaction::ReadMoved(hot::Batch& batch) const {
  const ReadView now = ReadView{&store_, nullptr, nullptr, cold_, nullptr}.AtSnapshot();
  bool any = false;
  RowBuffer buffer;
  for (hot::RowOp& op : batch.rows) {
    if (op.kind == hot::RowOpKind::kInsert) continue;
    const catalog::Table& table = *touched_.at(hot::TableOf(op.key));
    KALAM_ASSIGN(const bool cold, now.IsCold(table, op.key));
    if (!cold) continue;
    KALAM_ASSIGN(const auto stored, now.Get(table, op.key, op.prefix_size, buffer));
    if (!stored || !buffer.is_cold) continue;
    const Seq seq = hot::RowSeq(*stored);
    if (!op.cold_before.empty() && op.seen == seq) continue;
    // Another version, where the first commit wins, is what the commit is refused for.
    if (!op.transform && op.seen != seq) return false;
    op.seen = seq;
    op.cold_before = *stored;
    any = true;
  }
  return any;
}

Error Transaction::CommitError(hot::CommitResult result) const {
  Error error = std::move(result.status).error();
  if (!result.failed_op) {
    if (error.code != ErrorCode::kConflict) return error;
    return Error(
        ErrorCode::kConflict,
        fmt::format("Conflict: a table that transaction '{}' wrote to was altered or dropped while it "
                    "ran. Run it again",
                    info_.id));
  }
  for (const auto& [id, table] : touched_) {
    if (!result.failed_key.starts_with(hot::SharedPrefix(id))) continue;
    hot::RowOp op;
    op.key = std::move(result.failed_key);
    op.prefix_size = static_cast<uint32_t>(hot::PrefixSize(op.key, table->has_private_rows()));
    if (error.code == ErrorCode::kAlreadyExists) return DuplicateKeyError(*table, op, false);
    if (error.code == ErrorCode::kConflict) {
      return Error(ErrorCode::kConflict,
                   fmt::format("Conflict: row '{}' of table '{}' was changed by another writer since "
                               "transaction '{}' began. Run it again",
                               KeyText(*table, op), table->full_name(), info_.id));
    }
    return error;
  }
  return error;
}

}  // namespace kalam::tables
