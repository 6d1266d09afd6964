// DiskSpace: whether the disk of the data folder has room for another write.
//
// Purpose: writes stop while there is still room for what must go on (merging of files, the log of what was
// accepted), so that a full disk never becomes a failed write, and they go on by themselves once there is
// room again. Threads: one user at a time (the committer). Cost: one statvfs per 50 ms or 4 MiB written.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace kalam::hot {

// The `storage_error` of commits since a write met the end of the disk: they are refused until the program
// starts anew.
inline constexpr std::string_view kFullWithinWrite = "full_within_write";
// Since a write failed otherwise: until somebody restarts it.
inline constexpr std::string_view kWriteFailed = "write_failed";

enum class Room : uint8_t {
  kEnough,
  kRemovalsOnly,  // less than the minimum: only what may give space back
  kNone,          // less than a quarter of it
};

class DiskSpace {
 public:
  // `free_bytes`: of the disk now; UINT64_MAX when it cannot be told. `min_bytes` 0 = always enough.
  DiskSpace(std::function<uint64_t()> free_bytes, uint64_t min_bytes, const Clock& clock)
      : free_bytes_(std::move(free_bytes)), min_bytes_(min_bytes), clock_(clock) {}

  // Before `bytes` are written.
  Room Look(uint64_t bytes) {
    if (min_bytes_ == 0) return Room::kEnough;
    written_ += bytes;
    const int64_t now = clock_.MonotonicNanos();
    // While there is too little every write looks, so that the first one after a clean-up passes.
    if (room_ == Room::kEnough && now < next_look_ && written_ < kLookBytes) return room_;
    next_look_ = now + kLookNanos;
    written_ = 0;
    last_free_ = free_bytes_();
    room_ = last_free_ >= min_bytes_       ? Room::kEnough
            : last_free_ >= min_bytes_ / 4 ? Room::kRemovalsOnly
                                           : Room::kNone;
    return room_;
  }
  uint64_t last_free() const { return last_free_; }
  uint64_t min_bytes() const { return min_bytes_; }

 private:
  static constexpr int64_t kLookNanos = 50'000'000;
  static constexpr uint64_t kLookBytes = 4u << 20;

  const std::function<uint64_t()> free_bytes_;
  const uint64_t min_bytes_;
  const Clock& clock_;
  Room room_ = Room::kEnough;
  int64_t next_look_ = 0;
  uint64_t written_ = 0;
  uint64_t last_free_ = 0;
};

}  // namespace kalam::hot
