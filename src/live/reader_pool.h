// ReaderPool: a fixed number of threads for compiling queries and reading snapshots, in turns: a task that is
// not finished goes behind the others, and tasks that have just come get every second turn at least, so a
// read over a large table holds up nobody.
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

  // One turn of it; true = it wants another one.
  using Task = std::move_only_function<bool()>;
  // Nothing happens after Stop().
  void Post(Task task);
  // Drops what waits and joins. Idempotent.
  void Stop();

 private:
  void Work();
  Task Take();  // with mu_ held, when there is one

  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<Task> fresh_;      // guarded by mu_
  std::deque<Task> continued_;  // guarded by mu_; they had a turn
  bool fresh_next_ = true;      // guarded by mu_; when there are both
  bool stopping_ = false;       // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace kalam::live
