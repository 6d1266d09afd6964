// WriteWatch: whether the database still accepts writes, for the thread that waits for the end of the server.
//
// After a write that met the end of the disk this process can write no more (hot/failed_write.h); a new one
// can, as soon as there is room. Threads: one. Owner: RunServer; the store outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "hot/store.h"

namespace kalam::server {

class WriteWatch {
 public:
  // `folder`: of the data; `free_bytes_min`: the setting of this name.
  WriteWatch(hot::Store& store, std::string folder, uint64_t free_bytes_min);

  // Sends an empty batch to the committer, whose answer tells; does not wait for it, since writes may stall.
  void Look();
  // As of the last answer: no write is accepted any more by this process.
  bool failed() const { return seen_->failed.load(); }
  // They failed for want of space, and now there is enough to start.
  bool CanStartAnew() const;

 private:
  struct Seen {
    std::atomic<bool> asked = false;
    std::atomic<bool> failed = false;
    std::atomic<bool> full = false;
  };

  hot::Store& store_;
  const std::string folder_;
  const uint64_t room_min_;
  const std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();  // answers may come late
};

}  // namespace kalam::server
