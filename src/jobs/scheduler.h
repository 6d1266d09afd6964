// Scheduler: the durable queue of jobs and the threads that run them.
//
// Purpose: creates, runs, retries, cancels and remembers jobs. Every state is durable before it shows;
// terminal states are final. Owner: main(), above the store and below the statements. Threads: every method
// is thread-safe; `options.threads` job threads and one planner thread belong to it. Executors are not owned.
// Waiting is on a condition variable with the deadline of the next due job; nothing polls. Errors:
// kInvalidInput (parameters), kAlreadyExists (idempotency), kNotFound, kInvalidOperation (cancel),
// kLimitExceeded (queue), and the store's. Limits: `active_max` unfinished jobs, `history_max` finished ones
// for `history_days`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "hot/store.h"
#include "jobs/executor.h"
#include "jobs/job.h"
#include "jobs/planner_thread.h"

namespace kalam::jobs {

struct SchedulerOptions {
  int threads = 5;                   // jobs at once
  int64_t max_retries = 3;           // after the first attempt
  int64_t retry_backoff_ms = 1'000;  // doubles with each retry, up to kBackoffMaxMs
  int64_t round_delay_ms = 5'000;    // between rounds of a job that has more work
  int64_t active_max = 20'000;
  int64_t history_max = 10'000;
  int64_t history_days = 30;
  // Called with each state that a job reaches, after it is durable, in order per job. Must be short and must
  // not call the scheduler. For tests.
  std::function<void(const Job&)> on_transition;
};
inline constexpr int64_t kBackoffMaxMs = 3'600'000;

struct JobRequest {
  JobType type = JobType::kFlush;
  std::string ns;
  std::string table;
  Parameters parameters;
  std::string owner = "system";
  // "{type}:{namespace}:{table}:{yyyymmdd}" of the request when absent; empty = duplicates are fine.
  std::optional<std::string> idempotency_key;
  // What is written in the batch that makes the job, which has this id (an audit entry, say).
  std::function<std::vector<hot::MetaOp>(const std::string& job_id)> also;
};

class Scheduler {
 public:
  // Loads all jobs and applies the restart rules. Nothing runs before Start.
  static Result<std::unique_ptr<Scheduler>> Open(hot::Store& store, const Clock& clock, Random& random,
                                                 SchedulerOptions options,
                                                 std::span<const std::unique_ptr<Executor>> executors);
  ~Scheduler();

  // Starts the threads. `planners` run on their own thread, first after their interval.
  void Start(std::vector<Planner> planners);
  // Asks running rounds to stop at their next batch, waits for them and joins. Jobs go on at the next start.
  // Idempotent.
  void Stop();

  // Returns the queued job, durable. kAlreadyExists with the protocol's text while a job with the key is
  // active: "Job already running: FL-... (status: running, created: 2026-05-01T09:00:00.123Z)", details
  // job_id.
  Result<JobPtr> Create(JobRequest request);

  // Ends a job that waits, asks a running one to stop. Returns the job afterwards: cancelled, or still
  // running with `cancelled_by` set. "Job X not found", "Cannot cancel job in status Completed".
  // `also` is written in the same batch.
  Result<JobPtr> Cancel(std::string_view id, std::string_view by, std::vector<hot::MetaOp> also = {});
  // Cancels the jobs of a table that wait; those that run find out by themselves.
  void CancelWaiting(std::string_view ns, std::string_view table, JobType type, std::string_view by);

  JobPtr Find(std::string_view id) const;  // nullptr when unknown
  JobPtr FindActive(std::string_view idempotency_key) const;
  std::vector<JobPtr> List() const;  // oldest first
  // Returns when the job is in a terminal state or the time is over; the job as it is then.
  JobPtr WaitFor(std::string_view id, std::chrono::milliseconds time) const;

  // Makes waiting threads look at the clock again. For tests with a clock of their own.
  void Wake();

 private:
  Status TrimHistory();
  struct Impl;
  explicit Scheduler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "flush:app:notes:20260501".
std::string DailyKey(JobType type, std::string_view ns, std::string_view table, int64_t wall_millis);

}  // namespace kalam::jobs
