#include "engine/watchdog.h"

#include <algorithm>
#include <chrono>

namespace kalam::engine {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr int kIdleLooksMax = 200;  // a second without queries, then sleep until one comes

}  // namespace

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Watchdog::Watch::Watch(Watchdog& dog, int64_t deadline_nanos, std::stop_token stop,
                       std::function<void()> interrupt)
    : dog_(dog), deadline_nanos_(deadline_nanos), stop_(std::move(stop)), interrupt_(std::move(interrupt)) {
  bool wake = false;
  {
    std::lock_guard lock(dog_.mu_);
    dog_.watches_.push_back(this);
    wake = dog_.asleep_;
  }
  if (wake) dog_.changed_.notify_one();
}

Watchdog::Watch::~Watch() {
  std::lock_guard lock(dog_.mu_);
  std::erase(dog_.watches_, this);
}

void Watchdog::Loop() {
  std::unique_lock lock(mu_);
  int idle_looks = 0;
  while (!stopping_) {
    if (watches_.empty() && idle_looks >= kIdleLooksMax) {
      asleep_ = true;
      lock.unlock();
      on_idle_();
      lock.lock();
      changed_.wait(lock, [this] { return stopping_ || !watches_.empty(); });
      asleep_ = false;
      idle_looks = 0;
      continue;
    }
    idle_looks = watches_.empty() ? idle_looks + 1 : 0;
    const int64_t now = clock_.MonotonicNanos();
    for (const Watch* watch : watches_) {
      if (now >= watch->deadline_nanos_ || watch->stop_.stop_requested()) watch->interrupt_();
    }
    changed_.wait_for(lock, kLookEvery, [this] { return stopping_; });
  }
}

}  // namespace kalam::engine
