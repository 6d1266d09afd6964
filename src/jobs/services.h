// What executors work with: references that main() fills once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "auth/users.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "cold/storage/object_store.h"
#include "config/settings.h"
#include "hot/store.h"
#include "jobs/scheduler.h"

namespace kalam::cold {
class ColdTier;
}

namespace kalam::topics {
class Topics;
}

namespace kalam::jobs {

// What a step of an erasure in the cold tier has removed.
struct ErasedCold {
  int64_t rows = 0;
  int64_t bytes = 0;
  bool done = true;
};
// Removes cold rows whose keys start with the prefix (table, or table and scope) and their files, a bounded
// step at a time. Knows nothing of the catalog; calling it again is harmless.
using EraseCold = std::function<Result<ErasedCold>(std::string_view key_prefix)>;

// Live rows of a table that are in the hot tier only.
struct PendingRows {
  TableId table;
  int64_t rows = 0;       // counting may stop at `rows_max`
  int64_t oldest_ms = 0;  // wall clock
};
// Tables without pending rows are left out.
using Pending =
    std::function<Result<std::vector<PendingRows>>(std::span<const TableId> tables, int64_t rows_max)>;

// Gives every live cold row of the table at the snapshot, as key and stored bytes of the newest schema
// version.
using RowFn = std::function<Status(std::string_view key, std::string_view row)>;
using ReadCold =
    std::function<Status(const catalog::Table& table, const hot::Snapshot& snapshot, const RowFn&)>;
using StoreOf = std::function<Result<cold::ObjectStorePtr>(std::string_view storage_id)>;

struct JobServices {
  const config::Settings& settings;
  const Clock& clock;
  hot::Store& store;
  catalog::Catalog& catalog;
  auth::Users& users;
  topics::Topics* topics = nullptr;  // nullptr: no jobs of topics
  cold::ColdTier* cold = nullptr;    // nullptr: no jobs of the cold tier
  // Empty while there is no cold tier.
  Pending pending = {};
  std::function<Result<std::vector<TableId>>()> compactable = {};  // tables whose files should be merged
  std::function<Status()> collect_garbage = {};                    // files that nobody reads any more
  EraseCold erase_cold = {};
  ReadCold read_cold = {};
  StoreOf store_of = {};
  // Follow-up jobs of executors. A duplicate is no failure.
  std::function<Status(JobRequest)> create_job = {};
};

}  // namespace kalam::jobs
