// GroupCursor: where one consumer group stands in one partition. Arithmetic on offsets only: no storage, no
// clock.
//
// What was acknowledged is durable elsewhere; the cursor and the claims live in memory, so after a restart a
// group goes on behind its last acknowledgement.
//
// Invariants:
//   1. Claims do not overlap, and two fetches never get the same offset while the first one's claim lives.
//   2. Every offset in [acknowledged + 1, cursor) is claimed, or was claimed and is given back by a later
//   fetch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace kalam::topics {

// Offsets [begin, end).
struct OffsetRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  bool empty() const { return begin >= end; }
};

// Not thread-safe.
class GroupCursor {
 public:
  GroupCursor() = default;
  explicit GroupCursor(std::optional<uint64_t> acknowledged) : acknowledged_(acknowledged) {}

  // Where the group would begin to read now; `seed` counts only for a group that has neither read nor
  // acknowledged.
  uint64_t Next(uint64_t seed) const;

  struct Fetch {
    uint64_t seed = 0;   // where a new group begins
    uint64_t limit = 0;  // at most so many offsets
    OffsetRange log;     // what the partition holds
    int64_t now_nanos = 0;
    int64_t timeout_nanos = 0;  // claims expire after it
  };
  struct Claimed : OffsetRange {
    uint64_t id = 0;  // of the claim
  };
  // The next offsets that nobody has claimed, claimed for the caller. Empty when there are none; `begin` is
  // where the group stands then. Pins the position of a new group even so.
  Claimed Claim(const Fetch& fetch);

  // The reader of `claimed` took only what is before `end`: the rest may be fetched again at once.
  void GiveBack(const Claimed& claimed, uint64_t end);

  // Everything up to and including `upto` is done. Cumulative: also what others have claimed.
  void Acknowledge(uint64_t upto);

  // Begins anew, as a group that has neither read nor acknowledged. Ids of claims do not come again: a reader
  // may still give back one from before.
  void Forget();

  std::optional<uint64_t> acknowledged() const { return acknowledged_; }
  // That have not expired.
  size_t Claims(int64_t now_nanos);

 private:
  struct ClaimEnd {
    uint64_t id = 0;
    uint64_t end = 0;
    int64_t expires_nanos = 0;
  };
  void Expire(int64_t now_nanos);

  std::optional<uint64_t> acknowledged_;
  std::optional<uint64_t> cursor_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, ClaimEnd> claims_;     // by begin
  int64_t first_expiry_nanos_ = INT64_MAX;  // no claim expires before it
};

}  // namespace kalam::topics
