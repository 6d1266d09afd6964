// RowHistory: what a stored row tells of the versions of its key that came before it. So a reader that was
// away can tell whether a row that is not in its result now can have been in it. Stored in the header of rows
// and in the entries of cold ones (docs/hot-format.md).
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace kalam::hot {

struct RowHistory {
  // The only version there was, or the tombstone of it: when it was inserted there was no entry, not even a
  // tombstone. So nobody can have seen other values.
  bool first = false;
  // Bits (HistoryBit) of the columns that may have had other values since the row was inserted; 0 without
  // `first` = nothing is known.
  uint16_t changed = 0;

  // Can one of these columns have had another value?
  bool MayDiffer(uint16_t columns) const { return !first && (changed == 0 || (changed & columns) != 0); }
  // The history after a change of these columns, at least one.
  RowHistory After(uint16_t columns) const {
    if (first) return {false, columns};
    return {false, static_cast<uint16_t>(changed == 0 ? 0 : changed | columns)};
  }
  friend bool operator==(const RowHistory&, const RowHistory&) = default;
};

// Columns whose ids are 16 apart share a bit: then more seems to have changed, never less.
inline uint16_t HistoryBit(ColumnId column) { return static_cast<uint16_t>(1u << (column.value % 16)); }

}  // namespace kalam::hot
