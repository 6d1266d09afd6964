#include "live/reader_pool.h"

#include <pthread.h>

#include <utility>

namespace kalam::live {

ReaderPool::ReaderPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
    pthread_setname_np(threads_.back().native_handle(), "live-reader");
  }
}

void ReaderPool::Post(Task task) {
  {
    std::lock_guard lock(mu_);
    if (stopping_) return;
    fresh_.push_back(std::move(task));
  }
  wake_.notify_one();
}

ReaderPool::Task ReaderPool::Take() {
  const bool both = !fresh_.empty() && !continued_.empty();
  const bool fresh = both ? fresh_next_ : !fresh_.empty();
  if (both) fresh_next_ = !fresh;
  std::deque<Task>& queue = fresh ? fresh_ : continued_;
  Task task = std::move(queue.front());
  queue.pop_front();
  return task;
}

void ReaderPool::Work() {
  std::unique_lock lock(mu_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !fresh_.empty() || !continued_.empty(); });
    if (stopping_) return;
    Task task = Take();
    lock.unlock();
    const bool again = task();
    if (!again) task = nullptr;
    lock.lock();
    // No other thread sleeps while this one has the task: it goes on itself.
    if (again && !stopping_) continued_.push_back(std::move(task));
  }
}

void ReaderPool::Stop() {
  std::deque<Task> fresh;
  std::deque<Task> continued;
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    fresh.swap(fresh_);
    continued.swap(continued_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace kalam::live
