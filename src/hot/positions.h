// CommitPositions: which _seq belongs to which position of the database.
//
// RocksDB numbers its operations; a snapshot knows the number of the last operation that it sees. The
// committer is the only writer, so it can tell before each write at which number the write will end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/ids.h"

namespace kalam::hot {

// Thread-safe. Remembers the last kKept writes, enough for a snapshot that asks right after it was taken.
class CommitPositions {
 public:
  // Rows that were there before the first write have at most `start`.
  explicit CommitPositions(Seq start) : start_(start) {}

  // Before a write that will end at `position`; ascending.
  void Expect(uint64_t position, Seq last_seq) {
    std::lock_guard lock(mu_);
    kept_[next_++ % kKept] = {position, last_seq};
  }

  // Of the newest write that ends at or before `position`; nullopt = forgotten, which takes kKept writes.
  std::optional<Seq> SeqAt(uint64_t position) const {
    std::lock_guard lock(mu_);
    const size_t count = next_ < kKept ? next_ : kKept;
    for (size_t i = 1; i <= count; ++i) {
      const Entry& entry = kept_[(next_ - i) % kKept];
      if (entry.position <= position) return entry.last_seq;
    }
    return next_ > kKept ? std::nullopt : std::optional(start_);
  }

 private:
  struct Entry {
    uint64_t position = 0;
    Seq last_seq;
  };
  static constexpr size_t kKept = 1024;

  const Seq start_;
  mutable std::mutex mu_;
  std::array<Entry, kKept> kept_;  // guarded by mu_; a ring
  size_t next_ = 0;                // guarded by mu_
};

}  // namespace kalam::hot
