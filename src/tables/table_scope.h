// TableScope: one table's rows as one principal owns or shares them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/seq.h"
#include "model/result.h"
#include "tables/key_range.h"

namespace kalam::tables {

// The key prefix of every row that a statement of `user_id` may see in `table`: its own for USER and STREAM
// tables, all of them for SHARED ones. There is no other way to form a row key, so privacy does not depend on
// the statement.
inline std::string ScopePrefix(const catalog::Table& table, std::string_view user_id) {
  return table.has_private_rows() ? hot::UserPrefix(table.id, user_id) : hot::SharedPrefix(table.id);
}

// The column whose values order a table's keys. STREAM tables are ordered by _seq, so none of theirs.
inline std::optional<size_t> KeyOrdinal(const catalog::Table& table) {
  if (table.type == TableType::kStream) return std::nullopt;
  return table.schema().primary_key();
}

// The _seq from which on a STREAM table's rows are visible at `now_ms`: a row lives while its time + TTL >
// now.
inline Seq FirstVisible(const catalog::Table& table, int64_t now_ms) {
  const int64_t first_ms = now_ms - table.options.ttl_seconds.value_or(0) * 1000 + 1;
  return hot::SeqFloor(std::max(first_ms, hot::kSeqEpochMillis));
}

// The rows of ScopePrefix that are there at `now_ms`: all of them but the expired ones of STREAM tables.
inline KeyRange ScopeRange(const catalog::Table& table, std::string_view user_id, int64_t now_ms) {
  KeyRange range(ScopePrefix(table, user_id));
  if (table.type == TableType::kStream) range.NarrowToSeq(FirstVisible(table, now_ms));
  return range;
}

// Position of the system columns behind the table's own ones, as in SELECT *.
inline size_t SeqOrdinal(const TableSchema& schema) { return schema.columns.size(); }
inline size_t DeletedOrdinal(const TableSchema& schema) { return schema.columns.size() + 1; }

// _seq and _deleted; rows of STREAM tables leave without a tombstone, so these have no _deleted.
inline size_t SystemColumns(const catalog::Table& table) { return table.type == TableType::kStream ? 1 : 2; }
// Columns of SELECT *: the table's own and the system columns.
inline size_t WidthOf(const catalog::Table& table) {
  return table.schema().columns.size() + SystemColumns(table);
}

// The value of a column by its SELECT * position, system columns included.
inline Value CellOf(const hot::RowView& row, const TableSchema& schema, size_t ordinal) {
  if (ordinal < schema.columns.size()) return row.Get(ordinal);
  if (ordinal == SeqOrdinal(schema)) return Value::BigInt(row.seq().value);
  return Value::Boolean(row.deleted());
}

// Position by lower-case name, system columns included.
inline std::optional<size_t> FindColumn(const TableSchema& schema, std::string_view name) {
  if (const auto ordinal = schema.Find(name)) return ordinal;
  if (name == kSeqColumn) return SeqOrdinal(schema);
  if (name == kDeletedColumn) return DeletedOrdinal(schema);
  return std::nullopt;
}

inline ResultColumn ResultColumnOf(const TableSchema& schema, size_t ordinal) {
  if (ordinal < schema.columns.size()) {
    const Column& column = schema.columns[ordinal];
    return {column.name, column.type, column.primary_key, !column.nullable};
  }
  if (ordinal == SeqOrdinal(schema)) return {std::string(kSeqColumn), Type(TypeKind::kBigInt), false, true};
  return {std::string(kDeletedColumn), Type(TypeKind::kBoolean), false, true};
}

}  // namespace kalam::tables
