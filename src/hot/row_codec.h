// Stored rows. The byte format is described in docs/hot-format.md; change both together.
//
//   header (16 bytes, little-endian): format u8 = 1 | flags u8 (1 = deleted, 2 = first version) | changed
//   columns u16 | schema_version u32 | _seq i64 null bitmap, one bit per column of that schema version fixed
//   area: one slot per column, width by type; variable-length columns hold the u32 end offset of their bytes
//   variable area
//
// A deleted row (tombstone) keeps its last column values. The primary key stands in the key and in the row.
// Invariants: 1. _seq is 0 until the committer assigns it (PatchSeq). 2. A row decodes with the schema
// version that it names, never with another; the decoder maps columns by id.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "hot/row_history.h"
#include "model/schema.h"
#include "model/value.h"

namespace kalam::hot {

inline constexpr size_t kRowHeaderSize = 16;

// Reads from the header; the bytes must be at least kRowHeaderSize long (RowCodec::Open checks rows that come
// from disk).
Seq RowSeq(std::string_view row);
bool RowDeleted(std::string_view row);
uint32_t RowSchemaVersion(std::string_view row);
void PatchSeq(Seq seq, std::string& row);
void PatchDeleted(bool deleted, std::string& row);  // the history stays
RowHistory RowHistoryOf(std::string_view row);
void PatchHistory(RowHistory history, std::string& row);

class RowCodec;

// A stored row, seen through the current schema. Points into the row's bytes and the codec; both must outlive
// it.
class RowView {
 public:
  // The value of the column at `ordinal` of the current schema. Text points into the row's bytes (or the
  // codec, for an initial default). Columns that are newer than the row give their initial default, widened
  // types their widened value.
  Value Get(size_t ordinal) const;
  Seq seq() const { return RowSeq(row_); }
  bool deleted() const { return RowDeleted(row_); }
  RowHistory history() const { return RowHistoryOf(row_); }
  std::string_view bytes() const { return row_; }

 private:
  friend class RowCodec;
  struct Slot;
  std::string_view row_;
  const Slot* slots_ = nullptr;
  const char* variable_ = nullptr;
};

// Encodes rows of the newest schema version and decodes rows of every version. Immutable, thread-safe.
class RowCodec {
 public:
  // `versions` ascending by version number, at least one; copied.
  explicit RowCodec(std::vector<TableSchema> versions);
  ~RowCodec();
  RowCodec(const RowCodec&) = delete;
  RowCodec& operator=(const RowCodec&) = delete;

  const TableSchema& schema() const { return versions_.back(); }

  // Appends a live row to `out` with _seq 0. `values` are in ordinal order and already of their column's type
  // (or NULL). Fails with kLimitExceeded when the row is larger than limits::kRowBytesMax. NOT NULL is the
  // caller's business.
  Status Encode(std::span<const Value> values, std::string& out) const;

  // Checks the bytes (format, version, bounds of every offset) and gives a view. kCorruption names what is
  // wrong.
  Result<RowView> Open(std::string_view row) const;

  // True when a column of type `from` may become `to` without rewriting rows: SMALLINT -> INT -> BIGINT,
  // SMALLINT/INT -> DOUBLE, FLOAT
  // -> DOUBLE, integers -> DECIMAL with room for every value, DECIMAL -> more digits before the point with
  // the same scale, DATE -> TIMESTAMP or DATETIME, TIMESTAMP <-> DATETIME, JSON/FILE -> TEXT, TEXT -> JSON,
  // and a type to itself.
  static bool CanWiden(const DataType& from, const DataType& to);

 private:
  struct Version;
  const std::vector<TableSchema> versions_;
  std::vector<std::unique_ptr<Version>> decoders_;  // parallel to versions_
};

}  // namespace kalam::hot
