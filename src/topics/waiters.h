// Waiters: consumers that wait for a message, woken by a commit or by the end of their time.
//
// Owner: Topics. Threads: one thread of its own, which sleeps until it is signalled or somebody's time is
// over, and runs what the waiters left; it never polls. Limits: none of its own, each waiter belongs to a
// request.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "topics/topic_log.h"

namespace kalam::topics {

class Waiters {
 public:
  explicit Waiters(const Clock& clock);
  ~Waiters();
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  // Calls `wake` once, on the waiters' thread: when the partition's end is no longer `seen_end`, or at
  // `until_nanos` (Clock::MonotonicNanos). False when the waiters were stopped: then it is not called.
  bool Add(std::shared_ptr<TopicLog> log, uint32_t partition, uint64_t seen_end, int64_t until_nanos,
           std::function<void()> wake);
  // From the committing thread: some partition with waiters has a new end.
  void Signal();
  // Wakes everybody and refuses what comes. Idempotent.
  void Stop();

 private:
  struct Waiter {
    std::shared_ptr<TopicLog> log;
    Partition* partition;
    uint64_t seen_end;
    int64_t until_nanos;
    std::function<void()> wake;
  };
  void Run();
  // Takes those whose time has come; `next_nanos` is when to look again. `mu_` is held.
  std::vector<Waiter> TakeDue(int64_t now_nanos, int64_t& next_nanos);

  const Clock& clock_;
  std::mutex mu_;
  std::condition_variable cv_;
  std::vector<Waiter> waiters_;  // guarded by mu_
  bool signalled_ = false;       // guarded by mu_
  bool stopping_ = false;        // guarded by mu_
  std::thread thread_;
};

}  // namespace kalam::topics
