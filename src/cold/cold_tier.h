// ColdTier: rows in Parquet segments. Reading them with the hot rows as one table, moving them there, and
// everything that becomes of segments later.
//
// Purpose: flush and compaction move rows in chunks, each chunk one commit (hot/batch.h, kMove) together with
//   the segment's record: at every snapshot a live row stands in exactly one place, and a crash between
//   chunks leaves nothing to repair but files that nobody needs.
// Owner and lifetime: main(); pins must die before it. Threads: thread-safe. Flush, Compact and Remove
// exclude
//   each other scope by scope (cold/scope_locks.h): a removal that is done stays done, whatever else runs.
// Errors: those of the store, the engine and the storages; kCorruption when a file does not hold what its
//   records say.
// Limits: TierOptions.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cold/manifest.h"
#include "cold/marks.h"
#include "cold/pins.h"
#include "cold/scope_locks.h"
#include "cold/segment.h"
#include "cold/storage/storage_resolver.h"
#include "cold/table_shape.h"
#include "engine/engine.h"
#include "engine/parquet_writer.h"
#include "hot/cold_keys.h"
#include "hot/store.h"

namespace kalam::cold {

struct MovedHistory;

struct TierOptions {
  uint32_t rows_per_file_max = 1'000'000;
  uint32_t row_group_rows = 8'192;  // bench: a point read pays for one of them, a scan hardly notices
  uint32_t chunk_rows = 2'048;      // moved by one commit; writers wait behind it
  size_t mark_bytes_max = 64u << 20;
  // Compaction: a scope keeps at most so many files that could be merged.
  uint32_t small_files_max = 4;
  // Decoded bytes of the files that one compaction sorts. Files whose keys do not overlap need no sort.
  uint32_t sort_bytes_max = 64u << 20;
};

// What a reader of several sources at one snapshot holds.
using PinPtr = std::shared_ptr<const Pins::Pin>;

// One flush or compaction of a table.
struct TableWork {
  // The table as it is now. Asked after a snapshot was taken: it knows the schema version of every row in it.
  std::function<Result<TableShape>()> shape;
  // The storage of the table, or of the user whose rows are written.
  std::function<std::string(std::string_view user_id)> storage_of;
  // Asked between chunks, and while other work on the same rows is waited for: end with what is done so far.
  std::function<bool()> should_stop;
  // After each chunk, for progress.
  std::function<void(uint64_t rows)> moved;
};

struct FlushReport {
  uint64_t rows = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  bool stopped = false;
  std::vector<std::string> failures;  // scopes that failed, in words; the others went on
};

struct CompactReport {
  uint64_t files_before = 0;
  uint64_t files_after = 0;
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
  uint64_t rows = 0;
  bool stopped = false;
};

struct RemovalReport {
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t files = 0;
  // false: readers still hold some files, or a flush or compaction works on the rows; ask again.
  bool done = true;
};

struct PendingTable {
  TableId table;
  uint64_t rows = 0;           // live rows in the hot tier; counting stops at the limit that was asked for
  int64_t oldest_wall_ms = 0;  // of the oldest of them
};

class ColdTier {
 public:
  ColdTier(hot::Store& store, const engine::Engine& engine, engine::ParquetWriter& writer,
           StorageResolver& storages, const Clock& clock, TierOptions options = {});

  // Reads the segment records and tells the store which tables have cold rows. Files that an earlier run left
  // behind are noted for CollectGarbage. Before the first statement.
  Status Open();

  // --- reading. A reader takes the pin first, then its snapshot.
  PinPtr Pin() { return std::make_shared<const Pins::Pin>(pins_.Take()); }
  // The files with rows of `prefix`; nullptr when there are none. `hidden`: places that the statement does
  // not see (a transaction has changed their rows).
  Result<std::shared_ptr<const engine::FileSet>> Files(const TableShape& shape, std::string_view prefix,
                                                       const hot::Snapshot& snapshot,
                                                       std::span<const hot::ColdPlace> hidden = {});
  // Where the key's live row is in the cold tier, if it is there.
  Result<std::optional<hot::ColdEntry>> Find(std::string_view key, const hot::Snapshot* snapshot) const;
  // The row as it would be stored in the hot tier. Reads a file: not on I/O threads.
  Result<std::string> Row(const TableShape& shape, std::string_view key, size_t prefix_size,
                          const hot::ColdEntry& entry, const hot::Snapshot& snapshot,
                          int64_t deadline_nanos = INT64_MAX);

  // Every cold row whose key starts with the prefix (a table, or a scope of it): its key in the hot tier and
  // its bytes as that would store them. An error of `visit` ends it. The caller holds a pin.
  using VisitRow = std::function<Status(std::string_view key, std::string_view row)>;
  Status ReadRows(const TableShape& shape, std::string_view prefix, const hot::Snapshot& snapshot,
                  const VisitRow& visit);
  // Cold rows of one scope in the order of their _seq, after < _seq <= up_to, at most `limit` of them: what a
  // reader of hot/by_seq misses of rows that have moved. Files without such rows are not opened.
  struct SeqPage {
    Seq after;
    Seq up_to;
    size_t limit = 0;
    bool descending = false;
  };
  Status ReadBySeq(const TableShape& shape, const std::string& prefix, const hot::Snapshot& snapshot,
                   const SeqPage& page, const VisitRow& visit);

  // --- work. Flush and Compact wait for a scope that somebody else works on, Remove answers at once.
  Result<FlushReport> Flush(const TableWork& work);
  Result<CompactReport> Compact(const TableWork& work);
  // Removes the cold rows whose keys start with the prefix (a table, or a scope of it) and their files; needs
  // nothing from the catalog. Repeat until done. The hot rows go before: what a flush still moves of them is
  // removed here, and later ones do not find them.
  Result<RemovalReport> Remove(const std::string& prefix);
  // Deletes files that no reader holds any more. False when some are left.
  Result<bool> CollectGarbage();
  // Tables that compaction could do something for.
  Result<std::vector<TableId>> Compactable();
  // Tables with live hot rows. Counts at most `rows_max` of each; a table is counted anew only after it was
  // written to.
  Result<std::vector<PendingTable>> Pending(std::span<const TableId> tables, uint64_t rows_max);

  // Runs `work` while no file is begun in any storage: what it finds of the segments stays true, and a file
  // that is begun afterwards sees what it did. Not for long.
  Status WhileNoFileBegins(const std::function<Status()>& work);

  const hot::Store& store() const { return store_; }
  MarkCache& marks() { return marks_; }

 private:
  struct Garbage {
    uint64_t moment = 0;
    SegmentPtr segment;
  };
  struct Counted {
    uint64_t writes = 0;
    uint64_t rows_max = 0;
    PendingTable pending;
  };
  class MoveSink;

  Result<engine::DataFile> FileOf(const TableShape& shape, const Segment& segment) const;
  Result<engine::ParsedStatementPtr> Statement(const std::string& sql);
  Result<int64_t> Run(const std::string& sql, std::shared_ptr<const engine::Source> source,
                      std::span<const Value> parameters, RowSink& sink, int64_t deadline_nanos = INT64_MAX);

  Status FlushScope(const TableWork& work, const std::string& prefix, const ScopeLocks::Hold& hold,
                    FlushReport& report);
  Result<std::shared_ptr<Segment>> BeginSegment(const TableWork& work, const TableShape& shape,
                                                const std::string& prefix, ObjectStorePtr& store);
  // Writes, checks and publishes the file; the segment is live with no visible row.
  Status WriteFile(const TableShape& shape, Segment& segment, ObjectStore& store,
                   std::shared_ptr<const engine::Source> source, bool sorted);
  Status ReadStatistics(const TableShape& shape, Segment& segment);
  // Moves the rows of the file into the segment. `histories`: from_hot, of its rows in order. Returns how
  // many moved; `stopped` tells that it ended early.
  Result<uint64_t> MoveRows(const TableWork& work, const TableShape& shape, Segment& segment, bool from_hot,
                            Seq read_at, std::span<const MovedHistory> histories, bool& stopped);
  // Removes file, record and marks.
  Status Abandon(const Segment& segment, ObjectStore& store);
  // Of a segment without visible rows whose work failed: at once, or later when the storage does not answer.
  void Discard(const SegmentPtr& segment, ObjectStore& store);
  Status CompactScope(const TableWork& work, const TableShape& shape, std::vector<SegmentPtr> inputs,
                      CompactReport& report);
  Result<std::vector<SegmentPtr>> ChooseInputs(const std::vector<SegmentPtr>& segments);
  // Finds decoded bytes of inputs that must be sorted and are not known yet. False when there were none.
  Result<bool> Measure(const TableShape& shape, const std::vector<SegmentPtr>& inputs);
  // One batch: the records become `removed`; then they are garbage.
  Status Retire(std::vector<SegmentPtr> segments, std::vector<std::string> dropped_prefixes);
  // Writes manifest.json beside the files. Best effort: the records are the truth. The scope is held.
  void PublishManifest(const TableShape& shape, const std::string& prefix);
  // Those of the table that a crash or a storage that did not answer has left behind.
  void PublishDueManifests(const TableShape& shape);

  hot::Store& store_;
  const engine::Engine& engine_;
  engine::ParquetWriter& writer_;
  StorageResolver& storages_;
  const Clock& clock_;
  const TierOptions options_;
  Pins pins_;
  MarkCache marks_;
  ScopeLocks scope_locks_;

  // Shared from looking up a storage until the segment that names it is recorded. Before mu_.
  std::shared_mutex begin_mu_;
  std::mutex mu_;
  uint64_t next_segment_ = 1;                                               // guarded by mu_
  std::vector<Garbage> garbage_;                                            // guarded by mu_
  std::unordered_map<std::string, engine::ParsedStatementPtr> statements_;  // guarded by mu_
  std::unordered_map<TableId, Counted> counted_;                            // guarded by mu_
  std::unordered_map<uint64_t, uint64_t> decoded_bytes_;                    // guarded by mu_; by segment
};

// The user of a prefix with private rows; empty for shared tables.
std::string UserOf(const TableShape& shape, std::string_view prefix);

}  // namespace kalam::cold
