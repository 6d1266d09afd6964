// HubFeed: stands in the store for a hub that does not exist yet.
//
// Observers are registered before the first commit, and the hub is made from modules whose opening commits.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "hot/change.h"

namespace kalam::live {

class HubFeed final : public hot::CommitObserver {
 public:
  // From now on `hub` learns of commits; it outlives the store's last one.
  void Attach(hot::CommitObserver& hub) { hub_.store(&hub, std::memory_order_release); }

  hot::Need NeedOf(TableId table) const override {
    const hot::CommitObserver* const hub = hub_.load(std::memory_order_acquire);
    return hub == nullptr ? hot::Need::kNone : hub->NeedOf(table);
  }
  void OnCommitted(std::shared_ptr<const hot::CommittedGroup> group) override {
    if (hot::CommitObserver* const hub = hub_.load(std::memory_order_acquire)) {
      hub->OnCommitted(std::move(group));
    }
  }

 private:
  std::atomic<hot::CommitObserver*> hub_{nullptr};
};

}  // namespace kalam::live
