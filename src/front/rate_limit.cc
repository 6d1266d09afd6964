#include "front/rate_limit.h"

#include <algorithm>

#include "front/client_ip.h"
#include "front/replies.h"

namespace kalam::front {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// From this many refused requests on, each further one bans; longer with every multiple of it, up to the
// factor.
constexpr int64_t kViolationsPerBan = 10;
constexpr int64_t kBanFactorMax = 6;

size_t EntriesMax(const config::Settings::RateLimit& settings) {
  return static_cast<size_t>(std::max<int64_t>(settings.cache_max_entries, 1));
}

}  // namespace

TokenBuckets::TokenBuckets(int64_t per_second, const config::Settings::RateLimit& settings)
    : per_second_(per_second), buckets_(EntriesMax(settings), settings.cache_ttl_seconds * kNanosPerSecond) {}

bool TokenBuckets::Take(std::string_view key, int64_t now_nanos) {
  if (per_second_ <= 0) return true;
  std::lock_guard lock(mu_);
  return buckets_.Use(key, now_nanos).Take(per_second_, now_nanos);
}

IpGuard::IpGuard(const config::Settings::RateLimit& settings)
    : enabled_(settings.enable_connection_protection),
      per_second_(settings.max_requests_per_ip_per_sec),
      ban_nanos_(settings.ban_duration_seconds * kNanosPerSecond),
      clients_(EntriesMax(settings), settings.cache_ttl_seconds * kNanosPerSecond) {}

std::optional<HttpResponse> IpGuard::Check(std::string_view client_ip, int64_t now_nanos) {
  if (!enabled_ || per_second_ <= 0 || IsLocalhost(client_ip)) return std::nullopt;
  std::lock_guard lock(mu_);
  Client& client = clients_.Use(LimitKey(client_ip), now_nanos);
  if (client.banned_until_nanos > now_nanos) return BannedReply();
  if (client.bucket.Take(per_second_, now_nanos)) return std::nullopt;
  ++client.violations;
  if (client.violations >= kViolationsPerBan) {
    client.banned_until_nanos =
        now_nanos + ban_nanos_ * std::min(client.violations / kViolationsPerBan, kBanFactorMax);
  }
  return TooManyRequestsReply();
}

int64_t ConnectionCounts::Add(const std::string& ip) {
  std::lock_guard lock(mu_);
  return ++counts_[LimitKey(ip)];
}

void ConnectionCounts::Remove(const std::string& ip) {
  std::lock_guard lock(mu_);
  const auto found = counts_.find(LimitKey(ip));
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace kalam::front
