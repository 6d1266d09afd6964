// WatchedTables: the tables that somebody subscribed to, for the committing thread to ask.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>

#include "base/ids.h"
#include "base/published.h"

namespace kalam::live {

// Add and Remove: one thread. Has: one thread at a time, perhaps different ones; without watched tables it
// costs one atomic read.
class WatchedTables {
 public:
  WatchedTables() : tables_(std::make_shared<const Set>()) {}

  void Add(TableId table) {
    if (tables_.Get()->contains(table)) return;
    Set next = *tables_.Get();
    next.insert(table);
    Publish(std::move(next));
  }
  void Remove(TableId table) {
    Set next = *tables_.Get();
    if (next.erase(table) > 0) Publish(std::move(next));
  }

  bool Has(TableId table) const {
    if (count_.load(std::memory_order_acquire) == 0) return false;
    if (const uint64_t version = tables_.version(); version != seen_version_) {
      seen_ = tables_.Get();
      seen_version_ = version;
    }
    return seen_->contains(table);
  }

 private:
  using Set = std::unordered_set<TableId>;

  void Publish(Set next) {
    const size_t count = next.size();
    tables_.Set(std::make_shared<const Set>(std::move(next)));
    count_.store(count, std::memory_order_release);
  }

  Published<Set> tables_;
  std::atomic<size_t> count_{0};
  // The asking side's own copy.
  mutable std::shared_ptr<const Set> seen_;
  mutable uint64_t seen_version_ = 0;
};

}  // namespace kalam::live
