// Published<T>: one immutable value, replaced as a whole, read by many threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace kalam {

// Thread-safe. Readers get a shared_ptr to a version that never changes; a lock is held only while the
// pointer is copied.
template <typename T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> first) : current_(std::move(first)) {}

  std::shared_ptr<const T> Get() const {
    std::lock_guard lock(mu_);
    return current_;
  }
  void Set(std::shared_ptr<const T> next) {
    std::shared_ptr<const T> old;  // destroyed outside the lock
    {
      std::lock_guard lock(mu_);
      old = std::exchange(current_, std::move(next));
    }
    version_.fetch_add(1, std::memory_order_release);
  }
  // Grows with each Set; lets a thread keep its own copy of the pointer and look here first.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mu_;
  std::shared_ptr<const T> current_;
  std::atomic<uint64_t> version_{1};
};

}  // namespace kalam
