// Background: long work that gives way to the threads that answer requests.
//
// On few cores a thread that works for seconds and one that answers within microseconds compete for the same
// processor, and the answer waits for the other's time slice. Threads: any. Errors: an exception of the work
// reaches the caller.
#pragma once

#include <cstdint>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

namespace kalam {

// For good: a process without privileges cannot raise a thread's priority again. Threads that this thread
// starts inherit it.
void LowerThreadPriority();

// Processor time that work in the background took for the calling thread, microseconds.
int64_t BackgroundCpuMicros();
void AddBackgroundCpu(int64_t micros);
// Of the calling thread itself.
int64_t ThreadCpuMicros();

// Runs `work` on a thread of its own with low priority and waits for it.
template <typename Work>
std::invoke_result_t<Work> RunInBackground(Work work) {
  std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
  auto result = task.get_future();
  int64_t micros = 0;
  std::thread thread([&] {
    LowerThreadPriority();
    task();
    micros = ThreadCpuMicros() + BackgroundCpuMicros();
  });
  thread.join();
  AddBackgroundCpu(micros);
  return result.get();
}

}  // namespace kalam
