// Interrupts queries that are over their deadline or whose caller has gone. Not for other modules.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace kalam::engine {

// One thread that looks at the running queries every few milliseconds. It sleeps while there are none, and a
// query that is over before its first look costs two short locks. `on_idle` is called, by that thread, when
// there has been no query for a second. Thread-safe. Watches must end before the destructor.
class Watchdog {
 public:
  Watchdog(const Clock& clock, std::function<void()> on_idle)
      : clock_(clock), on_idle_(std::move(on_idle)), thread_([this] { Loop(); }) {}
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Calls `interrupt` again and again from the deadline or stop request on, until the watch is destroyed;
  // never after that.
  class Watch {
   public:
    Watch(Watchdog& dog, int64_t deadline_nanos, std::stop_token stop, std::function<void()> interrupt);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    friend class Watchdog;
    Watchdog& dog_;
    const int64_t deadline_nanos_;
    const std::stop_token stop_;
    const std::function<void()> interrupt_;
  };

 private:
  void Loop();

  const Clock& clock_;
  const std::function<void()> on_idle_;
  std::mutex mu_;
  std::condition_variable changed_;
  // Guarded by mu_.
  std::vector<Watch*> watches_;
  bool asleep_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kalam::engine
