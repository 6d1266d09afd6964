// The two column families that tell where cold rows are. The byte format is described in docs/hot-format.md;
// change both together.
//
//   cold_keys:   key as in `rows`                      -> ColdEntry: the live version is in that segment
//   cold_marks:  segment u64 | row u32, big-endian     -> nothing: that row of the segment is dead
//                segment u64 | FFFFFFFF                -> u32 big-endian: how many marks the segment has
//
// Invariants: a key has an entry in `rows` or in `cold_keys`, never in both. A place is marked at most once,
// so the number of marks names one state of a segment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/ids.h"
#include "hot/batch.h"

namespace kalam::hot {

struct ColdEntry {
  ColdPlace place;
  Seq seq;
  RowHistory history;
};

void AppendColdEntry(const ColdEntry& entry, std::string& out);
// kCorruption when the bytes are not an entry.
Result<ColdEntry> DecodeColdEntry(std::string_view bytes);

inline constexpr uint32_t kMarkCountRow = 0xFFFFFFFF;
// Rows of one segment; the last number is the count's.
inline constexpr uint32_t kColdRowsMax = 0xFFFFFFFE;

std::string MarkKey(uint64_t segment, uint32_t row);
Result<ColdPlace> DecodeMarkKey(std::string_view key);
// Keys of all marks of a segment, without its count: [begin, end).
inline std::string MarksBegin(uint64_t segment) { return MarkKey(segment, 0); }
inline std::string MarksEnd(uint64_t segment) { return MarkKey(segment, kMarkCountRow); }
std::string EncodeMarkCount(uint32_t count);
Result<uint32_t> DecodeMarkCount(std::string_view bytes);

// Which tables may have cold rows; only for those does anybody look at `cold_keys`. Thread-safe. A table is
// added before its first row moves and stays: whoever sees a row gone from `rows` sees the table in here.
class ColdTables {
 public:
  void Add(TableId table) {
    std::unique_lock lock(mu_);
    tables_.insert(table);
    any_.store(true, std::memory_order_release);
  }
  bool Has(TableId table) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    std::shared_lock lock(mu_);
    return tables_.contains(table);
  }

 private:
  std::atomic<bool> any_{false};
  mutable std::shared_mutex mu_;
  std::unordered_set<TableId> tables_;  // guarded by mu_
};

}  // namespace kalam::hot
