// Jobs: state traces, retries, rounds, cancellation, restarts, and every durable state as a crash point.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "hot/key_codec.h"
#include "hot/store_for_test.h"
#include "jobs/record.h"
#include "jobs/scheduler.h"

namespace kalam::jobs {
namespace {

using namespace std::chrono_literals;
constexpr auto kLong = 20s;  // no test waits that long unless it fails

// Does what the test says, round by round.
class ScriptedExecutor final : public Executor {
 public:
  using Script = std::function<Result<RoundOutcome>(Round&)>;
  ScriptedExecutor(ExecutorInfo info, Script script) : info_(info), script_(std::move(script)) {}
  const ExecutorInfo& info() const override { return info_; }
  Status Validate(const Parameters& parameters) const override {
    if (parameters.Has("needs")) KALAM_TRY(parameters.Text("table_id"));
    return {};
  }
  Result<RoundOutcome> RunRound(Round& round) const override { return script_(round); }

 private:
  ExecutorInfo info_;
  Script script_;
};

class JobsTest : public testing::Test {
 protected:
  JobsTest() {
    options_.retry_backoff_ms = 1'000;
    options_.on_transition = [this](const Job& job) {
      std::lock_guard lock(mu_);
      seen_.push_back(job);
      changed_.notify_all();
    };
    OpenStore();
  }
  ~JobsTest() override { CloseAll(); }

  void OpenStore() {
    hot::StoreOptions store_options;
    store_options.path = folder_.path() + "/db";
    store_options.durability = hot::Durability::kOs;
    auto store = hot::Store::Open(store_options, clock_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
  }
  void CloseAll() {
    if (scheduler_) scheduler_->Stop();
    scheduler_.reset();
    if (store_) store_->Stop();
    store_.reset();
  }

  void Add(ExecutorInfo info, ScriptedExecutor::Script script) {
    executors_.push_back(std::make_unique<ScriptedExecutor>(info, std::move(script)));
  }
  void Open(bool start = true) {
    auto scheduler = Scheduler::Open(*store_, clock_, random_, options_, executors_);
    ASSERT_TRUE(scheduler.has_value()) << scheduler.error().message;
    scheduler_ = std::move(*scheduler);
    if (start) scheduler_->Start({});
  }
  JobPtr Create(JobType type, std::string key = "") {
    JobRequest request;
    request.type = type;
    request.ns = "app";
    request.idempotency_key = std::move(key);
    auto job = scheduler_->Create(std::move(request));
    EXPECT_TRUE(job.has_value()) << job.error().message;
    return job ? *job : nullptr;
  }
  // Returns once the job has reached the state `times` times.
  Job Await(std::string_view id, JobStatus status, int times = 1) {
    std::unique_lock lock(mu_);
    Job found;
    const auto reached = [&] {
      int count = 0;
      for (const Job& job : seen_) {
        if (job.id != id || job.history.empty() || job.status != status) continue;
        if (job.updated_at_ms != job.history.back().at_ms) continue;
        if (++count == times) {
          found = job;
          return true;
        }
      }
      return false;
    };
    EXPECT_TRUE(changed_.wait_for(lock, kLong, reached)) << id << " never " << JobStatusName(status);
    return found;
  }
  Job End(std::string_view id) {
    const JobPtr job = scheduler_->WaitFor(id, kLong);
    EXPECT_TRUE(job != nullptr && IsTerminal(job->status)) << id << " does not end";
    return *job;
  }
  void Advance(int64_t millis) {
    clock_.AdvanceMicros(millis * 1000);
    scheduler_->Wake();
  }

  hot::TempFolder folder_;
  ManualClock clock_{1'764'000'000'000'000};
  SeededRandom random_{7};
  SchedulerOptions options_;
  std::vector<std::unique_ptr<Executor>> executors_;
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<Scheduler> scheduler_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<Job> seen_;
};

Result<RoundOutcome> Done(Round&) { return RoundOutcome::Completed("done"); }

TEST_F(JobsTest, RunsThroughItsStates) {
  Add({.type = JobType::kFlush}, [](Round& round) {
    round.metrics().Add("rows_flushed", 5);
    round.metrics().Set("path", std::string("a\"b"));
    return Result<RoundOutcome>(RoundOutcome::Completed("Flushed 5 rows"));
  });
  Open();
  const JobPtr created = Create(JobType::kFlush);
  EXPECT_EQ(created->id.substr(0, 3), "FL-");
  EXPECT_EQ(created->id.size(), 15u);
  const Job job = End(created->id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,completed");
  EXPECT_EQ(job.message, "Flushed 5 rows");
  EXPECT_EQ(MetricsJson(job), R"({"rows_flushed":5,"path":"a\"b"})");
  EXPECT_TRUE(job.started_at_ms && job.finished_at_ms);
  EXPECT_EQ(scheduler_->Find(created->id)->idempotency_key, "");
}

// T156: a failure that may pass is tried again after 1, 2 and 4 seconds, then the job has failed.
TEST_F(JobsTest, RetriesWithDoublingDelaysThenFails) {
  int runs = 0;
  Add({.type = JobType::kCompact}, [&](Round&) -> Result<RoundOutcome> {
    ++runs;
    return Fail(ErrorCode::kIo, fmt::format("disk said no {}", runs));
  });
  Open();
  const std::string id = Create(JobType::kCompact)->id;
  for (int retry = 1; retry <= 3; ++retry) {
    const Job job = Await(id, JobStatus::kRetrying, retry);
    EXPECT_EQ(job.retry_count, retry);
    EXPECT_EQ(job.next_run_at_ms - clock_.WallMillis(), 1'000 << (retry - 1));
    EXPECT_EQ(job.message, fmt::format("disk said no {}", retry));
    Advance((1'000 << (retry - 1)) - 1);
    EXPECT_EQ(scheduler_->Find(id)->status, JobStatus::kRetrying) << "a millisecond early";
    Advance(1);
  }
  const Job job = End(id);
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(job.status, JobStatus::kFailed);
  EXPECT_EQ(HistoryText(job), "new,queued,running,retrying,running,retrying,running,retrying,running,failed");
  EXPECT_EQ(job.message, "Max retries exceeded: disk said no 4");
  EXPECT_EQ(job.exception_trace, "io: disk said no 4");
}

TEST_F(JobsTest, PermanentFailureIsNotRetried) {
  Add({.type = JobType::kCompact},
      [](Round&) -> Result<RoundOutcome> { return Fail(ErrorCode::kInvalidOperation, "makes no sense"); });
  Open();
  const Job job = End(Create(JobType::kCompact)->id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,failed");
  EXPECT_EQ(job.message, "makes no sense");
}

// More work costs no retry: five rounds with a budget of one.
TEST_F(JobsTest, RoundsDoNotUseUpTheRetryBudget) {
  options_.max_retries = 1;
  std::vector<std::string> cursors;
  Add({.type = JobType::kStreamEviction}, [&](Round& round) -> Result<RoundOutcome> {
    cursors.emplace_back(round.cursor());
    round.metrics().Add("records_evicted", 10'000);
    KALAM_TRY(round.Checkpoint(std::string(1, static_cast<char>(cursors.size())) + '\0'));
    if (cursors.size() == 5) return RoundOutcome::Completed("all");
    return RoundOutcome::MoreWork("more");
  });
  Open();
  const std::string id = Create(JobType::kStreamEviction)->id;
  for (int round = 1; round <= 4; ++round) {
    EXPECT_EQ(Await(id, JobStatus::kRetrying, round).retry_count, 0);
    Advance(5'000);
  }
  const Job job = End(id);
  EXPECT_EQ(
      HistoryText(job),
      "new,queued,running,retrying,running,retrying,running,retrying,running,retrying,running,completed");
  EXPECT_EQ(job.metrics.Number("records_evicted"), 50'000);
  EXPECT_EQ(cursors[0], "");
  EXPECT_EQ(cursors[3], std::string("\x03\0", 2));
}

// What a failed round counted after its last checkpoint is counted again, so it must be forgotten.
TEST_F(JobsTest, FailedRoundFallsBackToItsCheckpoint) {
  int runs = 0;
  Add({.type = JobType::kRetention}, [&](Round& round) -> Result<RoundOutcome> {
    ++runs;
    if (runs == 1) {
      round.metrics().Add("records", 1'000);
      KALAM_TRY(round.Checkpoint("a"));
      round.metrics().Add("records", 500);
      return Fail(ErrorCode::kIo, "gone");
    }
    EXPECT_EQ(round.cursor(), "a");
    round.metrics().Add("records", 700);
    return RoundOutcome::Completed("all");
  });
  Open();
  const std::string id = Create(JobType::kRetention)->id;
  Await(id, JobStatus::kRetrying);
  Advance(1'000);
  EXPECT_EQ(End(id).metrics.Number("records"), 1'700);
}

TEST_F(JobsTest, DuplicateKeyIsRefusedWhileTheJobIsActive) {
  Add({.type = JobType::kFlush}, &Done);
  Open(false);
  JobRequest request;
  request.ns = "app";
  request.table = "notes";
  const JobPtr first = *scheduler_->Create(request);
  EXPECT_EQ(first->idempotency_key, "flush:app:notes:20251124");
  const auto second = scheduler_->Create(request);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(second.error().message,
            "Job already running: " + first->id + " (status: queued, created: 2025-11-24T16:00:00.000Z)");
  scheduler_->Start({});
  End(first->id);
  EXPECT_TRUE(scheduler_->Create(request).has_value()) << "finished jobs do not block";
}

TEST_F(JobsTest, ConcurrentDuplicatesCreateOneJob) {
  Add({.type = JobType::kFlush}, &Done);
  Open(false);
  std::atomic<int> created{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      JobRequest request;
      request.ns = "app";
      request.table = "notes";
      if (scheduler_->Create(std::move(request))) ++created;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
}

TEST_F(JobsTest, MissingParameterIsNamed) {
  Add({.type = JobType::kFlush}, &Done);
  Open(false);
  JobRequest request;
  request.parameters.SetFlag("needs", true);
  const auto job = scheduler_->Create(std::move(request));
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().message, "Missing required parameter: table_id");
  EXPECT_TRUE(scheduler_->List().empty());
}

TEST_F(JobsTest, KindWithoutExecutorIsRefused) {
  Open(false);
  const auto job = scheduler_->Create({.type = JobType::kBackup});
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().code, ErrorCode::kUnsupported);
}

TEST_F(JobsTest, CancelWhileWaitingIsFinal) {
  Add({.type = JobType::kCompact}, &Done);
  Open(false);
  const std::string id = Create(JobType::kCompact)->id;
  const auto cancelled = scheduler_->Cancel(id, "alice");
  ASSERT_TRUE(cancelled.has_value());
  EXPECT_EQ(HistoryText(**cancelled), "new,queued,cancelled");
  EXPECT_EQ((*cancelled)->message, "Cancelled by alice");
  scheduler_->Start({});
  const auto again = scheduler_->Cancel(id, "alice");
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().message, "Cannot cancel job in status Cancelled");
  EXPECT_EQ(scheduler_->Cancel("CO-000000000000", "alice").error().message, "Job CO-000000000000 not found");
}

// The kill comes in the middle of the work, and the round even says "completed" afterwards: cancelled stays.
TEST_F(JobsTest, CancelOfARunningJobWinsOverItsCompletion) {
  std::mutex mu;
  std::condition_variable cv;
  bool inside = false;
  Add({.type = JobType::kStreamEviction}, [&](Round& round) -> Result<RoundOutcome> {
    std::unique_lock lock(mu);
    inside = true;
    cv.notify_all();
    cv.wait(lock, [&] { return round.should_stop(); });
    return RoundOutcome::Completed("finished nevertheless");
  });
  Open();
  const std::string id = Create(JobType::kStreamEviction)->id;
  {
    std::unique_lock lock(mu);
    ASSERT_TRUE(cv.wait_for(lock, kLong, [&] { return inside; }));
  }
  const auto asked = scheduler_->Cancel(id, "root");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ((*asked)->cancelled_by, "root");
  {
    std::lock_guard lock(mu);
  }
  cv.notify_all();
  const Job job = End(id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,cancelled");
}

TEST_F(JobsTest, CancelRulesOfTheKind) {
  Add({.type = JobType::kCleanup, .cancel = CancelRule::kNever}, &Done);
  Open(false);
  const std::string id = Create(JobType::kCleanup)->id;
  EXPECT_EQ(scheduler_->Cancel(id, "root").error().message,
            "Cannot cancel job " + id + ": Cleanup jobs cannot be safely cancelled");
}

TEST_F(JobsTest, AtMostThreadsRunAndTheRestWaits) {
  options_.threads = 5;
  std::mutex mu;
  std::condition_variable cv;
  int inside = 0;
  int most = 0;
  bool open = false;
  Add({.type = JobType::kFlush}, [&](Round&) -> Result<RoundOutcome> {
    std::unique_lock lock(mu);
    most = std::max(most, ++inside);
    cv.notify_all();
    cv.wait(lock, [&] { return open; });
    --inside;
    return RoundOutcome::Completed("done");
  });
  Open();
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(Create(JobType::kFlush)->id);
  {
    std::unique_lock lock(mu);
    ASSERT_TRUE(cv.wait_for(lock, kLong, [&] { return inside == 5; }));
  }
  std::map<JobStatus, int> counts;
  for (const JobPtr& job : scheduler_->List()) ++counts[job->status];
  EXPECT_EQ(counts[JobStatus::kRunning], 5);
  EXPECT_EQ(counts[JobStatus::kQueued], 5);
  {
    std::lock_guard lock(mu);
    open = true;
  }
  cv.notify_all();
  for (const std::string& id : ids) EXPECT_EQ(End(id).status, JobStatus::kCompleted);
  EXPECT_EQ(most, 5);
}

TEST_F(JobsTest, JobsOfOneTableRunOneAfterTheOther) {
  std::atomic<int> inside{0};
  std::atomic<bool> together{false};
  const auto alone = [&](Round&) -> Result<RoundOutcome> {
    if (inside.fetch_add(1) != 0) together = true;
    std::this_thread::yield();
    inside.fetch_sub(1);
    return RoundOutcome::Completed("done");
  };
  Add({.type = JobType::kFlush}, alone);
  Add({.type = JobType::kCompact}, alone);
  Open();
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    JobRequest request{.type = i % 2 == 0 ? JobType::kFlush : JobType::kCompact, .ns = "app", .table = "t"};
    request.idempotency_key = "";
    ids.push_back((*scheduler_->Create(std::move(request)))->id);
  }
  for (const std::string& id : ids) EXPECT_EQ(End(id).status, JobStatus::kCompleted);
  EXPECT_FALSE(together);
}

TEST_F(JobsTest, HistoryIsBounded) {
  options_.history_max = 5;
  Add({.type = JobType::kFlush}, &Done);
  Open();
  std::vector<std::string> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(Create(JobType::kFlush)->id);
    End(ids.back());
    clock_.AdvanceMicros(1'000);
  }
  EXPECT_LE(scheduler_->List().size(), 5u);
  EXPECT_EQ(scheduler_->Find(ids.front()), nullptr);
  EXPECT_NE(scheduler_->Find(ids.back()), nullptr);
  clock_.AdvanceMicros(31ll * 86'400'000'000);
  End(Create(JobType::kFlush)->id);
  EXPECT_EQ(scheduler_->List().size(), 1u) << "older than history_days";
}

TEST_F(JobsTest, QueueIsBounded) {
  options_.active_max = 3;
  Add({.type = JobType::kFlush}, &Done);
  Open(false);
  for (int i = 0; i < 3; ++i) Create(JobType::kFlush);
  JobRequest request;
  request.idempotency_key = "";
  EXPECT_EQ(scheduler_->Create(std::move(request)).error().code, ErrorCode::kLimitExceeded);
}

TEST_F(JobsTest, PlannersRunWhenTheirTimeHasCome) {
  Open(false);
  std::mutex mu;
  std::condition_variable cv;
  int calls = 0;
  scheduler_->Start({{"often", 60'000,
                      [&]() -> Status {
                        std::lock_guard lock(mu);
                        ++calls;
                        cv.notify_all();
                        return {};
                      }},
                     {"never", 0, [&]() -> Status {
                        ADD_FAILURE();
                        return {};
                      }}});
  for (int i = 1; i <= 3; ++i) {
    Advance(60'000);
    std::unique_lock lock(mu);
    ASSERT_TRUE(cv.wait_for(lock, kLong, [&] { return calls == i; }));
  }
}

// ---- restarts

TEST_F(JobsTest, RestartRules) {
  Add({.type = JobType::kFlush}, &Done);
  Add({.type = JobType::kBackup, .restart = RestartRule::kFail}, &Done);
  const auto put = [&](std::string id, JobType type, JobStatus status, std::string cancelled_by) {
    Job job;
    job.id = std::move(id);
    job.type = type;
    job.status = status;
    job.cancelled_by = std::move(cancelled_by);
    hot::Batch batch;
    batch.meta.push_back({JobKey(job.id), EncodeJob(job)});
    ASSERT_TRUE(store_->Commit(std::move(batch)).status);
  };
  put("FL-1", JobType::kFlush, JobStatus::kRunning, "");
  put("FL-2", JobType::kFlush, JobStatus::kRunning, "root");
  put("FL-3", JobType::kFlush, JobStatus::kNew, "");
  put("BK-1", JobType::kBackup, JobStatus::kRunning, "");
  put("BK-2", JobType::kBackup, JobStatus::kQueued, "");
  Open();
  EXPECT_EQ(End("FL-1").status, JobStatus::kCompleted);
  EXPECT_EQ(End("FL-2").status, JobStatus::kCancelled);
  EXPECT_EQ(End("FL-3").status, JobStatus::kCompleted);
  EXPECT_EQ(End("BK-1").message, "Server restarted during execution");
  EXPECT_EQ(End("BK-1").status, JobStatus::kFailed);
  EXPECT_EQ(End("BK-2").status, JobStatus::kCompleted);
}

// An orderly stop in the middle: the round ends at its checkpoint and goes on there.
TEST_F(JobsTest, StopInTheMiddleResumesAtTheCheckpoint) {
  std::atomic<bool> inside{false};
  std::atomic<bool> second_life{false};
  std::string resumed_at;
  Add({.type = JobType::kRetention}, [&](Round& round) -> Result<RoundOutcome> {
    if (second_life) {
      resumed_at = round.cursor();
      round.metrics().Add("n", 1);
      return RoundOutcome::Completed("done");
    }
    round.metrics().Add("n", 2);
    KALAM_TRY(round.Checkpoint("half"));
    inside = true;
    while (!round.should_stop()) std::this_thread::yield();
    return RoundOutcome::Interrupted();
  });
  Open();
  const std::string id = Create(JobType::kRetention)->id;
  while (!inside) std::this_thread::yield();
  CloseAll();
  second_life = true;
  OpenStore();
  Open();
  const Job job = End(id);
  EXPECT_EQ(resumed_at, "half");
  EXPECT_EQ(job.metrics.Number("n"), 3);
  EXPECT_EQ(HistoryText(job), "new,queued,running,queued,running,completed");
}

// A round that ends while the server stops: how it ended is not forgotten.
TEST_F(JobsTest, WhatEndsDuringAStopIsStored) {
  std::atomic<int> inside{0};
  const auto until_stop = [&](Result<RoundOutcome> outcome) {
    return [&inside, outcome](Round& round) -> Result<RoundOutcome> {
      ++inside;
      while (!round.should_stop()) std::this_thread::yield();
      round.metrics().Add("n", 7);
      return outcome;
    };
  };
  Add({.type = JobType::kBackup, .restart = RestartRule::kFail},
      until_stop(RoundOutcome::Completed("all of it")));
  Add({.type = JobType::kRestore, .restart = RestartRule::kFail},
      until_stop(Fail(ErrorCode::kInvalidInput, "a damaged file")));
  options_.threads = 2;
  Open();
  const std::string complete = Create(JobType::kBackup)->id;
  const std::string failed = Create(JobType::kRestore)->id;
  while (inside < 2) std::this_thread::yield();
  CloseAll();
  OpenStore();
  Open();
  EXPECT_EQ(End(complete).status, JobStatus::kCompleted);
  EXPECT_EQ(End(complete).message, "all of it");
  EXPECT_EQ(End(complete).metrics.Number("n"), 7);
  EXPECT_EQ(End(failed).status, JobStatus::kFailed);
  EXPECT_EQ(End(failed).message, "a damaged file");
}

// Takes a copy of all job records after every transition and checkpoint of one job, then starts a server on
// each copy: whatever the moment of the crash, the job ends, and the work is done exactly once.
TEST_F(JobsTest, EveryDurableStateRecovers) {
  using Records = std::vector<std::pair<std::string, std::string>>;
  const auto copy = [&] {
    Records records;
    for (std::string_view prefix : {kJobPrefix, kCheckpointPrefix, std::string_view("test/")}) {
      auto cursor = store_->Scan(hot::Space::kMeta, prefix, hot::PrefixEnd(prefix));
      for (; cursor->Valid(); cursor->Next()) records.emplace_back(cursor->key(), cursor->value());
    }
    return records;
  };
  std::vector<Records> states;
  std::mutex states_mu;
  const auto note_state = [&] {
    std::lock_guard lock(states_mu);
    states.push_back(copy());
  };
  // Five units of work, each one key, atomic with its checkpoint; one transient failure on the way.
  std::atomic<bool> fail_once{true};
  bool recording = true;
  const auto work = [&](Round& round) -> Result<RoundOutcome> {
    const int next = round.cursor().empty() ? 1 : std::stoi(std::string(round.cursor())) + 1;
    if (next > 5) return RoundOutcome::Completed("all");  // the crash came right after the last checkpoint
    if (next == 3 && fail_once.exchange(false)) return Fail(ErrorCode::kIo, "once");
    hot::Batch batch;
    hot::PinnedBytes old;
    const std::string key = fmt::format("test/{}", next);
    EXPECT_FALSE(*store_->Get(hot::Space::kMeta, key, old)) << key << " is done twice";
    batch.meta.push_back({key, "done"});
    round.metrics().Add("units", 1);
    batch.meta.push_back(round.CheckpointOp(std::to_string(next)));
    KALAM_TRY(store_->Commit(std::move(batch)).status);
    round.Checkpointed(std::to_string(next));
    if (recording) note_state();
    if (next == 5) return RoundOutcome::Completed("all");
    return RoundOutcome::MoreWork("more", 0);
  };
  options_.retry_backoff_ms = 1;
  options_.on_transition = [&](const Job&) {
    if (recording) note_state();
  };
  Add({.type = JobType::kStreamEviction}, work);
  Open();
  const std::string id = Create(JobType::kStreamEviction, "key")->id;
  while (!IsTerminal(scheduler_->Find(id)->status)) {
    Advance(1);
    std::this_thread::yield();
  }
  scheduler_->Stop();
  recording = false;
  ASSERT_GT(states.size(), 15u);
  std::set<JobStatus> statuses;
  for (const Records& state : states) {
    CloseAll();
    std::filesystem::remove_all(folder_.path() + "/db");
    OpenStore();
    hot::Batch batch;
    for (const auto& [key, value] : state) batch.meta.push_back({key, value});
    ASSERT_TRUE(store_->Commit(std::move(batch)).status);
    statuses.insert(DecodeJob(id, state.front().second)->status);
    Open();
    while (!IsTerminal(scheduler_->Find(id)->status)) {
      Advance(1);
      std::this_thread::yield();
    }
    const Job job = End(id);
    EXPECT_EQ(job.status, JobStatus::kCompleted);
    EXPECT_EQ(job.metrics.Number("units"), 5);
    for (size_t i = 1; i < job.history.size(); ++i) {
      EXPECT_TRUE(MayFollow(job.history[i - 1].status, job.history[i].status)) << HistoryText(job);
    }
    int units = 0;
    auto cursor = store_->Scan(hot::Space::kMeta, "test/", hot::PrefixEnd("test/"));
    for (; cursor->Valid(); cursor->Next()) ++units;
    EXPECT_EQ(units, 5);
    hot::PinnedBytes left;
    EXPECT_FALSE(*store_->Get(hot::Space::kMeta, CheckpointKey(id), left)) << "a checkpoint is left";
  }
  EXPECT_EQ(statuses.size(), 4u) << "queued, running, retrying and completed were crash points";
}

TEST(JobRecord, RoundTrip) {
  Job job;
  job.id = "RT-0123456789ab";
  job.type = JobType::kRetention;
  job.status = JobStatus::kRetrying;
  job.ns = "app";
  job.table = "notes";
  job.parameters_json = R"({"a":1})";
  job.owner = "alice";
  job.idempotency_key = "k";
  job.message = "m";
  job.exception_trace = "t";
  job.retry_count = 2;
  job.max_retries = 3;
  job.rounds = 7;
  job.metrics.Add("rows", 5);
  job.metrics.Set("path", std::string("/x"));
  job.progress = JobProgress{5, 10, "rows"};
  job.cpu_micros = 17;
  job.cancelled_by = "root";
  job.created_at_ms = 1;
  job.updated_at_ms = 2;
  job.started_at_ms = 3;
  job.next_run_at_ms = 4;
  job.history = {{JobStatus::kNew, 1}, {JobStatus::kQueued, 2}};
  const auto back = DecodeJob(job.id, EncodeJob(job));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(EncodeJob(*back), EncodeJob(job));
  EXPECT_EQ(back->progress->total, 10);
  EXPECT_EQ(back->finished_at_ms, std::nullopt);

  Checkpoint checkpoint{std::string("\0\xff", 2), job.metrics, job.progress};
  const auto read = DecodeCheckpoint(job.id, EncodeCheckpoint(checkpoint));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->cursor, checkpoint.cursor);
  EXPECT_EQ(read->metrics.values(), job.metrics.values());
}

TEST(JobRecord, DamageIsNamed) {
  EXPECT_EQ(DecodeJob("FL-1", "{").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(DecodeJob("FL-1", "[]").error().code, ErrorCode::kCorruption);
  Job job;
  std::string text = EncodeJob(job);
  text.replace(text.find("\"owner\""), 7, "\"other\"");
  EXPECT_EQ(DecodeJob("FL-1", text).error().message,
            "The stored record of job 'FL-1' does not decode: field owner");
}

TEST(JobState, TerminalStatesAreNeverLeft) {
  for (int from = 4; from <= 7; ++from) {
    for (int to = 0; to <= 7; ++to) {
      EXPECT_FALSE(MayFollow(static_cast<JobStatus>(from), static_cast<JobStatus>(to)));
    }
  }
}

}  // namespace
}  // namespace kalam::jobs
