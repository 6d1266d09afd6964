// RecentCommits: tells without a read that nobody changed a key since a writer looked at it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "base/ids.h"

namespace kalam::hot {

// A fixed table of sequences. A key's slot holds the newest _seq that was given to any key of that slot, so a
// stranger in the slot can only make an answer more careful, never wrong. Not thread-safe: the committer owns
// it.
class RecentCommits {
 public:
  // Nothing is known about commits up to `start`.
  explicit RecentCommits(Seq start) : known_since_(start), newest_(std::make_unique<Slots>()) {}

  void Note(std::string_view key, Seq seq) { (*newest_)[SlotOf(key)] = seq; }

  // Keys changed without a note (a table was dropped), up to and including `now`.
  void Forget(Seq now) { known_since_ = now; }

  // True when the newest version of `key` is surely the one with `seen`, which a writer read after it had
  // noted that `read_at` was the store's last sequence (0 = it did not).
  bool Proves(std::string_view key, Seq seen, Seq read_at) const {
    const Seq newest = (*newest_)[SlotOf(key)];
    if (newest == seen && seen > known_since_) return true;
    return read_at != Seq() && read_at >= known_since_ && newest <= read_at;
  }

 private:
  static constexpr size_t kSlots = size_t{1} << 16;
  using Slots = std::array<Seq, kSlots>;
  static size_t SlotOf(std::string_view key) { return std::hash<std::string_view>{}(key) % kSlots; }

  Seq known_since_;
  std::unique_ptr<Slots> newest_;
};

}  // namespace kalam::hot
