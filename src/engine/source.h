// Source: anything that a query can scan (a table's rows, a system table).
//
// Owned by the engine module; implemented by tables/ and system/. DuckDB is not visible here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/file_set.h"
#include "model/result.h"
#include "model/value.h"

namespace kalam::engine {

class RowBlock;

// Where a scan puts its rows: a batch of at most capacity() rows, one column per requested column, in request
// order. One thread at a time.
class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  virtual size_t capacity() const = 0;
  // Sets one cell. The kind of `value` must be the column's kind or NULL; text is copied.
  virtual void Set(size_t column, size_t row, const Value& value) = 0;
  // The batch, which is empty, becomes the rows of `block` but for those at the positions `without`
  // (ascending). columns[i]: position in the block of column i of the batch, whose type it has.
  virtual void SetBlock(const RowBlock& block, std::span<const size_t> columns,
                        std::span<const uint16_t> without) = 0;
};

// `column op value`, implied by the query for every row it needs. A source may use it to skip rows; the
// engine filters again, so ignoring it is correct. `value` has the column's type and lives as long as the
// scan.
struct ScanBound {
  enum class Op : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  size_t column = 0;  // position in Source::columns()
  Op op = Op::kEqual;
  Value value;
};

// Both spans live as long as the scan.
struct ScanRequest {
  // Positions in Source::columns() that the query needs, maybe none (COUNT(*)).
  std::span<const size_t> columns;
  std::span<const ScanBound> bounds;  // all of them hold
};

// One running scan. Used by one thread at a time, perhaps different ones.
class SourceScan {
 public:
  virtual ~SourceScan() = default;
  // Writes up to out.capacity() rows and returns how many; 0 = the end.
  virtual Result<size_t> Next(BatchWriter& out) = 0;
};

// A table as one statement sees it: bound to a principal's scope and a snapshot. Immutable, thread-safe,
// shared by the statement.
class Source {
 public:
  virtual ~Source() = default;
  // Columns in SELECT * order; `name` lower case.
  virtual std::span<const ResultColumn> columns() const = 0;
  // May be called more than once by one statement (recursive queries), each time for all rows. The scan is
  // gone when Engine::Run returns.
  virtual Result<std::unique_ptr<SourceScan>> Scan(const ScanRequest& request) const = 0;
  // The same rows in at most `parts_max` scans, the rows of one before those of the next: they may run at the
  // same time, each on a thread of its own.
  virtual Result<std::vector<std::unique_ptr<SourceScan>>> ScanParts(const ScanRequest& request,
                                                                     size_t parts_max) const {
    (void)parts_max;
    std::vector<std::unique_ptr<SourceScan>> parts;
    KALAM_ASSIGN(parts.emplace_back(), Scan(request));
    return parts;
  }
  // Files with further rows; nullptr = none. Together with the scan they are the table.
  virtual std::shared_ptr<const FileSet> files() const { return nullptr; }
  // False: all rows are in files(), Scan is not called.
  virtual bool has_own_rows() const { return true; }
  // Rows, for join order; an estimate. Of the scan alone.
  virtual std::optional<uint64_t> EstimatedRows() const { return std::nullopt; }
  // The column by which scans deliver their rows in ascending order (unique, no NULLs), if any: saves the
  // default sort.
  virtual std::optional<size_t> SortedBy() const { return std::nullopt; }
  // For EXPLAIN: "user table app.notes (hot)".
  virtual std::string Describe() const = 0;
};

}  // namespace kalam::engine
