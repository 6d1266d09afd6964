#include "cold/marks.h"

#include "hot/cold_keys.h"

namespace kalam::cold {

size_t MarkSet::Alive(uint32_t start, size_t count, uint32_t* out) const {
  auto dead = std::lower_bound(rows_.begin(), rows_.end(), start);
  const auto end = rows_.end();
  size_t alive = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (dead != end && *dead == start + i) {
      ++dead;
    } else {
      out[alive++] = i;
    }
  }
  return alive;
}

Result<uint32_t> MarkCache::Count(uint64_t segment, const hot::Snapshot* snapshot) const {
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kColdMarks, hot::MarkKey(segment, hot::kMarkCountRow),
                                            bytes, snapshot));
  if (!found) return 0U;
  return hot::DecodeMarkCount(bytes.bytes());
}

Result<MarkSetPtr> MarkCache::Load(uint64_t segment, const hot::Snapshot& snapshot) const {
  std::vector<uint32_t> rows;
  auto cursor = store_.Scan(hot::Space::kColdMarks, hot::MarksBegin(segment), hot::MarksEnd(segment),
                            hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const hot::ColdPlace place, hot::DecodeMarkKey(cursor->key()));
    rows.push_back(place.row);
  }
  KALAM_TRY(cursor->status());
  return std::make_shared<const MarkSet>(std::move(rows));
}

Result<MarkSetPtr> MarkCache::Get(uint64_t segment, const hot::Snapshot& snapshot) {
  KALAM_ASSIGN(const uint32_t count, Count(segment, &snapshot));
  if (count == 0) return MarkSetPtr();
  {
    std::lock_guard lock(mu_);
    if (const auto it = segments_.find(segment);
        it != segments_.end() && it->second->second->size() == count) {
      order_.splice(order_.begin(), order_, it->second);
      return it->second->second;
    }
  }
  KALAM_ASSIGN(MarkSetPtr loaded, Load(segment, snapshot));
  if (loaded->size() != count) {
    return Fail(ErrorCode::kCorruption, "the marks of a segment do not agree with their stored number");
  }
  std::lock_guard lock(mu_);
  if (const auto it = segments_.find(segment); it != segments_.end()) {
    if (it->second->second->size() >= count) return loaded;  // an older snapshot's, used once
    bytes_ -= it->second->second->bytes();
    order_.erase(it->second);
  }
  order_.emplace_front(segment, loaded);
  segments_[segment] = order_.begin();
  bytes_ += loaded->bytes();
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    bytes_ -= order_.back().second->bytes();
    segments_.erase(order_.back().first);
    order_.pop_back();
  }
  return loaded;
}

void MarkCache::Forget(uint64_t segment) {
  std::lock_guard lock(mu_);
  const auto it = segments_.find(segment);
  if (it == segments_.end()) return;
  bytes_ -= it->second->second->bytes();
  order_.erase(it->second);
  segments_.erase(it);
}

}  // namespace kalam::cold
