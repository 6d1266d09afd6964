// RowSource: a table's rows for the engine, bound to one principal's scope and one snapshot.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "engine/source.h"
#include "hot/store.h"
#include "tables/key_range.h"

namespace kalam::tables {

// Immutable, thread-safe; `store` outlives it. `now_ms` decides which rows of a STREAM table have expired.
// Every source of one statement shares one snapshot.
class RowSource final : public engine::Source {
 public:
  RowSource(const hot::Store& store, catalog::TablePtr table, std::string_view user_id,
            std::shared_ptr<const hot::Snapshot> snapshot, bool include_deleted, int64_t now_ms);

  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest& request) const override;
  std::string Describe() const override;

  const catalog::Table& table() const { return *table_; }
  const std::string& prefix() const { return prefix_; }

 private:
  const hot::Store& store_;
  catalog::TablePtr table_;
  std::string prefix_;
  KeyRange range_;
  std::shared_ptr<const hot::Snapshot> snapshot_;
  bool include_deleted_;
  std::vector<ResultColumn> columns_;
};

}  // namespace kalam::tables
