#include "tables/row_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "hot/row_codec.h"

namespace kalam::tables {
namespace {

struct IntegerRange {
  int64_t min;
  int64_t max;
};

IntegerRange RangeOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kSmallInt:
      return {std::numeric_limits<int16_t>::min(), std::numeric_limits<int16_t>::max()};
    case TypeKind::kInt:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    default:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  }
}

}  // namespace

bool Matches(const std::vector<OwnedCondition>& conditions, const hot::RowView& row) {
  return std::ranges::all_of(conditions, [&](const OwnedCondition& condition) {
    const Condition one{condition.ordinal, condition.op, condition.constant.view(), {}};
    return Matches(std::span(&one, 1), row);
  });
}

OwnedConditions::OwnedConditions(std::span<const Condition> conditions)
    : conditions_(conditions.begin(), conditions.end()) {
  size_t count = 0;
  for (const Condition& condition : conditions_) count += 1 + condition.list.size();
  constants_.reserve(count);  // they stay where they are
  const auto own = [this](Value& value) { value = constants_.emplace_back(value).view(); };
  for (Condition& condition : conditions_) {
    if (condition.op == engine::CompareOp::kIn) {
      for (Value& value : condition.list) own(value);
    } else {
      own(condition.constant);
    }
  }
}

UpdateChange::UpdateChange(catalog::TablePtr table, std::vector<Assignment> assignments,
                           std::span<const Condition> where)
    : table_(std::move(table)), assignments_(std::move(assignments)), where_(where) {}

Result<Value> UpdateChange::NewValue(const Assignment& assignment, const hot::RowView& row) const {
  const Column& column = table_->schema().columns[assignment.ordinal];
  Value value = assignment.constant.view();
  if (assignment.form != Assignment::Form::kConstant) {
    const Value source = row.Get(assignment.source_ordinal);
    if (source.is_null) {
      value = Value::Null(column.type.kind);
    } else {
      int64_t sum = 0;
      const bool overflow = assignment.form == Assignment::Form::kPlus
                                ? __builtin_add_overflow(source.integer, value.integer, &sum)
                                : __builtin_sub_overflow(source.integer, value.integer, &sum);
      const IntegerRange range = RangeOf(column.type.kind);
      if (overflow || sum < range.min || sum > range.max) {
        return Fail(ErrorCode::kConstraint, fmt::format("Value out of range for column '{}' of type {}",
                                                        column.name, SqlName(column.type)));
      }
      value = Value::Integer(column.type.kind, sum);
    }
  }
  if (value.is_null && !column.nullable) {
    return Fail(
        ErrorCode::kConstraint,
        fmt::format("NOT NULL constraint violation: column '{}' cannot be NULL (row 1)", column.name));
  }
  return value;
}

Result<hot::RowTransform::Effect> UpdateChange::Apply(std::optional<std::string_view> current,
                                                      std::string& next) const {
  if (!current) return Effect::kUnchanged;
  KALAM_ASSIGN(const hot::RowView row, table_->codec->Open(*current));
  if (row.deleted() || !Matches(where_.view(), row)) return Effect::kUnchanged;
  std::vector<Value> values(table_->schema().columns.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = row.Get(i);
  uint16_t changed = 0;
  for (const Assignment& assignment : assignments_) {
    KALAM_ASSIGN(const Value value, NewValue(assignment, row));
    if (!Identical(value, values[assignment.ordinal])) {
      changed |= hot::HistoryBit(table_->schema().columns[assignment.ordinal].id);
    }
    values[assignment.ordinal] = value;
  }
  if (changed == 0) return Effect::kUnchanged;
  next.clear();
  KALAM_TRY(table_->codec->Encode(values, next));
  hot::PatchHistory(hot::RowHistoryOf(*current).After(changed), next);
  return Effect::kWrite;
}

DeleteChange::DeleteChange(catalog::TablePtr table, std::span<const Condition> where)
    : table_(std::move(table)), where_(where) {}

Result<hot::RowTransform::Effect> DeleteChange::Apply(std::optional<std::string_view> current,
                                                      std::string& next) const {
  if (!current) return Effect::kUnchanged;
  KALAM_ASSIGN(const hot::RowView row, table_->codec->Open(*current));
  if (row.deleted() || !Matches(where_.view(), row)) return Effect::kUnchanged;
  next.assign(*current);
  hot::PatchDeleted(true, next);
  return Effect::kWrite;
}

}  // namespace kalam::tables
