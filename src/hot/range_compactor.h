// RangeCompactor: removes what moved rows leave behind in the database.
//
// A row that moves to the cold tier leaves a deletion in `rows` and in `by_seq`. Until RocksDB compacts them
// a scan of the table steps over every one of them, which costs more than reading as many rows from a file.
// Owner: the committer. Threads: one of its own; Note from any. Errors: logged, nothing depends on it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/ids.h"
#include "hot/database.h"

namespace kalam::hot {

class RangeCompactor {
 public:
  explicit RangeCompactor(const Database& database) : database_(database) {}
  ~RangeCompactor() { Stop(); }
  RangeCompactor(const RangeCompactor&) = delete;
  RangeCompactor& operator=(const RangeCompactor&) = delete;

  // So many rows of the table have moved away, by the newest write. Compacts the table when many have, no
  // more come for a moment, and no snapshot keeps them any longer.
  void Note(TableId table, uint64_t rows);
  // Ends a running compaction early. Idempotent.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Moved {
    uint64_t rows = 0;
    Clock::time_point last;
    uint64_t position = 0;  // of the last one, in RocksDB's sequence
  };
  void Run();
  // A compaction keeps what a snapshot shows: it would be for nothing.
  bool SnapshotBefore(uint64_t position) const;
  void Compact(TableId table);

  const Database& database_;
  std::mutex mu_;
  std::condition_variable wake_;
  std::unordered_map<TableId, Moved> moved_;  // guarded by mu_
  bool stopping_ = false;                     // guarded by mu_
  std::atomic<bool> cancelled_{false};
  std::thread thread_;  // guarded by mu_; started by the first Note
};

}  // namespace kalam::hot
