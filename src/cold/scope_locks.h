// ScopeLocks: who works on the segments of which rows. Work on prefixes that overlap (a table and a scope of
// it, or the same scope) excludes each other.
//
// Flush and compaction hold one scope at a time, so a removal elsewhere in the table does not wait for all of
// it. A removal does not wait at all: it is refused, and asks the work in its way to end soon.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <utility>

namespace kalam::cold {

// Thread-safe; no other lock is taken inside. Holds must die before it.
class ScopeLocks {
  struct Entry {
    std::string prefix;
    bool wanted = false;
  };
  using Place = std::list<Entry>::iterator;

 public:
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), place_(other.place_) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (locks_ != nullptr) locks_->Release(place_);
    }
    explicit operator bool() const { return locks_ != nullptr; }
    // A removal was refused because of this one.
    bool wanted() const {
      std::lock_guard lock(locks_->mu_);
      return place_->wanted;
    }

   private:
    friend class ScopeLocks;
    Hold(ScopeLocks* locks, Place place) : locks_(locks), place_(place) {}
    ScopeLocks* locks_ = nullptr;
    Place place_;
  };

  // Empty when somebody works on any of it.
  Hold Try(const std::string& prefix) {
    std::lock_guard lock(mu_);
    return Busy(prefix, false) ? Hold() : Add(prefix);
  }
  // As Try; who is in the way learns that it is.
  Hold TryOrAsk(const std::string& prefix) {
    std::lock_guard lock(mu_);
    return Busy(prefix, true) ? Hold() : Add(prefix);
  }
  // Waits; empty once `should_stop`, which may be none, says so.
  Hold Take(const std::string& prefix, const std::function<bool()>& should_stop) {
    // Nobody tells when `should_stop` changes.
    constexpr std::chrono::milliseconds kAskAgain{50};
    std::unique_lock lock(mu_);
    while (Busy(prefix, false)) {
      lock.unlock();
      if (should_stop && should_stop()) return {};
      lock.lock();
      released_.wait_for(lock, kAskAgain, [&] { return !Busy(prefix, false); });
    }
    return Add(prefix);
  }

 private:
  bool Busy(const std::string& prefix, bool ask) {
    bool busy = false;
    for (Entry& entry : held_) {
      if (!entry.prefix.starts_with(prefix) && !prefix.starts_with(entry.prefix)) continue;
      busy = true;
      entry.wanted = entry.wanted || ask;
    }
    return busy;
  }
  Hold Add(const std::string& prefix) { return Hold(this, held_.insert(held_.end(), {prefix})); }
  void Release(Place place) {
    {
      std::lock_guard lock(mu_);
      held_.erase(place);
    }
    released_.notify_all();
  }

  std::mutex mu_;
  std::condition_variable released_;
  std::list<Entry> held_;  // guarded by mu_; one per job that works, so it is short
};

}  // namespace kalam::cold
