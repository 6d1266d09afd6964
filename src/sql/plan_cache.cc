#include <algorithm>
#include <utility>

#include "sql/plan.h"

namespace kalam::sql {

PlanCache::PlanCache(size_t entries_max)
    : entries_max_per_shard_(std::max<size_t>(1, entries_max / kShards)), shards_(new Shard[kShards]) {}

PlanCache::Shard& PlanCache::ShardOf(std::string_view key) {
  return shards_[Hash{}(key) >> 60 & (kShards - 1)];
}

PlanPtr PlanCache::Find(std::string_view key, uint64_t catalog_version) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mu);
  const auto it = shard.plans.find(key);
  if (it == shard.plans.end()) return nullptr;
  if (it->second->catalog_version != catalog_version) {
    shard.plans.erase(it);
    return nullptr;
  }
  return it->second;
}

void PlanCache::Insert(std::string_view key, PlanPtr plan) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mu);
  if (shard.plans.size() >= entries_max_per_shard_) shard.plans.erase(shard.plans.begin());
  shard.plans.insert_or_assign(std::string(key), std::move(plan));
}

size_t PlanCache::size() const {
  size_t total = 0;
  for (size_t i = 0; i < kShards; ++i) {
    std::lock_guard lock(shards_[i].mu);
    total += shards_[i].plans.size();
  }
  return total;
}

}  // namespace kalam::sql
