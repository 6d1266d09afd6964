// Sources of the cold tier's own statements: hot rows on their way into a file, and files alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cold/table_shape.h"
#include "engine/source.h"
#include "hot/store.h"

namespace kalam::cold {

// The columns of a table as statements see them: its own, _seq, _deleted.
std::vector<ResultColumn> ColumnsOf(const TableSchema& schema);
// How they are found in files.
std::vector<engine::FileColumn> FileColumnsOf(const TableSchema& schema);

// The history of a row on its way into a file, where it has no place. `seq_end`: the low bits of its
// sequence.
struct MovedHistory {
  uint32_t seq_end = 0;
  hot::RowHistory history;
};

// Live hot rows of the keys [begin, end) at a snapshot, at most `rows_max`. One scan, on one thread.
class HotRows final : public engine::Source {
 public:
  HotRows(const hot::Store& store, const TableShape& shape, std::shared_ptr<const hot::Snapshot> snapshot,
          std::string begin, std::string end, uint64_t rows_max);

  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override;
  std::string Describe() const override { return "hot rows of " + shape_.full_name(); }

  // After the scan: the rows that it gave, and the key of the first one that it did not, empty = it gave all.
  uint64_t rows() const { return rows_; }
  const std::string& next_key() const { return next_key_; }
  // Of the rows that it gave, in their order.
  std::vector<MovedHistory> TakeHistories() { return std::move(histories_); }

 private:
  class RowScan;
  const hot::Store& store_;
  const TableShape shape_;
  const std::shared_ptr<const hot::Snapshot> snapshot_;
  const std::string begin_;
  const std::string end_;
  const uint64_t rows_max_;
  const std::vector<ResultColumn> columns_;
  mutable uint64_t rows_ = 0;
  mutable std::string next_key_;
  mutable std::vector<MovedHistory> histories_;
};

// Rows of files alone.
class FileRows final : public engine::Source {
 public:
  // The position of a row in its file is one more column, "_row", when `row_numbers`.
  FileRows(const TableSchema& schema, std::vector<engine::DataFile> files, bool row_numbers);

  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override;
  std::string Describe() const override { return "files"; }
  std::shared_ptr<const engine::FileSet> files() const override { return set_; }
  bool has_own_rows() const override { return false; }

 private:
  std::vector<ResultColumn> columns_;
  std::shared_ptr<engine::FileSet> set_;
};

inline constexpr const char* kRowNumberColumn = "_row";

}  // namespace kalam::cold
