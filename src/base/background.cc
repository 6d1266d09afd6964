#include "base/background.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace kalam {
namespace {

constexpr int kNice = 10;
thread_local int64_t background_micros = 0;

}  // namespace

void LowerThreadPriority() {
  sched_param parameters{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  // Of the thread alone, and relative: the whole server may have been started with another priority.
  const auto self = static_cast<id_t>(gettid());
  (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + kNice);
}

int64_t BackgroundCpuMicros() { return background_micros; }
void AddBackgroundCpu(int64_t micros) { background_micros += micros; }

int64_t ThreadCpuMicros() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1'000;
}

}  // namespace kalam
