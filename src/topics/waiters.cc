#include "topics/waiters.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace kalam::topics {

Waiters::Waiters(const Clock& clock) : clock_(clock), thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "topic-waiters");
}

Waiters::~Waiters() { Stop(); }

bool Waiters::Add(std::shared_ptr<TopicLog> log, uint32_t partition, uint64_t seen_end, int64_t until_nanos,
                  std::function<void()> wake) {
  Partition& at = log->partition(partition);
  {
    std::lock_guard lock(mu_);
    if (stopping_) return false;
    at.waiting.fetch_add(1);
    waiters_.push_back({std::move(log), &at, seen_end, until_nanos, std::move(wake)});
    signalled_ = true;  // the end may have moved already, and the thread must know the new deadline
  }
  cv_.notify_one();
  return true;
}

void Waiters::Signal() {
  {
    std::lock_guard lock(mu_);
    signalled_ = true;
  }
  cv_.notify_one();
}

void Waiters::Stop() {
  std::thread thread;
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  cv_.notify_one();
  if (thread.joinable()) thread.join();
}

std::vector<Waiters::Waiter> Waiters::TakeDue(int64_t now_nanos, int64_t& next_nanos) {
  next_nanos = INT64_MAX;
  const auto waits = [&](const Waiter& waiter) {
    if (stopping_ || now_nanos >= waiter.until_nanos) return false;
    if (waiter.partition->visible_end.load() != waiter.seen_end) return false;
    next_nanos = std::min(next_nanos, waiter.until_nanos);
    return true;
  };
  const auto due = std::partition(waiters_.begin(), waiters_.end(), waits);
  std::vector<Waiter> taken(std::make_move_iterator(due), std::make_move_iterator(waiters_.end()));
  waiters_.erase(due, waiters_.end());
  for (const Waiter& waiter : taken) waiter.partition->waiting.fetch_sub(1);
  return taken;
}

void Waiters::Run() {
  std::unique_lock lock(mu_);
  for (;;) {
    int64_t next_nanos = INT64_MAX;
    signalled_ = false;
    const std::vector<Waiter> due = TakeDue(clock_.MonotonicNanos(), next_nanos);
    if (!due.empty()) {
      lock.unlock();
      for (const Waiter& waiter : due) waiter.wake();
      lock.lock();
      continue;
    }
    if (stopping_) return;
    const auto woken = [this] { return signalled_ || stopping_; };
    if (next_nanos == INT64_MAX) {
      cv_.wait(lock, woken);
    } else {
      cv_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(next_nanos - clock_.MonotonicNanos(), 0)),
                   woken);
    }
  }
}

}  // namespace kalam::topics
