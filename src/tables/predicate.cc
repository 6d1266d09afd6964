#include "tables/predicate.h"

#include <algorithm>

namespace kalam::tables {

using engine::CompareOp;

bool IsComparable(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
    case TypeKind::kText:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
    case TypeKind::kUuid:
      return true;
    default:
      return false;
  }
}

int Compare(const Value& a, const Value& b) {
  if (a.kind == TypeKind::kText) {
    const int order = a.text().compare(b.text());
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  if (a.kind == TypeKind::kUuid) {
    const auto x = static_cast<unsigned __int128>(a.wide);
    const auto y = static_cast<unsigned __int128>(b.wide);
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  return a.integer < b.integer ? -1 : (a.integer > b.integer ? 1 : 0);
}

bool Holds(const Value& value, CompareOp op, const Value& constant) {
  const int order = Compare(value, constant);
  switch (op) {
    case CompareOp::kEqual:
      return order == 0;
    case CompareOp::kNotEqual:
      return order != 0;
    case CompareOp::kLess:
      return order < 0;
    case CompareOp::kLessEqual:
      return order <= 0;
    case CompareOp::kGreater:
      return order > 0;
    case CompareOp::kGreaterEqual:
      return order >= 0;
    default:
      return false;
  }
}

bool Matches(std::span<const Condition> conditions, const hot::RowView& row) {
  return std::ranges::all_of(conditions, [&](const Condition& condition) {
    const Value value = row.Get(condition.ordinal);
    if (condition.op == CompareOp::kIsNull) return value.is_null;
    if (condition.op == CompareOp::kIsNotNull) return !value.is_null;
    if (value.is_null) return false;
    if (condition.op != CompareOp::kIn) return Holds(value, condition.op, condition.constant);
    return std::ranges::binary_search(condition.list, value,
                                      [](const Value& a, const Value& b) { return Compare(a, b) < 0; });
  });
}

}  // namespace kalam::tables
