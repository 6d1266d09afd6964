#include "tables/predicate.h"

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

bool Matches(std::span<const Condition> conditions, const hot::RowView& row) {
  for (const Condition& condition : conditions) {
    const Value value = row.Get(condition.ordinal);
    if (condition.op == CompareOp::kIsNull || condition.op == CompareOp::kIsNotNull) {
      if (value.is_null != (condition.op == CompareOp::kIsNull)) return false;
      continue;
    }
    if (value.is_null) return false;
    const int order = Compare(value, condition.constant);
    bool holds = false;
    switch (condition.op) {
      case CompareOp::kEqual:
        holds = order == 0;
        break;
      case CompareOp::kNotEqual:
        holds = order != 0;
        break;
      case CompareOp::kLess:
        holds = order < 0;
        break;
      case CompareOp::kLessEqual:
        holds = order <= 0;
        break;
      case CompareOp::kGreater:
        holds = order > 0;
        break;
      case CompareOp::kGreaterEqual:
        holds = order >= 0;
        break;
      default:
        break;
    }
    if (!holds) return false;
  }
  return true;
}

}  // namespace kalam::tables
