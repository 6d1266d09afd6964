// Scans of hot rows that take from the ColumnCache what it has, and fill it.
//
// They give exactly the rows that a scan of the hot tier at the same snapshot gives, but in another order:
// rows that changed since the cache was filled come behind the others of their part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/source.h"
#include "tables/column_cache.h"
#include "tables/key_range.h"
#include "tables/read_view.h"

namespace kalam::tables {

struct CachedScanRequest {
  const ReadView& view;            // with a snapshot and a cache, without pending rows
  const catalog::TablePtr& table;  // not a STREAM table
  std::string_view prefix;         // of the scope
  const KeyRange& range;           // of it
  const engine::ScanRequest& scan;
  size_t parts_max = 1;
  uint64_t rows = 0;  // of the scope, about
};

// The parts of the scan; none when the cache has nothing for it and is not to be filled by it.
Result<std::vector<std::unique_ptr<engine::SourceScan>>> CachedScanParts(const CachedScanRequest& request);

}  // namespace kalam::tables
