// ChangeListeners: whoever wants to know that something changed, instead of looking again and again.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <utility>

namespace kalam {

// Thread-safe. Listeners are called on the thread that made the change, after it can be seen; they only note
// it. Outlives its registrations.
class ChangeListeners {
 public:
  // Once it is destroyed, its listener runs no more, on no thread.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept
        : listeners_(std::exchange(other.listeners_, nullptr)), position_(other.position_) {}
    Registration& operator=(Registration&& other) noexcept {
      if (this != &other) {
        End();
        listeners_ = std::exchange(other.listeners_, nullptr);
        position_ = other.position_;
      }
      return *this;
    }
    ~Registration() { End(); }

   private:
    friend class ChangeListeners;
    using Position = std::list<std::function<void()>>::iterator;
    Registration(ChangeListeners& listeners, Position position)
        : listeners_(&listeners), position_(position) {}
    void End() {
      if (ChangeListeners* const listeners = std::exchange(listeners_, nullptr)) {
        std::lock_guard lock(listeners->mu_);
        listeners->told_.erase(position_);
      }
    }

    ChangeListeners* listeners_ = nullptr;
    Position position_;
  };

  ChangeListeners() = default;
  ChangeListeners(const ChangeListeners&) = delete;
  ChangeListeners& operator=(const ChangeListeners&) = delete;

  Registration Add(std::function<void()> told) {
    std::lock_guard lock(mu_);
    return {*this, told_.insert(told_.end(), std::move(told))};
  }
  void Tell() {
    std::lock_guard lock(mu_);
    for (const std::function<void()>& told : told_) told();
  }

 private:
  std::mutex mu_;
  std::list<std::function<void()>> told_;  // guarded by mu_
};

}  // namespace kalam
