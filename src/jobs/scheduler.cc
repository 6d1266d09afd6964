#include "jobs/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/background.h"
#include "base/fault_point.h"
#include "hot/key_codec.h"
#include "jobs/board.h"
#include "jobs/planner_thread.h"
#include "jobs/record.h"
#include "jobs/round_size.h"
#include "jobs/round_state.h"
#include "observe/log.h"

namespace kalam::jobs {
namespace {

constexpr std::string_view kRestarted = "Server restarted during execution";
constexpr int64_t kMillisPerDay = 86'400'000;
constexpr int64_t kTrimIntervalMs = 3'600'000;
// After a commit failed there is nothing to do but to try again; writes may be refused until a restart.
constexpr std::chrono::milliseconds kCommitRetry{1'000};

void Enter(Job& job, JobStatus status, int64_t now_ms) {
  job.status = status;
  job.updated_at_ms = now_ms;
  job.history.push_back({status, now_ms});
  if (job.history.size() > kHistoryStepsMax) job.history.erase(job.history.begin());
  if (IsTerminal(status)) job.finished_at_ms = now_ms;
}

std::string StatusTitle(JobStatus status) {
  std::string name(JobStatusName(status));
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

std::string TypeTitle(JobType type) {
  std::string name(JobTypeName(type));
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  std::ranges::replace(name, '_', ' ');
  return name;
}

bool Fails(RestartRule rule, bool has_checkpoint) {
  return rule == RestartRule::kFail || (rule == RestartRule::kResumeFromCheckpoint && !has_checkpoint);
}

int64_t CpuMicros() { return ThreadCpuMicros() + BackgroundCpuMicros(); }

int64_t Backoff(int64_t base_ms, int64_t retry) {
  int64_t delay = base_ms;
  for (int64_t i = 1; i < retry && delay < kBackoffMaxMs; ++i) delay *= 2;
  return std::min(delay, kBackoffMaxMs);
}

std::unexpected<Error> NotFound(std::string_view id) {
  return Fail(ErrorCode::kNotFound, fmt::format("Job {} not found", id));
}

}  // namespace

std::string DailyKey(JobType type, std::string_view ns, std::string_view table, int64_t wall_millis) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(wall_millis)};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{}:{}:{}:{:04}{:02}{:02}", JobTypeName(type), ns, table, static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

// Locks, always in this order: write_mu (one change of a record at a time, across its commit), then mu (what
// readers see). A job changes as: decide under write_mu, commit, publish under mu.
struct Scheduler::Impl {
  Impl(hot::Store& s, const Clock& c, Random& r, SchedulerOptions o,
       std::span<const std::unique_ptr<Executor>> list)
      : store(s), clock(c), random(r), options(std::move(o)), planner(c) {
    for (const auto& executor : list) {
      executors.at(static_cast<size_t>(executor->info().type)) = executor.get();
    }
  }

  const Executor* ExecutorOf(JobType type) const { return executors.at(static_cast<size_t>(type)); }

  // Commits and shows the job. Needs write_mu.
  Status Save(Job job, std::string lane = {}, std::vector<hot::MetaOp> extra = {});
  Status Load();
  // The job as the restart rules want it; false when it stays.
  bool Recover(Job& job, bool has_checkpoint) const;
  std::string NewId();
  Status Trim(std::vector<hot::MetaOp>& operations, std::vector<std::string>& ids) const;

  void WorkerLoop();
  void RunClaimed(const JobPtr& claimed);
  bool Begin(std::string_view id);
  void Finish(std::string_view id, RoundState& round, Result<RoundOutcome> outcome, int64_t cpu_micros);
  Job Next(const Job& job, RoundState& round, const Result<RoundOutcome>& outcome, int64_t now_ms) const;
  void NextAfterError(Job& next, const Error& error, int64_t now_ms) const;
  // Until it works, or the server stops: then once.
  template <typename Change>
  bool Persist(const Change& change);

  hot::Store& store;
  const Clock& clock;
  Random& random;
  const SchedulerOptions options;
  std::array<const Executor*, 256> executors{};

  std::mutex write_mu;
  mutable std::mutex mu;
  std::condition_variable work_cv;             // something may be due, or stop
  mutable std::condition_variable changed_cv;  // some job changed
  Board board;
  std::unordered_map<std::string, RoundState*> rounds;  // that run now
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
  PlannerThread planner;
};

// ---- records

Status Scheduler::Impl::Save(Job job, std::string lane, std::vector<hot::MetaOp> extra) {
  hot::Batch batch;
  batch.meta.push_back({JobKey(job.id), EncodeJob(job)});
  for (hot::MetaOp& op : extra) batch.meta.push_back(std::move(op));
  std::vector<std::string> forgotten;
  if (IsTerminal(job.status)) {
    batch.meta.push_back({CheckpointKey(job.id), std::nullopt});
    KALAM_TRY(Trim(batch.meta, forgotten));
  }
  CrashPoint({"job.deciding", JobTypeName(job.type), JobStatusName(job.status)});
  KALAM_TRY(store.Commit(std::move(batch)).status);
  CrashPoint({"job.stored", JobTypeName(job.type), JobStatusName(job.status)});
  auto shown = std::make_shared<const Job>(std::move(job));
  {
    std::lock_guard lock(mu);
    board.Put(shown, std::move(lane));
    for (const std::string& id : forgotten) board.Erase(id);
  }
  if (options.on_transition) options.on_transition(*shown);
  changed_cv.notify_all();
  work_cv.notify_one();
  return {};
}

// One more job is about to end, so the board may hold one less.
Status Scheduler::Impl::Trim(std::vector<hot::MetaOp>& operations, std::vector<std::string>& ids) const {
  std::lock_guard lock(mu);
  const int64_t before = clock.WallMillis() - options.history_days * kMillisPerDay;
  ids = board.Excess(static_cast<size_t>(std::max<int64_t>(options.history_max - 1, 0)), before);
  for (const std::string& id : ids) operations.push_back({JobKey(id), std::nullopt});
  return {};
}

bool Scheduler::Impl::Recover(Job& job, bool has_checkpoint) const {
  const int64_t now = clock.WallMillis();
  if (job.status == JobStatus::kNew) {
    Enter(job, JobStatus::kQueued, now);
    return true;
  }
  if (job.status != JobStatus::kRunning) return false;
  const Executor* executor = ExecutorOf(job.type);
  if (!job.cancelled_by.empty()) {
    Enter(job, JobStatus::kCancelled, now);
    job.message = fmt::format("Cancelled by {}", job.cancelled_by);
    observe::LogInfo("[{}] INFO - Job cancelled by user", job.id);
  } else if (executor == nullptr || Fails(executor->info().restart, has_checkpoint)) {
    Enter(job, JobStatus::kFailed, now);
    job.message = kRestarted;
    job.exception_trace = "The job was running when the server stopped.";
    observe::LogError("[{}] ERROR - Job failed permanently: {}", job.id, kRestarted);
  } else {
    Enter(job, JobStatus::kQueued, now);
    job.next_run_at_ms = now;
    observe::LogInfo("[{}] INFO - Job resumes after a restart", job.id);
  }
  return true;
}

Status Scheduler::Impl::Load() {
  hot::Batch batch;
  auto cursor = store.Scan(hot::Space::kMeta, kJobPrefix, hot::PrefixEnd(kJobPrefix));
  for (; cursor->Valid(); cursor->Next()) {
    const std::string id(cursor->key().substr(kJobPrefix.size()));
    KALAM_ASSIGN(Job job, DecodeJob(id, cursor->value()));
    Checkpoint checkpoint;
    if (!IsTerminal(job.status)) {
      hot::PinnedBytes stored;
      KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, CheckpointKey(id), stored));
      if (found) {
        KALAM_ASSIGN(checkpoint, DecodeCheckpoint(id, stored.bytes()));
        job.metrics = checkpoint.metrics;
        if (checkpoint.progress) job.progress = checkpoint.progress;
      }
    }
    if (Recover(job, !checkpoint.cursor.empty())) {
      batch.meta.push_back({JobKey(id), EncodeJob(job)});
      if (IsTerminal(job.status)) batch.meta.push_back({CheckpointKey(id), std::nullopt});
    }
    const Executor* executor = ExecutorOf(job.type);
    std::string lane = executor == nullptr ? std::string() : executor->Lane(job);
    board.Put(std::make_shared<const Job>(std::move(job)), std::move(lane), std::move(checkpoint.cursor));
  }
  KALAM_TRY(cursor->status());
  if (batch.meta.empty()) return {};
  return store.Commit(std::move(batch)).status;
}

std::string Scheduler::Impl::NewId() {
  std::array<uint8_t, 6> bytes{};
  random.Fill(bytes);
  std::string id;
  for (const uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

// ---- running

void Scheduler::Impl::WorkerLoop() {
  std::unique_lock lock(mu);
  while (!stopping) {
    std::optional<int64_t> next_due;
    const int64_t now = clock.WallMillis();
    if (JobPtr job = board.Claim(now, next_due)) {
      lock.unlock();
      RunClaimed(job);
      lock.lock();
      board.Release(job->id);
      work_cv.notify_one();
    } else if (next_due) {
      work_cv.wait_for(lock, std::chrono::milliseconds(*next_due - now));
    } else {
      work_cv.wait(lock);
    }
  }
  // Another thread may have been woken for the same reason.
  work_cv.notify_one();
}

template <typename Change>
bool Scheduler::Impl::Persist(const Change& change) {
  while (true) {
    // Before the try: what a round has done is stored also when the server stops meanwhile.
    const bool last = stopping;
    const Status status = change();
    if (status) return true;
    observe::LogError("The state of a job cannot be stored: {}", status.error().message);
    if (last) return false;
    std::unique_lock lock(mu);
    work_cv.wait_for(lock, kCommitRetry, [&] { return stopping.load(); });
  }
}

// False when the job was cancelled before it could start, or the server stops.
bool Scheduler::Impl::Begin(std::string_view id) {
  bool runs = false;
  const bool stored = Persist([&]() -> Status {
    std::lock_guard write(write_mu);
    // The next start does not find it running.
    if (stopping) return {};
    Job job;
    {
      std::lock_guard lock(mu);
      const Board::Entry* entry = board.Find(id);
      if (entry == nullptr || IsTerminal(entry->job->status)) return {};
      job = *entry->job;
    }
    const int64_t now = clock.WallMillis();
    Enter(job, JobStatus::kRunning, now);
    if (!job.started_at_ms) job.started_at_ms = now;
    KALAM_TRY(Save(std::move(job)));
    runs = true;
    return {};
  });
  return stored && runs;
}

void Scheduler::Impl::RunClaimed(const JobPtr& claimed) {
  if (!Begin(claimed->id)) return;
  JobPtr job;
  std::string cursor;
  {
    std::lock_guard lock(mu);
    const Board::Entry* entry = board.Find(claimed->id);
    job = entry->job;
    cursor = entry->cursor;
  }
  if (job->rounds == 0 && job->retry_count == 0) {
    observe::LogInfo("[{}] INFO - Job started", job->id);
  } else {
    observe::LogInfo("[{}] INFO - Job continues (round {})", job->id, job->rounds + 1);
  }
  const auto show = [this, id = job->id](const Checkpoint& state) {
    std::lock_guard lock(mu);
    Board::Entry* entry = board.Find(id);
    Job next = *entry->job;
    next.metrics = state.metrics;
    next.progress = state.progress;
    entry->cursor = state.cursor;
    board.Put(std::make_shared<const Job>(std::move(next)));
  };
  Result<Parameters> parameters = Parameters::Parse(job->parameters_json);
  RoundState round(store, stopping, show, job, parameters ? *parameters : Parameters(), std::move(cursor));
  {
    std::lock_guard lock(mu);
    rounds[job->id] = &round;
    // Cancelled between Begin and here.
    if (!board.Find(job->id)->job->cancelled_by.empty()) round.Cancel();
  }
  const int64_t cpu_before = CpuMicros();
  const Executor* executor = ExecutorOf(job->type);
  Result<RoundOutcome> outcome =
      Fail(ErrorCode::kUnsupported, fmt::format("This server has no {} jobs", JobTypeName(job->type)));
  if (!parameters) {
    outcome = Fail(parameters.error());
  } else if (executor != nullptr) {
    try {
      outcome = executor->RunRound(round);
    } catch (const std::exception& e) {  // of a library; a job must not end the server
      outcome = Fail(ErrorCode::kInternal, fmt::format("Unexpected failure: {}", e.what()));
    }
  }
  {
    std::lock_guard lock(mu);
    rounds.erase(job->id);
  }
  Finish(job->id, round, std::move(outcome), CpuMicros() - cpu_before);
}

void Scheduler::Impl::NextAfterError(Job& next, const Error& error, int64_t now_ms) const {
  next.exception_trace = fmt::format("{}: {}", ErrorCodeName(error.code), error.message);
  if (!IsTransient(error.code)) {
    next.message = error.message;
  } else if (next.retry_count < next.max_retries) {
    const int64_t delay = Backoff(options.retry_backoff_ms, ++next.retry_count);
    next.message = error.message;
    next.next_run_at_ms = now_ms + delay;
    Enter(next, JobStatus::kRetrying, now_ms);
    observe::LogWarn("[{}] WARN - Job failed, retrying in {}ms (attempt {}/{}): {}", next.id, delay,
                     next.retry_count, next.max_retries, error.message);
    return;
  } else {
    next.message = fmt::format("Max retries exceeded: {}", error.message);
  }
  Enter(next, JobStatus::kFailed, now_ms);
  observe::LogError("[{}] ERROR - Job failed permanently: {}", next.id, next.message);
}

// What becomes of the job after a round.
Job Scheduler::Impl::Next(const Job& job, RoundState& round, const Result<RoundOutcome>& outcome,
                          int64_t now_ms) const {
  using Kind = RoundOutcome::Kind;
  Job next = job;
  const bool went_well = outcome.has_value() && outcome->kind != Kind::kInterrupted;
  const Checkpoint& state = round.Outcome(went_well);
  next.metrics = state.metrics;
  next.progress = state.progress;
  if (went_well) ++next.rounds;
  // Who killed the job was told so; whatever the last batch achieved, it ends cancelled.
  if (!job.cancelled_by.empty()) {
    next.message = fmt::format("Cancelled by {}", job.cancelled_by);
    Enter(next, JobStatus::kCancelled, now_ms);
    observe::LogInfo("[{}] INFO - Job cancelled by user", job.id);
    return next;
  }
  if (!outcome) {
    NextAfterError(next, outcome.error(), now_ms);
    return next;
  }
  next.retry_count = 0;
  if (went_well) {
    next.message = outcome->message;
    next.exception_trace.clear();
  }
  if (outcome->kind == Kind::kMoreWork || outcome->kind == Kind::kInterrupted) {
    const int64_t pause = outcome->delay_ms.value_or(RoundPause(options.round_delay_ms, job.rounds));
    const int64_t delay = outcome->kind == Kind::kInterrupted ? 0 : pause;
    next.next_run_at_ms = now_ms + delay;
    Enter(next, JobStatus::kRetrying, now_ms);
    return next;
  }
  Enter(next, outcome->kind == Kind::kSkipped ? JobStatus::kSkipped : JobStatus::kCompleted, now_ms);
  observe::LogInfo("[{}] INFO - Job {}: {}", job.id, JobStatusName(next.status), outcome->message);
  return next;
}

void Scheduler::Impl::Finish(std::string_view id, RoundState& round, Result<RoundOutcome> outcome,
                             int64_t cpu_micros) {
  Persist([&]() -> Status {
    std::lock_guard write(write_mu);
    JobPtr current;
    {
      std::lock_guard lock(mu);
      current = board.Find(id)->job;
    }
    // The server stops: the record still says running, so the restart rules decide about it.
    const bool interrupted = outcome && outcome->kind == RoundOutcome::Kind::kInterrupted;
    if (interrupted && stopping && current->cancelled_by.empty()) return {};
    Job next = Next(*current, round, outcome, clock.WallMillis());
    next.cpu_micros += cpu_micros;
    std::vector<hot::MetaOp> extra;
    if (next.status == JobStatus::kRetrying) {
      const Checkpoint& state =
          round.Outcome(outcome.has_value() && outcome->kind != RoundOutcome::Kind::kInterrupted);
      extra.push_back({CheckpointKey(id), EncodeCheckpoint(state)});
    }
    return Save(std::move(next), {}, std::move(extra));
  });
}

// ---- the public face

Scheduler::Scheduler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Scheduler::~Scheduler() { Stop(); }

Result<std::unique_ptr<Scheduler>> Scheduler::Open(hot::Store& store, const Clock& clock, Random& random,
                                                   SchedulerOptions options,
                                                   std::span<const std::unique_ptr<Executor>> executors) {
  auto impl = std::make_unique<Impl>(store, clock, random, std::move(options), executors);
  KALAM_TRY(impl->Load());
  return std::unique_ptr<Scheduler>(new Scheduler(std::move(impl)));
}

void Scheduler::Start(std::vector<Planner> planners) {
  planners.push_back({"job history", kTrimIntervalMs, [this] { return TrimHistory(); }});
  impl_->planner.Start(std::move(planners));
  for (int i = 0; i < impl_->options.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->WorkerLoop(); });
  }
}

void Scheduler::Stop() {
  impl_->planner.Stop();
  {
    std::lock_guard lock(impl_->mu);
    impl_->stopping = true;
  }
  impl_->work_cv.notify_all();
  impl_->changed_cv.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

Status Scheduler::TrimHistory() {
  std::lock_guard write(impl_->write_mu);
  hot::Batch batch;
  std::vector<std::string> ids;
  KALAM_TRY(impl_->Trim(batch.meta, ids));
  if (ids.empty()) return {};
  KALAM_TRY(impl_->store.Commit(std::move(batch)).status);
  std::lock_guard lock(impl_->mu);
  for (const std::string& id : ids) impl_->board.Erase(id);
  return {};
}

Result<JobPtr> Scheduler::Create(JobRequest request) {
  Impl& impl = *impl_;
  const Executor* executor = impl.ExecutorOf(request.type);
  if (executor == nullptr) {
    return Fail(
        Error(ErrorCode::kUnsupported, fmt::format("{} jobs are not supported yet", TypeTitle(request.type)))
            .With("feature", std::string(JobTypeName(request.type)) + " jobs"));
  }
  KALAM_TRY(executor->Validate(request.parameters));
  std::lock_guard write(impl.write_mu);
  const int64_t now = impl.clock.WallMillis();
  Job job;
  job.type = request.type;
  job.ns = std::move(request.ns);
  job.table = std::move(request.table);
  job.parameters_json = request.parameters.Json();
  job.owner = std::move(request.owner);
  job.idempotency_key =
      request.idempotency_key ? *request.idempotency_key : DailyKey(job.type, job.ns, job.table, now);
  job.max_retries = impl.options.max_retries;
  job.created_at_ms = now;
  job.next_run_at_ms = now;
  {
    std::lock_guard lock(impl.mu);
    const JobPtr other = job.idempotency_key.empty() ? nullptr : impl.board.FindActive(job.idempotency_key);
    if (other != nullptr) {
      return Fail(Error(ErrorCode::kAlreadyExists,
                        fmt::format("Job already running: {} (status: {}, created: {})", other->id,
                                    JobStatusName(other->status), MillisText(other->created_at_ms)))
                      .With("job_id", other->id));
    }
    if (impl.board.active() >= static_cast<size_t>(impl.options.active_max)) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("{} jobs wait or run already; try again when some have ended",
                              impl.options.active_max));
    }
    do {
      job.id = fmt::format("{}-{}", JobTypePrefix(job.type), impl.NewId());
    } while (impl.board.Find(job.id) != nullptr);
  }
  Enter(job, JobStatus::kNew, now);
  Enter(job, JobStatus::kQueued, now);
  const std::string id = job.id;
  std::string lane = executor->Lane(job);
  std::vector<hot::MetaOp> also;
  if (request.also) also = request.also(id);
  KALAM_TRY(impl.Save(std::move(job), std::move(lane), std::move(also)));
  observe::LogInfo("[{}] INFO - Job queued", id);
  return Find(id);
}

namespace {

std::unexpected<Error> CannotCancel(const Job& job, std::string_view why) {
  return Fail(Error(ErrorCode::kInvalidOperation, fmt::format("Cannot cancel job {}", why))
                  .With("job_id", job.id)
                  .With("status", std::string(JobStatusName(job.status))));
}

}  // namespace

Result<JobPtr> Scheduler::Cancel(std::string_view id, std::string_view by, std::vector<hot::MetaOp> also) {
  Impl& impl = *impl_;
  std::lock_guard write(impl.write_mu);
  const JobPtr current = Find(id);
  if (current == nullptr) return NotFound(id);
  if (IsTerminal(current->status)) return CannotCancel(*current, "in status " + StatusTitle(current->status));
  const Executor* executor = impl.ExecutorOf(current->type);
  const CancelRule rule = executor == nullptr ? CancelRule::kAnytime : executor->info().cancel;
  const bool running = current->status == JobStatus::kRunning;
  if (rule == CancelRule::kNever) {
    return CannotCancel(*current, fmt::format("{}: {} jobs cannot be safely cancelled", current->id,
                                              TypeTitle(current->type)));
  }
  if (running && rule == CancelRule::kWhileWaiting) {
    return CannotCancel(
        *current, fmt::format("{} in status Running: {} jobs cannot be cancelled while they run", current->id,
                              TypeTitle(current->type)));
  }
  Job next = *current;
  next.cancelled_by = by;
  if (!running) {
    next.message = fmt::format("Cancelled by {}", by);
    Enter(next, JobStatus::kCancelled, impl.clock.WallMillis());
    observe::LogInfo("[{}] INFO - Job cancelled by user", next.id);
  }
  KALAM_TRY(impl.Save(std::move(next), {}, std::move(also)));
  if (running) {
    std::lock_guard lock(impl.mu);
    auto round = impl.rounds.find(std::string(id));
    if (round != impl.rounds.end()) round->second->Cancel();
  }
  return Find(id);
}

void Scheduler::CancelWaiting(std::string_view ns, std::string_view table, JobType type,
                              std::string_view by) {
  for (const JobPtr& job : List()) {
    if (job->type != type || job->ns != ns || job->table != table || IsTerminal(job->status)) continue;
    // A job that has started meanwhile is none of ours.
    if (job->status != JobStatus::kRunning) (void)Cancel(job->id, by);
  }
}

JobPtr Scheduler::Find(std::string_view id) const {
  std::lock_guard lock(impl_->mu);
  const Board::Entry* entry = impl_->board.Find(id);
  return entry == nullptr ? nullptr : entry->job;
}

JobPtr Scheduler::FindActive(std::string_view idempotency_key) const {
  std::lock_guard lock(impl_->mu);
  return impl_->board.FindActive(idempotency_key);
}

std::vector<JobPtr> Scheduler::List() const {
  std::lock_guard lock(impl_->mu);
  return impl_->board.List();
}

JobPtr Scheduler::WaitFor(std::string_view id, std::chrono::milliseconds time) const {
  const auto deadline = std::chrono::steady_clock::now() + time;
  std::unique_lock lock(impl_->mu);
  const auto ended = [&] {
    const Board::Entry* entry = impl_->board.Find(id);
    return impl_->stopping || entry == nullptr || IsTerminal(entry->job->status);
  };
  impl_->changed_cv.wait_until(lock, deadline, ended);
  const Board::Entry* entry = impl_->board.Find(id);
  return entry == nullptr ? nullptr : entry->job;
}

void Scheduler::Wake() {
  {
    std::lock_guard lock(impl_->mu);
  }
  impl_->work_cv.notify_all();
  impl_->planner.Wake();
}

}  // namespace kalam::jobs
