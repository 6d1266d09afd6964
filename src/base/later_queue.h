// LaterQueue: work that an event loop does after what is ready now, for code that does not know the loop.
//
// Owner: the event loop, which derives from it. Threads: everything on the loop's thread. Errors: none.
#pragma once

#include <functional>

namespace kalam {

class LaterQueue {
 public:
  LaterQueue() = default;
  LaterQueue(const LaterQueue&) = delete;
  LaterQueue& operator=(const LaterQueue&) = delete;
  virtual ~LaterQueue() = default;

  // Runs `work` on the calling thread, soon, behind the handlers that are ready; never before it returns.
  virtual void RunLater(std::function<void()> work) = 0;

  // Of the event loop that runs on the calling thread; nullptr = none does.
  static LaterQueue* Current() { return current; }

 protected:
  // Around the loop.
  void Enter() { current = this; }
  static void Leave() { current = nullptr; }

 private:
  static inline thread_local constinit LaterQueue* current = nullptr;
};

}  // namespace kalam
