// Flush: live hot rows of a table to segments, scope by scope.
//
// Steps per scope and file: 1 record `writing`; 2 the file, from a snapshot; 3 record `live`, no row visible;
// 4 the rows move in chunks, each with the record that makes them visible. A crash after any of them is a
// state that readers understand: after 1-3 the record is garbage, after a chunk of 4 the rest of the file is.
#include <fmt/format.h>

#include <utility>

#include "cold/cold_tier.h"
#include "cold/sources.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {
namespace {

// The next scope with rows at or behind `from`; nullopt = none.
Result<std::optional<std::string>> NextScope(const hot::Store& store, const TableShape& shape,
                                             const std::string& from) {
  auto cursor = store.Scan(hot::Space::kRows, from, hot::PrefixEnd(hot::SharedPrefix(shape.id)));
  KALAM_TRY(cursor->status());
  if (!cursor->Valid()) return std::nullopt;
  const size_t size = hot::PrefixSize(cursor->key(), shape.has_private_rows());
  if (size == 0) return Fail(ErrorCode::kCorruption, "a stored row key is malformed");
  return std::string(cursor->key().substr(0, size));
}

// The first live row of the range at the snapshot, if there is any.
Result<bool> HasLiveRow(const hot::Store& store, const hot::Snapshot& snapshot, const std::string& begin,
                        const std::string& end) {
  auto cursor = store.Scan(hot::Space::kRows, begin, end, hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    if (cursor->value().size() >= hot::kRowHeaderSize && !hot::RowDeleted(cursor->value())) return true;
  }
  KALAM_TRY(cursor->status());
  return false;
}

}  // namespace

Result<FlushReport> ColdTier::Flush(const TableWork& work) {
  FlushReport report;
  KALAM_ASSIGN(const TableShape shape, work.shape());
  if (!shape.schema().primary_key()) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Table {} has no primary key and cannot be flushed", shape.full_name()));
  }
  std::string from = hot::SharedPrefix(shape.id);
  Error last;
  while (!report.stopped) {
    if (work.should_stop && work.should_stop()) {
      report.stopped = true;
      break;
    }
    KALAM_ASSIGN(const auto scope, NextScope(store_, shape, from));
    if (!scope) break;
    from = hot::PrefixEnd(*scope);
    const ScopeLocks::Hold hold = scope_locks_.Take(*scope, work.should_stop);
    if (!hold) {
      report.stopped = true;
      break;
    }
    const uint64_t files = report.files;
    const Status flushed = FlushScope(work, *scope, hold, report);
    if (!flushed) {
      // One user's storage must not hold up the others.
      last = flushed.error();
      report.failures.push_back(last.message);
      if (!shape.has_private_rows()) return Fail(std::move(last));
    }
    if (report.files > files) PublishManifest(shape, *scope);
  }
  PublishDueManifests(shape);
  if (!report.failures.empty() && report.files == 0) return Fail(std::move(last));
  return report;
}

Status ColdTier::FlushScope(const TableWork& work, const std::string& prefix, const ScopeLocks::Hold& hold,
                            FlushReport& report) {
  // Before the snapshot: nobody wrote what the snapshot shows after this.
  const Seq read_at = store_.last_seq();
  auto snapshot = std::make_shared<const hot::Snapshot>(store_.TakeSnapshot());
  KALAM_ASSIGN(const TableShape shape, work.shape());
  const std::string end = hot::PrefixEnd(prefix);
  // Rows that a removal waits for are gone already, but for those of the snapshot.
  for (std::string begin = prefix; !begin.empty() && !report.stopped && !hold.wanted();) {
    KALAM_ASSIGN(const bool any, HasLiveRow(store_, *snapshot, begin, end));
    if (!any) break;
    auto rows = std::make_shared<HotRows>(store_, shape, snapshot, begin, end, options_.rows_per_file_max);
    ObjectStorePtr store;
    KALAM_ASSIGN(const std::shared_ptr<Segment> segment, BeginSegment(work, shape, prefix, store));
    Status written = WriteFile(shape, *segment, *store, rows, true);
    if (written && segment->rows != rows->rows()) {
      written = Fail(ErrorCode::kCorruption,
                     fmt::format("file '{}' of table {} has {} rows; {} were written", segment->path,
                                 shape.full_name(), segment->rows, rows->rows()));
    }
    if (!written) {
      Discard(segment, *store);
      return written;
    }
    // The snapshot would keep what the moves delete.
    std::string next = rows->next_key();
    const std::vector<MovedHistory> histories = rows->TakeHistories();
    rows.reset();
    if (next.empty()) snapshot.reset();
    bool stopped = false;
    KALAM_ASSIGN(const uint64_t moved, MoveRows(work, shape, *segment, true, read_at, histories, stopped));
    report.rows += moved;
    report.files += 1;
    report.bytes += segment->bytes;
    report.stopped = stopped;
    begin = std::move(next);
  }
  return {};
}

}  // namespace kalam::cold
