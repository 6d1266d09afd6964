// PlannerThread: calls the server's periodic decisions when their time has come. Private to jobs.
//
// Owner: the scheduler. Threads: Start, Stop and Wake from any thread; the planners run on its one thread,
// one after the other. A planner that fails is logged and asked again after its interval.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace kalam::jobs {

// Periodic decisions of the server (flush policies, eviction): `plan` reads counters and creates jobs.
struct Planner {
  std::string name;
  int64_t interval_ms = 0;  // 0 = never
  std::function<Status()> plan;
};

class PlannerThread {
 public:
  explicit PlannerThread(const Clock& clock) : clock_(clock) {}
  ~PlannerThread() { Stop(); }
  PlannerThread(const PlannerThread&) = delete;
  PlannerThread& operator=(const PlannerThread&) = delete;

  void Start(std::vector<Planner> planners);
  void Stop();
  // The clock may have moved.
  void Wake();

 private:
  struct Due {
    Planner planner;
    int64_t at_ms = 0;  // monotonic
  };
  void Run();
  int64_t NowMillis() const { return clock_.MonotonicNanos() / 1'000'000; }

  const Clock& clock_;
  std::mutex mu_;
  std::condition_variable cv_;
  std::vector<Due> due_;  // only Run uses it once it has started
  bool stop_ = false;
  uint64_t wakes_ = 0;
  std::thread thread_;
};

}  // namespace kalam::jobs
