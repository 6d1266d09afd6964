// WorkerPool: a bounded number of threads for statements that block or take long.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kalam::sql {

// Thread-safe. Stop() runs what waits, then joins; the destructor asserts that it ran.
class WorkerPool {
 public:
  WorkerPool(size_t threads, size_t queue_max);
  ~WorkerPool();

  // False when the queue is full or the pool stops; then `task` does not run.
  bool Post(std::move_only_function<void()> task);
  void Stop();

 private:
  void Work();

  const size_t queue_max_;
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kalam::sql
