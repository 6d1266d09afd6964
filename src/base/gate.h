// Gate: refuses new work once closed and waits for the work inside.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace kalam {

// Thread-safe. The destructor does not wait: call Close() explicitly (a destructor that waits hides
// deadlocks).
class Gate {
 public:
  // Leaves the gate when destroyed. Movable, empty when moved from.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      Leave();
      gate_ = std::exchange(other.gate_, nullptr);
      return *this;
    }
    ~Pass() { Leave(); }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    void Leave() {
      if (gate_ != nullptr) std::exchange(gate_, nullptr)->Leave();
    }
    Gate* gate_ = nullptr;
  };

  // An empty Pass when the gate is closed.
  Pass Enter() {
    std::lock_guard lock(mu_);
    if (closed_) return Pass();
    ++inside_;
    return Pass(this);
  }

  // Refuses new entries and returns when everybody has left. Idempotent.
  void Close() {
    std::unique_lock lock(mu_);
    closed_ = true;
    empty_.wait(lock, [&] { return inside_ == 0; });
  }

 private:
  void Leave() {
    std::lock_guard lock(mu_);
    if (--inside_ == 0) empty_.notify_all();
  }

  std::mutex mu_;
  std::condition_variable empty_;
  uint64_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace kalam
