// Executor: how one kind of job does its work. One file per kind, all of them named in jobs/list.cc.
//
// A job runs in rounds. A round does a bounded amount of work (a batch, a chunk, a file), asks between its
// steps whether it should stop, and says what comes next: done, more work later, nothing to do. An error is a
// failed round: transient ones (kIo, kUnavailable, kConflict, kDeadline, kLimitExceeded) are tried again with
// growing delays, others fail the job at once. What was done so far is remembered with checkpoints: a cursor
// of the executor's own form plus the metrics, durable together and, when the executor adds the operation to
// its own batch, atomically with the work. After a restart the round starts again from the last checkpoint.
//
// Threads: executors are immutable and shared by all job threads; a Round belongs to the thread that runs it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hot/batch.h"
#include "jobs/job.h"
#include "jobs/parameters.h"

namespace kalam::jobs {

// May KILL JOB end it?
enum class CancelRule : uint8_t {
  kAnytime,       // while it waits at once, while it runs at the end of the running batch
  kWhileWaiting,  // not while it runs
  kNever,         // stopping half-way would leave something behind that nobody removes
};

// What becomes of a job that was running when the server stopped.
enum class RestartRule : uint8_t {
  kResume,                // runs again from its last checkpoint
  kFail,                  // "Server restarted during execution"
  kResumeFromCheckpoint,  // kResume when it has a checkpoint, else kFail
};

struct ExecutorInfo {
  JobType type;
  CancelRule cancel = CancelRule::kAnytime;
  RestartRule restart = RestartRule::kResume;
};

// The end of a round that did not fail.
struct RoundOutcome {
  enum class Kind : uint8_t {
    kCompleted,
    kMoreWork,     // status `retrying` until the next round; costs no retry
    kSkipped,      // there is nothing to do
    kInterrupted,  // Round::should_stop() was true, the checkpoint says where to go on
  } kind = Kind::kCompleted;
  std::string message;  // for people: "Flushed app.notes successfully (5 rows, 1 files)"
  std::optional<int64_t>
      delay_ms;  // kMoreWork: until the next round; absent: RoundPause of the configured one

  static RoundOutcome Completed(std::string text) { return {Kind::kCompleted, std::move(text), {}}; }
  static RoundOutcome MoreWork(std::string text, std::optional<int64_t> delay_ms = std::nullopt) {
    return {Kind::kMoreWork, std::move(text), delay_ms};
  }
  static RoundOutcome Skipped(std::string text) { return {Kind::kSkipped, std::move(text), {}}; }
  static RoundOutcome Interrupted() { return {Kind::kInterrupted, {}, {}}; }
};

// What a round works with, besides the services that its executor was made with.
class Round {
 public:
  virtual ~Round() = default;

  virtual const Job& job() const = 0;
  virtual const Parameters& parameters() const = 0;
  // True once somebody cancelled the job or the server stops: finish the running batch, checkpoint, return
  // Interrupted. Cheap. Always false for the cancel rule kNever, except when the server stops.
  virtual bool should_stop() const = 0;

  // The cursor of the last checkpoint; empty in the first round of a job that has none.
  virtual std::string_view cursor() const = 0;
  // Counted over all rounds; what is counted after the last checkpoint of a failed round is forgotten.
  virtual JobMetrics& metrics() = 0;
  virtual void SetProgress(JobProgress progress) = 0;

  // The operation that stores `cursor` and the metrics as they are now, for the batch that holds the work.
  // Call Checkpointed once that batch is durable.
  virtual hot::MetaOp CheckpointOp(std::string cursor) const = 0;
  virtual void Checkpointed(std::string cursor) = 0;
  // Stores a checkpoint by itself, for work that is no batch.
  virtual Status Checkpoint(std::string cursor) = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;
  virtual const ExecutorInfo& info() const = 0;
  // Before a job is created: kInvalidInput "Missing required parameter: table_id" and the like.
  virtual Status Validate(const Parameters& parameters) const = 0;
  // Jobs of one lane run one after the other, whatever their kinds ("table/app.notes"); empty = no lane. By
  // default the table that the job works on.
  virtual std::string Lane(const Job& job) const;
  virtual Result<RoundOutcome> RunRound(Round& round) const = 0;
};

// True for failures that another attempt may not meet.
bool IsTransient(ErrorCode code);

}  // namespace kalam::jobs
