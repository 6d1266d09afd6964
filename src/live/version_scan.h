// VersionScan: the newest versions of a scope's rows in `_seq` order, hot and cold, tombstones included, in
// batches.
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
#include "catalog/catalog.h"
#include "hot/row_codec.h"
#include "hot/store.h"
#include "live/cold_versions.h"
#include "tables/key_range.h"

namespace kalam::live {

// Versions with after < _seq <= up_to of one snapshot, ascending or descending. Expired rows of STREAM tables
// are left out. `histories`: cold rows get theirs too, which takes a read for each. One thread; store, table
// and snapshot outlive it.
class VersionScan {
 public:
  VersionScan(const hot::Store& store, const catalog::Table& table, std::string prefix,
              const hot::Snapshot& snapshot, Seq after, Seq up_to, hot::Direction direction,
              int64_t now_micros, std::unique_ptr<ColdVersions> cold = nullptr, bool histories = false);

  // Reads all live rows of a part of the scope at once and sorts them, when they are few: then nothing of the
  // index is looked at, which keeps an entry for each change until it is compacted. Tombstones are left out.
  // False when there are too many; the scan then goes on as if this had not been called. Before Next.
  Result<bool> Preload(const tables::KeyRange& range);

  // The next rows, at most kBatchRows; empty = the end. Valid until the next call. With `histories`, deletes
  // of STREAM tables are among them, as tombstones with the last values.
  Result<std::span<const hot::RowView>> Next();
  // Of such a delete, row `i` of the last batch: the _seq of the row.
  Seq erased(size_t i) const { return erased_[i]; }

  static constexpr size_t kBatchRows = 256;
  static constexpr size_t kPreloadRows = 4'096;  // tombstones included
  static constexpr size_t kPreloadBytes = 4u << 20;

 private:
  void OpenCursor();
  // Appends the row under the cursor to the batch.
  Status TakeHot();
  void TakeErased(Seq seq);
  Status TakeCold();
  std::string& Slot();

  const hot::Store& store_;
  const catalog::Table& table_;
  const std::string prefix_;
  const hot::Snapshot& snapshot_;
  const bool stream_;
  Seq after_;
  const Seq up_to_;
  const hot::Direction direction_;
  Seq expired_;  // STREAM: rows below are expired
  // Made by the first Next: only to find the first entry, it passes all that were deleted since the last
  // compaction.
  std::unique_ptr<hot::Cursor> cursor_;
  std::unique_ptr<hot::Cursor> erasures_;  // STREAM
  std::vector<Seq> erased_;                // of each row of the batch; STREAM
  const bool histories_;
  const std::unique_ptr<ColdVersions> cold_;  // nullptr: the scope has no cold rows
  std::string key_;
  hot::PinnedBytes pinned_;
  std::vector<std::string> bytes_;  // reused
  size_t count_ = 0;
  std::vector<hot::RowView> rows_;
  std::optional<std::vector<std::string>> preloaded_;  // in the scan's order
  size_t preloaded_next_ = 0;
};

// The sequence below which rows of this STREAM table are expired; 0 for tables without TTL.
Seq ExpiredBelow(const catalog::Table& table, int64_t now_micros);

}  // namespace kalam::live
