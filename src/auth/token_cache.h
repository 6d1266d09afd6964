// TokenCache: tokens that one thread has verified, so that a request with a known token costs one lookup.
// Private to auth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/principal.h"

namespace kalam::auth {

struct VerifiedToken {
  uint64_t owner = 0;  // which Tokens verified it
  std::string token;
  // Not shared with other threads' entries: two threads that count references to one object cost each other
  // 100 ns and more.
  std::shared_ptr<const Principal> principal;
  int64_t expires_at = 0;  // seconds
  int64_t account_created_at_ms = 0;
  uint64_t users_version = 0;  // as of which the user was looked at
};

// For one thread: connections stay on theirs, and nothing is locked. Bounded: a new token replaces the one in
// its slot.
class TokenCache {
 public:
  // nullptr when unknown. Valid until the next Put; the caller may change everything but `owner` and `token`.
  VerifiedToken* Find(uint64_t owner, std::string_view token) {
    if (slots_.empty()) return nullptr;
    VerifiedToken& slot = SlotOf(token);
    return slot.owner == owner && slot.token == token ? &slot : nullptr;
  }
  void Put(VerifiedToken verified) {
    if (slots_.empty()) slots_.resize(kSlots);  // only threads that ask pay for it
    SlotOf(verified.token) = std::move(verified);
  }

  static constexpr size_t kSlots = 4'096;

 private:
  // A token ends in its signature, which is as good as random: a few of its bytes are a hash. Only tokens
  // that we signed get in.
  VerifiedToken& SlotOf(std::string_view token) {
    uint64_t words[2] = {};
    size_t size = std::min(token.size(), sizeof(words));
    std::memcpy(words, token.data() + token.size() - size, size);
    uint64_t mixed = (words[0] ^ (words[1] << 1)) * 0x9E3779B97F4A7C15u;
    return slots_[(mixed >> 32) % kSlots];
  }

  std::vector<VerifiedToken> slots_;
};

}  // namespace kalam::auth
