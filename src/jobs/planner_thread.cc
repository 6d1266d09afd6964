#include "jobs/planner_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "observe/log.h"

namespace kalam::jobs {

void PlannerThread::Start(std::vector<Planner> planners) {
  for (Planner& planner : planners) {
    if (planner.interval_ms <= 0) continue;
    const int64_t first = NowMillis() + planner.interval_ms;
    due_.push_back({std::move(planner), first});
  }
  if (!due_.empty()) thread_ = std::thread([this] { Run(); });
}

void PlannerThread::Stop() {
  {
    std::lock_guard lock(mu_);
    stop_ = true;
  }
  cv_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PlannerThread::Wake() {
  {
    std::lock_guard lock(mu_);
    ++wakes_;
  }
  cv_.notify_all();
}

void PlannerThread::Run() {
  std::unique_lock lock(mu_);
  while (!stop_) {
    auto next = std::ranges::min_element(due_, {}, &Due::at_ms);
    const int64_t wait_ms = next->at_ms - NowMillis();
    if (wait_ms > 0) {
      const uint64_t seen = wakes_;
      cv_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return stop_ || wakes_ != seen; });
      continue;
    }
    lock.unlock();
    const int64_t started = NowMillis();
    const Status status = next->planner.plan();
    if (!status) observe::LogWarn("Planning {} failed: {}", next->planner.name, status.error().message);
    lock.lock();
    next->at_ms = started + next->planner.interval_ms;
  }
}

}  // namespace kalam::jobs
