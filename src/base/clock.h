// Time as a parameter, so that tests can set it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace kalam {

// Thread-safe. WallMicros may step backwards (an operator sets the clock); MonotonicNanos never does.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t WallMicros() const = 0;      // microseconds since 1970-01-01 UTC
  virtual int64_t MonotonicNanos() const = 0;  // nanoseconds since an arbitrary point
  int64_t WallMillis() const { return WallMicros() / 1000; }
};

class SystemClock final : public Clock {
 public:
  int64_t WallMicros() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  int64_t MonotonicNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

// A clock that moves only when told. For tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t wall_micros) : wall_micros_(wall_micros) {}
  int64_t WallMicros() const override { return wall_micros_.load(); }
  int64_t MonotonicNanos() const override { return monotonic_nanos_.load(); }
  void AdvanceMicros(int64_t micros) {
    wall_micros_ += micros;
    monotonic_nanos_ += micros * 1000;
  }
  // Moves the wall clock only, backwards too.
  void StepWallMicros(int64_t micros) { wall_micros_ += micros; }

 private:
  std::atomic<int64_t> wall_micros_;
  std::atomic<int64_t> monotonic_nanos_{0};
};

}  // namespace kalam
