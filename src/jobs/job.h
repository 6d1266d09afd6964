// Job: one piece of background work as it is stored and shown. A plain immutable value.
//
// Records live in the meta space of the hot tier; docs/jobs-format.md describes them. Kinds and states are
// stored by number, shown by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kalam::jobs {

// Stored on disk. Never change a number.
enum class JobType : uint8_t {
  kFlush = 1,
  kCompact = 2,
  kCleanup = 3,
  kRetention = 4,
  kStreamEviction = 5,
  kUserCleanup = 6,
  kBackup = 7,
  kRestore = 8,
  kUserExport = 9,
  kTopicCleanup = 10,
  kTopicRetention = 11,
};
std::string_view JobTypeName(JobType type);    // "stream_eviction"
std::string_view JobTypePrefix(JobType type);  // "SE"
std::optional<JobType> ParseJobType(int64_t number);

// Stored on disk. Never change a number.
enum class JobStatus : uint8_t {
  kNew = 0,
  kQueued = 1,
  kRunning = 2,
  kRetrying = 3,  // waits for `next_run_at_ms`: after a failure, or because more work remains
  kCompleted = 4,
  kFailed = 5,
  kCancelled = 6,
  kSkipped = 7,  // there was nothing to do
};
std::string_view JobStatusName(JobStatus status);  // "queued"
std::optional<JobStatus> ParseJobStatus(int64_t number);
// Terminal states are never left.
constexpr bool IsTerminal(JobStatus status) { return status >= JobStatus::kCompleted; }
// The state machine: new -> queued -> running -> completed | failed | skipped | cancelled | retrying;
// retrying -> running; new, queued, retrying -> cancelled; running -> queued when a restart interrupted it.
bool MayFollow(JobStatus from, JobStatus to);

// Named figures and texts that a job reports, in the order in which they were first set.
class JobMetrics {
 public:
  using Value = std::variant<int64_t, std::string>;
  void Add(std::string_view name, int64_t n);  // starts from 0
  void Set(std::string_view name, Value value);
  int64_t Number(std::string_view name) const;  // 0 when absent or a text
  const std::vector<std::pair<std::string, Value>>& values() const { return values_; }
  bool empty() const { return values_.empty(); }

 private:
  Value& Slot(std::string_view name);
  std::vector<std::pair<std::string, Value>> values_;
};

// How far the work is. Shown while it runs; durable with each checkpoint.
struct JobProgress {
  int64_t done = 0;
  std::optional<int64_t> total;
  std::string what;  // the unit or the phase: "rows", "copying files"
};

struct StatusStep {
  JobStatus status = JobStatus::kNew;
  int64_t at_ms = 0;
};

struct Job {
  std::string id;  // "FL-0123456789ab"
  JobType type = JobType::kFlush;
  JobStatus status = JobStatus::kNew;
  std::string ns;                      // of the object it works on; may be empty
  std::string table;                   // may be empty
  std::string parameters_json = "{}";  // an object
  std::string owner;                   // user id of who asked for it; "system" for the server itself
  std::string idempotency_key;         // may be empty
  std::string message;                 // the outcome, or the latest failure in a few words
  std::string exception_trace;         // of the latest failure; empty after success
  int64_t retry_count = 0;             // failures since the last round that went well
  int64_t max_retries = 0;
  int64_t rounds = 0;  // finished rounds
  JobMetrics metrics;
  std::optional<JobProgress> progress;
  int64_t cpu_micros = 0;
  std::string cancelled_by;  // who asked to stop it; empty = nobody
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
  std::optional<int64_t> started_at_ms;
  std::optional<int64_t> finished_at_ms;
  int64_t next_run_at_ms = 0;       // not before
  std::vector<StatusStep> history;  // the newest kHistoryStepsMax steps, oldest first

  std::string full_table_name() const { return ns + "." + table; }
};
using JobPtr = std::shared_ptr<const Job>;

inline constexpr size_t kHistoryStepsMax = 64;

// Text and JSON forms that people and clients see.
std::string MetricsJson(const Job& job);   // {"rows_flushed":5}
std::string ProgressJson(const Job& job);  // {"done":5,"total":10,"what":"rows","rounds":1}; "" when unknown
std::string HistoryText(const Job& job);   // "queued,running,completed"
std::string MillisText(int64_t wall_millis);  // "2026-05-01T09:00:00.123Z"

}  // namespace kalam::jobs
