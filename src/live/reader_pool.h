// ReaderPool: a fixed number of threads for compiling queries and reading snapshots.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kalam::live {

// Thread-safe. The queue has no bound of its own: each subscription has at most one task in it.
class ReaderPool {
 public:
  explicit ReaderPool(size_t threads);
  ~ReaderPool() { Stop(); }
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // Nothing happens after Stop().
  void Post(std::move_only_function<void()> task);
  // Drops what waits and joins. Idempotent.
  void Stop();

 private:
  void Work();

  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;  // guarded by mu_
  bool stopping_ = false;                              // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace kalam::live
