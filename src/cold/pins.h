// Pins: who may still read files that no new reader sees.
//
// A reader takes a pin before it takes its snapshot and drops it when it is done. Whoever removes a segment
// notes the moment after the removal is durable: the file may go when no pin is older than that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace kalam::cold {

// Thread-safe. Pins must die before it.
class Pins {
 public:
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept : pins_(std::exchange(other.pins_, nullptr)), moment_(other.moment_) {}
    Pin& operator=(Pin&& other) noexcept {
      if (this == &other) return *this;
      Drop();
      pins_ = std::exchange(other.pins_, nullptr);
      moment_ = other.moment_;
      return *this;
    }
    ~Pin() { Drop(); }
    explicit operator bool() const { return pins_ != nullptr; }

   private:
    friend class Pins;
    void Drop() {
      if (Pins* pins = std::exchange(pins_, nullptr)) pins->Release(moment_);
    }
    Pins* pins_ = nullptr;
    uint64_t moment_ = 0;
  };

  Pin Take() {
    std::lock_guard lock(mu_);
    ++held_[now_];
    Pin pin;
    pin.pins_ = this;
    pin.moment_ = now_;
    return pin;
  }
  // A new moment; pins that were taken before are older.
  uint64_t Advance() {
    std::lock_guard lock(mu_);
    return ++now_;
  }
  // No pin from before `moment` is left.
  bool Passed(uint64_t moment) const {
    std::lock_guard lock(mu_);
    return held_.empty() || held_.begin()->first >= moment;
  }

 private:
  void Release(uint64_t moment) {
    std::lock_guard lock(mu_);
    const auto it = held_.find(moment);
    if (--it->second == 0) held_.erase(it);
  }

  mutable std::mutex mu_;
  uint64_t now_ = 0;                   // guarded by mu_
  std::map<uint64_t, uint64_t> held_;  // guarded by mu_: moment -> pins
};

}  // namespace kalam::cold
