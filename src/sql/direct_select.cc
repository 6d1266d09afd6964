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
  for (const tables::Condition& condition : *conditions) {
    const bool null_test =
        condition.op == engine::CompareOp::kIsNull || condition.op == engine::CompareOp::kIsNotNull;
    const bool narrows =
        condition.ordinal == key && !null_test && condition.op != engine::CompareOp::kNotEqual;
    if (narrows) {
      // An over-long text key has no key form; the engine then answers, which finds no such row.
      if (!range_->Narrow(condition.op, condition.constant)) return;
    } else {
      conditions_.push_back(condition);
    }
  }
  const bool few =
      limit_ && conditions_.empty() && *limit_ + offset_ <= kInlineRowsMax && !select_.count_star;
  cost_ = range_->point() || range_->empty() || few ? DirectCost::kShort : DirectCost::kScan;
}

Result<bool> BoundSelect::Open(bool may_block) {
  if (range_->empty()) return true;
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
  if (range_->point() && !select_.count_star) return RunPoint(*range_->point(), response);
  return RunScan(response, deadline_nanos, capped);
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

Result<int64_t> BoundSelect::RunScan(wire::SqlResponse& response, int64_t deadline_nanos, bool& capped) {
  std::vector<Value> cells(select_.projection.size());
  int64_t seen = 0;
  int64_t matched = 0;
  int64_t rows = 0;
  if (!range_->empty()) {
    tables::RowCursor& cursor = *cursor_;
    for (; cursor.Valid(); cursor.Next()) {
      if (++seen % kDeadlineCheckRows == 0 && context_.services.clock.MonotonicNanos() > deadline_nanos) {
        return Fail(ErrorCode::kDeadline, "Handler execution exceeded its timeout");
      }
      KALAM_ASSIGN(const hot::RowView row, table_.codec->Open(cursor.value()));
      if (row.deleted() || !tables::Matches(conditions_, row)) continue;
      ++matched;
      if (select_.count_star) continue;
      if (matched <= offset_) continue;
      if (row_cap_ && rows == *row_cap_) {
        capped = true;
        break;
      }
      for (size_t i = 0; i < cells.size(); ++i)
        cells[i] = tables::CellOf(row, table_.schema(), select_.projection[i]);
      KALAM_TRY(response.Row(cells));
      if (++rows == limit_) break;
    }
    KALAM_TRY(cursor.status());
  }
  if (!select_.count_star) return rows;
  if (offset_ > 0 || limit_ == 0) return 0;
  const Value count = Value::BigInt(matched);
  KALAM_TRY(response.Row({&count, 1}));
  return 1;
}

}  // namespace kalam::sql
