// FileSet: immutable Parquet files that hold further rows of a Source.
//
// A statement sees the rows of the source's own scan and of its files as one table. Columns are found by
// field id, so files of older schemas read as the columns of today.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"
#include "model/value.h"

namespace kalam::engine {

// Field ids of columns that are no column of the table. Column ids are far below.
inline constexpr int32_t kSeqField = 2'147'000'001;
inline constexpr int32_t kDeletedField = 2'147'000'002;  // in no file: its default counts
// The position of the row in its file, BIGINT. Not stored.
inline constexpr int32_t kRowNumberField = 2'147'000'003;

// Rows of one file that do not count. Immutable, thread-safe.
class DeadRows {
 public:
  virtual ~DeadRows() = default;
  // The offsets within [start, start + count) of rows that count, ascending, into `out`; returns how many.
  virtual size_t Alive(uint32_t start, size_t count, uint32_t* out) const = 0;
};

// How the engine names an object of a storage. No statement can open such a file.
inline std::string FileName(std::string_view storage_id, std::string_view path) {
  return "kalam://" + std::string(storage_id) + "/" + std::string(path);
}

struct DataFile {
  std::string path;  // as the engine's file system has it
  uint64_t size = 0;
  uint32_t visible_rows = 0;             // rows from here on do not count
  uint32_t rows = 0;                     // in the file
  std::shared_ptr<const DeadRows> dead;  // null: none
  // Of the rows in the file. They serve to leave the file out; NULL: not known.
  OwnedValue key_min;
  OwnedValue key_max;
  int64_t seq_min = INT64_MIN;
  int64_t seq_max = INT64_MAX;
};

struct FileColumn {
  int32_t field_id = 0;
  OwnedValue when_absent;  // of the column's type: what files without the column read as
};

// Immutable, thread-safe.
struct FileSet {
  std::vector<DataFile> files;
  std::vector<FileColumn> columns;   // parallel to Source::columns()
  std::optional<size_t> key_column;  // of key_min and key_max
  std::optional<size_t> seq_column;
};

}  // namespace kalam::engine
