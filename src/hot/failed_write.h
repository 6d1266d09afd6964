// FailedWrite: what became of a write that failed because the disk was full.
//
// It is taken out of the write-ahead log at once, so that no start can find it there. Nothing may be written
// to the database afterwards, by this process: the log's end is no longer where RocksDB takes it to be, and
// its own resumption, which would go on, waits for ever in some cases and ends the process in others
// (decision 0052). It is off (NoResumption); the server starts anew instead. Threads: one at a time.
#pragma once

#include <rocksdb/listener.h>

#include <cstdint>
#include <string>

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace kalam::hot {

// Errors of work in the background: a compaction for which the disk is too small is tried again, as if it had
// not begun. After a flush that failed the next write fails.
class NoResumption final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* automatic) override {
    *automatic = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    if (reason == rocksdb::BackgroundErrorReason::kCompaction && error->IsNoSpace())
      *error = rocksdb::Status::OK();
  }
};

// After a write failed for want of space. `folder`: of the database; `position`: its sequence before the
// write. True: the write is surely not stored, whenever the process ends. False: a start will show.
bool TakeBackWrite(rocksdb::DB& db, rocksdb::Env& env, const std::string& folder, uint64_t position);

}  // namespace kalam::hot
