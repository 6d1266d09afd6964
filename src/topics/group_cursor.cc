#include "topics/group_cursor.h"

#include <algorithm>

namespace kalam::topics {

uint64_t GroupCursor::Next(uint64_t seed) const {
  if (cursor_) return *cursor_;
  return acknowledged_ ? *acknowledged_ + 1 : seed;
}

void GroupCursor::Expire(int64_t now_nanos) {
  if (now_nanos < first_expiry_nanos_) return;
  first_expiry_nanos_ = INT64_MAX;
  for (auto it = claims_.begin(); it != claims_.end();) {
    if (it->second.expires_nanos <= now_nanos) {
      cursor_ = std::min(*cursor_, it->first);  // never forward
      it = claims_.erase(it);
    } else {
      first_expiry_nanos_ = std::min(first_expiry_nanos_, it->second.expires_nanos);
      ++it;
    }
  }
}

GroupCursor::Claimed GroupCursor::Claim(const Fetch& fetch) {
  cursor_ = Next(fetch.seed);
  Expire(fetch.now_nanos);
  uint64_t begin = std::max(*cursor_, fetch.log.begin);
  // The first claim that may hold `begin` is the one before it.
  auto claim = claims_.upper_bound(begin);
  if (claim != claims_.begin()) --claim;
  for (; claim != claims_.end() && claim->first <= begin; ++claim) {
    begin = std::max(begin, claim->second.end);
  }
  cursor_ = begin;
  uint64_t end = fetch.log.end;
  if (end > begin) end = begin + std::min(end - begin, fetch.limit);
  if (claim != claims_.end()) end = std::min(end, claim->first);
  if (end <= begin) return {{begin, begin}, 0};
  const int64_t expires = fetch.now_nanos + fetch.timeout_nanos;
  claims_[begin] = {++last_id_, end, expires};
  first_expiry_nanos_ = std::min(first_expiry_nanos_, expires);
  cursor_ = end;
  return {{begin, end}, last_id_};
}

size_t GroupCursor::Claims(int64_t now_nanos) {
  if (cursor_) Expire(now_nanos);
  return claims_.size();
}

void GroupCursor::Forget() {
  acknowledged_.reset();
  cursor_.reset();
  claims_.clear();
  first_expiry_nanos_ = INT64_MAX;
}

void GroupCursor::GiveBack(const Claimed& claimed, uint64_t end) {
  if (end >= claimed.end) return;
  // An acknowledgement that came meanwhile has removed the claim, or moved its begin up.
  const auto claim = claims_.lower_bound(claimed.begin);
  if (claim == claims_.end() || claim->second.id != claimed.id) return;
  const uint64_t rest = std::max(end, claim->first);
  if (rest == claim->first) {
    claims_.erase(claim);
  } else {
    claim->second.end = rest;
  }
  if (cursor_ == claimed.end) {
    cursor_ = rest;
  } else {
    claims_[rest] = {0, claimed.end, INT64_MIN};  // expired: the next fetch goes back to it
    first_expiry_nanos_ = INT64_MIN;
  }
}

void GroupCursor::Acknowledge(uint64_t upto) {
  if (acknowledged_ && upto <= *acknowledged_) return;
  acknowledged_ = upto;
  const uint64_t next = upto + 1;
  while (!claims_.empty() && claims_.begin()->first < next) {
    auto claim = claims_.extract(claims_.begin());
    if (claim.mapped().end <= next) continue;
    claim.key() = next;
    claims_.insert(std::move(claim));
  }
  cursor_ = std::max(Next(next), next);
}

}  // namespace kalam::topics
