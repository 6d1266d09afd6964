#include <algorithm>
#include <array>
#include <utility>

#include "sql/direct.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

// Rows that may be read on the I/O thread without a hand-over: about as long as the hand-over itself takes.
constexpr int64_t kInlineRowsMax = 200;
constexpr int64_t kDeadlineCheckRows = 1024;

}  // namespace

BoundSelect::BoundSelect(const Plan& plan, const BindContext& context, std::optional<int64_t> row_cap)
    : table_(*plan.tables[0].table),
      select_(std::get<DirectSelect>(plan.direct)),
      context_(context),
      row_cap_(row_cap) {
  const TableSchema& schema = table_.schema();
  auto conditions = BindWhere(select_.where, schema, context);
  if (!conditions) return;
  if (select_.limit) {
    limit_ = RowCount(*select_.limit, context);
    if (!limit_) return;
  }
  if (select_.offset) {
    const auto offset = RowCount(*select_.offset, context);
    if (!offset) return;
    offset_ = *offset;
  }
  range_.emplace(tables::ScopeRange(table_, context.principal.user_id, context.services.clock.WallMillis()));
  const auto key = tables::KeyOrdinal(table_);
  bool lists = false;
  for (const tables::Condition& condition : *conditions) {
    const bool null_test =
        condition.op == engine::CompareOp::kIsNull || condition.op == engine::CompareOp::kIsNotNull;
    const bool narrows =
        condition.ordinal == key && !null_test && condition.op != engine::CompareOp::kNotEqual;
    if (!narrows) {
      conditions_.push_back(condition);
      continue;
    }
    const bool list = condition.op == engine::CompareOp::kIn;
    // An over-long text key has no key form; the engine then answers, which finds no such row.
    if (!(list ? range_->NarrowToList(condition.list) : range_->Narrow(condition.op, condition.constant)))
      return;
    lists = lists || list;
  }
  if (lists) keys_ = range_->keys();
  const bool few = limit_ && conditions_.empty() && !select_.count_star && *limit_ <= kInlineRowsMax &&
                   offset_ <= kInlineRowsMax - *limit_;
  const bool few_keys = keys_ && keys_->size() <= kInlineRowsMax;
  cost_ = range_->point() || range_->empty() || few || few_keys ? DirectCost::kShort : DirectCost::kScan;
}

Result<bool> BoundSelect::Open(bool may_block) {
  if (range_->empty()) return true;
  if (keys_) {
    // All of them at one moment.
    view_ = context_.view.AtSnapshot();
    if (may_block || !view_.MayHaveColdRows(table_)) return true;
    for (const std::string& key : *keys_) {
      KALAM_ASSIGN(const bool cold, view_.IsCold(table_, key));
      if (cold) return false;
    }
    return true;
  }
  if (range_->point() && !select_.count_star) {
    if (may_block) return true;
    KALAM_ASSIGN(const bool cold, context_.view.IsCold(table_, *range_->point()));
    return !cold;
  }
  cursor_.emplace(
      context_.view.Scan(range_->begin(), range_->end(),
                         select_.descending ? hot::Direction::kBackward : hot::Direction::kForward));
  return !context_.view.MayHaveColdRows(table_);
}

Result<int64_t> BoundSelect::Run(wire::SqlResponse& response, int64_t deadline_nanos, bool& capped) {
  response.Begin(select_.columns);
  if (!select_.count_star && limit_ == 0) return 0;
  if (range_->point() && !keys_ && !select_.count_star) return RunPoint(*range_->point(), response);
  cells_.resize(select_.projection.size());
  Progress progress;
  if (!range_->empty()) {
    KALAM_TRY(keys_ ? RunKeys(response, progress) : RunScan(response, deadline_nanos, progress));
  }
  capped = progress.capped;
  if (!select_.count_star) return progress.rows;
  if (offset_ > 0 || limit_ == 0) return 0;
  const Value count = Value::BigInt(progress.matched);
  KALAM_TRY(response.Row({&count, 1}));
  return 1;
}

Result<int64_t> BoundSelect::RunPoint(std::string_view key, wire::SqlResponse& response) {
  if (offset_ > 0) return 0;
  tables::RowBuffer bytes;
  KALAM_ASSIGN(const auto stored, context_.view.Get(table_, key, range_->prefix_size(), bytes));
  if (!stored) return 0;
  KALAM_ASSIGN(const hot::RowView row, table_.codec->Open(*stored));
  if (row.deleted() || !tables::Matches(conditions_, row)) return 0;
  std::array<Value, 16> small;
  std::vector<Value> large;
  const size_t count = select_.projection.size();
  if (count > small.size()) large.resize(count);
  Value* cells = large.empty() ? small.data() : large.data();
  for (size_t i = 0; i < count; ++i) cells[i] = tables::CellOf(row, table_.schema(), select_.projection[i]);
  KALAM_TRY(response.Row({cells, count}));
  return 1;
}

Result<bool> BoundSelect::Take(std::string_view stored, wire::SqlResponse& response, Progress& progress) {
  KALAM_ASSIGN(const hot::RowView row, table_.codec->Open(stored));
  if (row.deleted() || !tables::Matches(conditions_, row)) return true;
  ++progress.matched;
  if (select_.count_star || progress.matched <= offset_) return true;
  if (row_cap_ && progress.rows == *row_cap_) {
    progress.capped = true;
    return false;
  }
  for (size_t i = 0; i < cells_.size(); ++i)
    cells_[i] = tables::CellOf(row, table_.schema(), select_.projection[i]);
  KALAM_TRY(response.Row(cells_));
  return ++progress.rows != limit_;
}

Status BoundSelect::RunKeys(wire::SqlResponse& response, Progress& progress) {
  tables::RowBuffer bytes;
  for (size_t i = 0; i < keys_->size(); ++i) {
    const std::string& key = (*keys_)[select_.descending ? keys_->size() - 1 - i : i];
    KALAM_ASSIGN(const auto stored, view_.Get(table_, key, range_->prefix_size(), bytes));
    if (!stored) continue;
    KALAM_ASSIGN(const bool more, Take(*stored, response, progress));
    if (!more) break;
  }
  return {};
}

Status BoundSelect::RunScan(wire::SqlResponse& response, int64_t deadline_nanos, Progress& progress) {
  tables::RowCursor& cursor = *cursor_;
  for (int64_t seen = 1; cursor.Valid(); cursor.Next(), ++seen) {
    if (seen % kDeadlineCheckRows == 0 && context_.services.clock.MonotonicNanos() > deadline_nanos) {
      return Fail(ErrorCode::kDeadline, "Handler execution exceeded its timeout");
    }
    KALAM_ASSIGN(const bool more, Take(cursor.value(), response, progress));
    if (!more) break;
  }
  return cursor.status();
}

}  // namespace kalam::sql
