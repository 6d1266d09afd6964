// RowSource: a table's rows for the engine, bound to one principal's scope and one read view.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "engine/source.h"
#include "tables/key_range.h"
#include "tables/read_view.h"

namespace kalam::tables {

// Immutable, thread-safe; what `view` points to outlives it. `now_ms` decides which rows of a STREAM table
// have expired. Every source of one statement shares one snapshot.
class RowSource final : public engine::Source {
 public:
  // `view` has a snapshot. Looks up which files hold rows of the scope.
  static Result<std::shared_ptr<const RowSource>> Make(ReadView view, catalog::TablePtr table,
                                                       std::string_view user_id, bool include_deleted,
                                                       int64_t now_ms);

  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override;
  Result<std::vector<std::unique_ptr<engine::SourceScan>>> ScanParts(const engine::ScanRequest& request,
                                                                     size_t parts_max) const override;
  std::optional<uint64_t> EstimatedRows() const override;
  // Events of STREAM tables come in the order of their arrival.
  std::optional<size_t> SortedBy() const override {
    if (table_->type != TableType::kStream) return std::nullopt;
    return table_->schema().columns.size();
  }
  std::string Describe() const override;
  std::shared_ptr<const engine::FileSet> files() const override { return files_; }

  const catalog::Table& table() const { return *table_; }
  const std::string& prefix() const { return prefix_; }

 private:
  RowSource(ReadView view, catalog::TablePtr table, std::string_view user_id, bool include_deleted,
            int64_t now_ms);
  Status FindFiles();
  bool MayUseCache() const;
  // The part of the scope that the bounds leave over.
  KeyRange RangeOf(const engine::ScanRequest& request) const;
  std::unique_ptr<engine::SourceScan> ScanRange(const engine::ScanRequest& request, std::string_view begin,
                                                std::string_view end) const;

  ReadView view_;
  catalog::TablePtr table_;
  std::string prefix_;
  KeyRange range_;
  bool include_deleted_;
  std::vector<ResultColumn> columns_;
  std::shared_ptr<const engine::FileSet> files_;
};

}  // namespace kalam::tables
