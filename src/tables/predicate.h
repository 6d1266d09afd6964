// Predicate: a conjunction of column comparisons, evaluated without the engine.
//
// Only comparisons whose outcome is the same in the engine by construction are representable: an integer,
// boolean, text, date, time or UUID column against a constant of exactly its type, and IS [NOT] NULL on any
// column. Everything else goes through the engine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/statement.h"
#include "hot/row_codec.h"
#include "model/schema.h"
#include "model/value.h"

namespace kalam::tables {

struct Condition {
  size_t ordinal = 0;  // in the table's schema (not a system column)
  engine::CompareOp op = engine::CompareOp::kEqual;
  // Of the column's type, not NULL; unused for IS [NOT] NULL and IN. The owner keeps the bytes of values
  // alive.
  Value constant;
  std::vector<Value> list;  // of IN: as `constant`, ascending, each once
};

// True when columns of this type may be compared with constants of the same type here.
bool IsComparable(TypeKind kind);

// -1, 0, 1. Both values have the same comparable kind and are not NULL.
int Compare(const Value& a, const Value& b);

// `value` is not NULL; `op` compares with one constant.
bool Holds(const Value& value, engine::CompareOp op, const Value& constant);

// SQL's three-valued AND, with NULL counted as "no match".
bool Matches(std::span<const Condition> conditions, const hot::RowView& row);

}  // namespace kalam::tables
