// Rate limits by key (user, client address) and the guard that bans addresses.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/settings.h"
#include "front/http.h"

namespace kalam::front {

// The entries used last, at most so many; one that nobody used for a while is dropped. Not thread-safe.
template <typename Entry>
class RecentEntries {
 public:
  RecentEntries(size_t entries_max, int64_t idle_nanos)
      : entries_max_(entries_max), idle_nanos_(idle_nanos) {}

  // The entry of `key`, fresh when there was none. Valid until the next call.
  Entry& Use(std::string_view key, int64_t now_nanos) {
    const auto found = index_.find(key);
    if (found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      found->second->used_at_nanos = now_nanos;
      DropIdle(now_nanos);
      return found->second->entry;
    }
    if (entries_.size() >= entries_max_ && !entries_.empty()) DropOldest();
    DropIdle(now_nanos);
    entries_.push_front({std::string(key), now_nanos, Entry()});
    index_.emplace(entries_.front().key, entries_.begin());  // the view is of the node's own key
    return entries_.front().entry;
  }
  size_t size() const { return entries_.size(); }

 private:
  struct Node {
    std::string key;
    int64_t used_at_nanos;
    Entry entry;
  };

  void DropOldest() {
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
  void DropIdle(int64_t now_nanos) {
    if (entries_.size() > 1 && now_nanos - entries_.back().used_at_nanos > idle_nanos_) DropOldest();
  }

  size_t entries_max_;
  int64_t idle_nanos_;
  std::list<Node> entries_;  // newest first
  std::unordered_map<std::string_view, typename std::list<Node>::iterator> index_;
};

// One bucket of `per_second` tokens, refilled continuously, starting full.
class TokenBucket {
 public:
  bool Take(int64_t per_second, int64_t now_nanos) {
    const int64_t interval = 1'000'000'000 / per_second;
    const int64_t next = (free_at_nanos_ > now_nanos ? free_at_nanos_ : now_nanos) + interval;
    if (next - now_nanos > interval * per_second) return false;
    free_at_nanos_ = next;
    return true;
  }

 private:
  int64_t free_at_nanos_ = INT64_MIN;  // when the bucket will be full again
};

// A bucket per key. Thread-safe. `per_second` 0 = no limit.
class TokenBuckets {
 public:
  TokenBuckets(int64_t per_second, const config::Settings::RateLimit& settings);
  bool Take(std::string_view key, int64_t now_nanos);

 private:
  const int64_t per_second_;
  std::mutex mu_;
  RecentEntries<TokenBucket> buckets_;  // guarded by mu_
};

// What stands before every route: bans and requests per second by client address (IPv6: by /64 network).
// Thread-safe.
class IpGuard {
 public:
  explicit IpGuard(const config::Settings::RateLimit& settings);

  // The refusal, or nullopt to go on. Loopback clients are never limited.
  std::optional<HttpResponse> Check(std::string_view client_ip, int64_t now_nanos);

 private:
  struct Client {
    TokenBucket bucket;
    int64_t violations = 0;
    int64_t banned_until_nanos = INT64_MIN;
  };

  const bool enabled_;
  const int64_t per_second_;
  const int64_t ban_nanos_;
  std::mutex mu_;
  RecentEntries<Client> clients_;  // guarded by mu_
};

// Open connections by peer address (IPv6: by /64 network). Thread-safe.
class ConnectionCounts {
 public:
  int64_t Add(const std::string& ip);
  void Remove(const std::string& ip);

 private:
  std::mutex mu_;
  std::unordered_map<std::string, int64_t> counts_;  // guarded by mu_
};

}  // namespace kalam::front
