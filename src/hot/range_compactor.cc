#include "hot/range_compactor.h"

#include <pthread.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <utility>

#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::hot {
namespace {

// Fewer cost a scan less than a millisecond.
constexpr uint64_t kRowsMin = 4'096;
// A flush moves a chunk every few milliseconds. A compaction beside it would take a core from those who read
// and write meanwhile, and leave the next chunks' deletions for another one.
constexpr auto kQuiet = std::chrono::seconds(1);

}  // namespace

void RangeCompactor::Note(TableId table, uint64_t rows) {
  std::lock_guard lock(mu_);
  if (stopping_) return;
  Moved& moved = moved_[table];
  moved.rows += rows;
  moved.last = Clock::now();
  moved.position = database_.db->GetLatestSequenceNumber();
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "range-compactor");
  }
  wake_.notify_one();
}

void RangeCompactor::Stop() {
  std::thread thread;
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    cancelled_ = true;
    thread = std::move(thread_);
    wake_.notify_one();
  }
  if (thread.joinable()) thread.join();
}

void RangeCompactor::Run() {
  std::unique_lock lock(mu_);
  while (!stopping_) {
    auto due = moved_.end();
    auto next = Clock::time_point::max();
    for (auto it = moved_.begin(); it != moved_.end(); ++it) {
      if (it->second.rows < kRowsMin) continue;
      const auto at = it->second.last + kQuiet;
      if (at < next) next = at, due = it;
    }
    if (due == moved_.end()) {
      wake_.wait(lock);
    } else if (next > Clock::now()) {
      wake_.wait_until(lock, next);
    } else if (SnapshotBefore(due->second.position)) {
      due->second.last = Clock::now();
    } else {
      const TableId table = due->first;
      moved_.erase(due);
      lock.unlock();
      Compact(table);
      lock.lock();
    }
  }
}

bool RangeCompactor::SnapshotBefore(uint64_t position) const {
  uint64_t oldest = 0;
  const bool known = database_.db->GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest);
  return known && oldest != 0 && oldest < position;
}

void RangeCompactor::Compact(TableId table) {
  const std::string begin = SharedPrefix(table);
  const std::string end = PrefixEnd(begin);
  const rocksdb::Slice from(begin);
  const rocksdb::Slice to(end);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  // Without it a lone new file is handed down as it is, deletions and all.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &cancelled_;
  for (rocksdb::ColumnFamilyHandle* family : {database_.rows, database_.by_seq}) {
    const rocksdb::Status status =
        database_.db->CompactRange(options, family, &from, end.empty() ? nullptr : &to);
    if (!status.ok() && !cancelled_) {
      observe::LogWarn("moved rows of table {} are not compacted: {}", table.value, status.ToString());
    }
  }
}

}  // namespace kalam::hot
