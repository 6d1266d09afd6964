// TokenCache: which tokens were verified already, so that a request with a known token costs one lookup. Private to auth.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/principal.h"

namespace kalam::auth {

struct VerifiedToken {
  std::shared_ptr<const Principal> principal;
  int64_t expires_at = 0;      // seconds
  uint64_t users_version = 0;  // as of which the user was looked at
};

// Thread-safe. Holds at most `tokens_max` (rounded up to full shards). Keeps what was used lately: each shard has two generations, a
// full young one becomes the old one, and what is found in the old one moves to the young one.
class TokenCache {
 public:
  explicit TokenCache(size_t tokens_max) : generation_max_(tokens_max / kShards / 2 + 1) {}

  std::optional<VerifiedToken> Find(std::string_view token) {
    Shard& shard = ShardOf(token);
    std::lock_guard lock(shard.mu);
    if (auto it = shard.young.find(token); it != shard.young.end()) return it->second;
    auto it = shard.old.find(token);
    if (it == shard.old.end()) return std::nullopt;
    VerifiedToken found = it->second;
    shard.old.erase(it);
    Insert(shard, token, found);
    return found;
  }
  void Put(std::string_view token, VerifiedToken verified) {
    Shard& shard = ShardOf(token);
    std::lock_guard lock(shard.mu);
    Insert(shard, token, std::move(verified));
  }
  void Erase(std::string_view token) {
    Shard& shard = ShardOf(token);
    std::lock_guard lock(shard.mu);
    if (auto it = shard.young.find(token); it != shard.young.end()) shard.young.erase(it);
    if (auto it = shard.old.find(token); it != shard.old.end()) shard.old.erase(it);
  }
  size_t size() {
    size_t sum = 0;
    for (Shard& shard : shards_) {
      std::lock_guard lock(shard.mu);
      sum += shard.young.size() + shard.old.size();
    }
    return sum;
  }

 private:
  static constexpr size_t kShards = 16;

  // A token ends in its signature, which is as good as random: a few of its bytes are a hash. Nobody can fill one bucket, since only
  // tokens that we signed get in.
  static uint64_t Hash(std::string_view token) {
    uint64_t words[2] = {};
    size_t size = std::min(token.size(), sizeof(words));
    std::memcpy(words, token.data() + token.size() - size, size);
    uint64_t mixed = (words[0] ^ (words[1] << 1)) * 0x9E3779B97F4A7C15u;
    return mixed ^ (mixed >> 29);
  }
  struct TokenHash {
    using is_transparent = void;
    size_t operator()(std::string_view token) const { return Hash(token); }
  };
  using Map = std::unordered_map<std::string, VerifiedToken, TokenHash, std::equal_to<>>;

  struct alignas(64) Shard {
    std::mutex mu;
    Map young;
    Map old;
  };

  Shard& ShardOf(std::string_view token) { return shards_[Hash(token) >> 60]; }
  void Insert(Shard& shard, std::string_view token, VerifiedToken verified) {
    if (shard.young.size() >= generation_max_) {
      shard.old.swap(shard.young);
      shard.young.clear();
    }
    shard.young.insert_or_assign(std::string(token), std::move(verified));
  }

  const size_t generation_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kalam::auth
