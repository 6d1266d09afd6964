// Executors on a real store: exact status traces, batches, cursors over restarts, kills in the middle.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "cold/segment.h"
#include "hot/key_codec.h"
#include "hot/resume_horizon.h"
#include "hot/row_codec.h"
#include "hot/seq.h"
#include "jobs/executors_for_test.h"
#include "jobs/round_size.h"
#include "jobs/stream_scan.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

// Sequences run ahead of a clock that stands still: 4096 rows per millisecond, and a second after a start.
constexpr int64_t kAheadMicros = 2'000'000;

// T154: 3000 deleted rows in batches of 1000.
TEST_F(ExecutorsTest, RetentionRunsInThreeRounds) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 4'000);
  Write(*table, "", hot::RowOpKind::kDelete, 1, 3'000, true);
  clock_.AdvanceMicros(168 * kHourMs * 1000 + kAheadMicros);
  Write(*table, "", hot::RowOpKind::kDelete, 3'001, 3'010, true);  // too young to be forgotten
  scheduler_->Start({});
  const std::string id = (*scheduler_->Create(Retention(*table)))->id;
  RunRounds(id, 3);
  const Job job = End(id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,retrying,running,retrying,running,completed");
  EXPECT_EQ(job.metrics.Number("records_deleted"), 3'000);
  EXPECT_EQ(job.metrics.Number("batches_processed"), 3);
  EXPECT_EQ(job.retry_count, 0);
  EXPECT_EQ(CountRows(*table), 1'000) << "990 live rows and 10 young tombstones";
  EXPECT_EQ(CountRows(*table, hot::Space::kBySeq), 1'000);
  const Seq horizon = *hot::ReadResumeHorizon(*store_, table->id);
  EXPECT_GT(hot::SeqWallMillis(horizon), clock_.WallMillis() - 168 * kHourMs - 60'000);
  EXPECT_LE(hot::SeqWallMillis(horizon), clock_.WallMillis() - 168 * kHourMs);
}

TEST_F(ExecutorsTest, RetentionWithNothingToDoTouchesNothing) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 10);
  Write(*table, "", hot::RowOpKind::kDelete, 1, 10, true);
  clock_.AdvanceMicros(168 * kHourMs * 1000 - 1'000'000);
  scheduler_->Start({});
  const Job job = End((*scheduler_->Create(Retention(*table)))->id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,completed");
  EXPECT_EQ(job.metrics.Number("records_deleted"), 0);
  EXPECT_EQ(CountRows(*table), 10);
  EXPECT_EQ(*hot::ReadResumeHorizon(*store_, table->id), Seq());
}

// A key that is written anew after its delete is no tombstone any more.
TEST_F(ExecutorsTest, RetentionLeavesRevivedRowsAlone) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 5);
  Write(*table, "", hot::RowOpKind::kDelete, 1, 5, true);
  Write(*table, "", hot::RowOpKind::kInsert, 3, 3);
  clock_.AdvanceMicros(200 * kHourMs * 1000);
  scheduler_->Start({});
  EXPECT_EQ(End((*scheduler_->Create(Retention(*table)))->id).metrics.Number("records_deleted"), 4);
  EXPECT_EQ(CountRows(*table), 1);
}

// T155: 50,000 expired rows in batches of 10,000; the server restarts after the second one.
TEST_F(ExecutorsTest, EvictionSurvivesARestartInTheMiddle) {
  const auto table = CreateTable(TableType::kStream, "s");
  for (const std::string_view user : {"alice", "bob", "carol", "dave", "erin"}) {
    Write(*table, user, hot::RowOpKind::kAppend, 1, 10'000);
  }
  clock_.AdvanceMicros(10'000'000 + kAheadMicros);
  Write(*table, "bob", hot::RowOpKind::kAppend, 1, 7);  // lives
  scheduler_->Start({});
  const std::string id = (*scheduler_->Create(Eviction(*table)))->id;
  RunRounds(id, 2);
  EXPECT_EQ(CountRows(*table), 30'007);
  Close();
  Open();
  const JobPtr waiting = scheduler_->Find(id);
  EXPECT_EQ(waiting->status, JobStatus::kRetrying);
  EXPECT_EQ(waiting->metrics.Number("records_evicted"), 20'000);
  scheduler_->Start({});
  clock_.AdvanceMicros(5'000'000);
  scheduler_->Wake();
  RunRounds(id, 5, 3);
  const Job job = End(id);
  EXPECT_EQ(
      HistoryText(job),
      "new,queued,running,retrying,running,retrying,running,retrying,running,retrying,running,completed");
  EXPECT_EQ(job.metrics.Number("records_evicted"), 50'000);
  EXPECT_EQ(job.metrics.Number("batches_processed"), 5);
  EXPECT_EQ(job.message, "Evicted 50000 expired records from default.s (ttl: 10s)");
  EXPECT_EQ(CountRows(*table), 7);
}

// Deletes are remembered for those who resume, as long as their rows would have lived; also where no row is
// left to expire.
TEST_F(ExecutorsTest, EvictionForgetsDeletesOfExpiredRows) {
  const auto table = CreateTable(TableType::kStream, "s");
  const std::string prefix = hot::SharedPrefix(table->id);
  const auto erase_all = [&] {
    for (auto rows = store_->Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix)); rows->Valid();
         rows->Next()) {
      hot::Batch batch;
      hot::RowOp& op = batch.rows.emplace_back();
      op.kind = hot::RowOpKind::kErase;
      op.key = rows->key();
      op.prefix_size = static_cast<uint32_t>(op.key.size() - 8);
      ASSERT_TRUE(store_->Commit(std::move(batch)).status);
    }
  };
  const auto deletes = [&] {
    int count = 0;
    for (auto at = store_->Scan(hot::Space::kBySeq, prefix, hot::PrefixEnd(prefix)); at->Valid(); at->Next())
      ++count;
    return count;
  };
  Write(*table, "alice", hot::RowOpKind::kAppend, 1, 3);
  Write(*table, "bob", hot::RowOpKind::kAppend, 1, 2);
  erase_all();
  clock_.AdvanceMicros(10'000'000 + kAheadMicros);
  Write(*table, "bob", hot::RowOpKind::kAppend, 1, 1);
  erase_all();
  EXPECT_EQ(deletes(), 6);
  scheduler_->Start({});
  const Job job = End((*scheduler_->Create(Eviction(*table)))->id);
  EXPECT_EQ(job.status, JobStatus::kCompleted) << job.message;
  EXPECT_EQ(deletes(), 1);
}

// T157: a kill in the middle of 100,000 rows; what was evicted until then stays evicted.
TEST_F(ExecutorsTest, KillStopsALongEviction) {
  const auto table = CreateTable(TableType::kStream, "s");
  for (int64_t i = 0; i < 10; ++i) Write(*table, "alice", hot::RowOpKind::kAppend, 1, 10'000);
  clock_.AdvanceMicros(10'000'000 + kAheadMicros);
  scheduler_->Start({});
  const std::string id = (*scheduler_->Create(Eviction(*table)))->id;
  RunRounds(id, 4);
  ASSERT_TRUE(scheduler_->Cancel(id, "root").has_value());
  const Job job = End(id);
  EXPECT_EQ(job.status, JobStatus::kCancelled);
  EXPECT_EQ(job.metrics.Number("records_evicted"), 40'000);
  EXPECT_EQ(CountRows(*table), 60'000);
  // The next job finishes the work.
  const std::string next = (*scheduler_->Create(Eviction(*table)))->id;
  RunRounds(next, 6);
  EXPECT_EQ(End(next).metrics.Number("records_evicted"), 60'000);
  EXPECT_EQ(CountRows(*table), 0);
}

TEST_F(ExecutorsTest, ExpiryIsExactToTheMillisecond) {
  const auto table = CreateTable(TableType::kStream, "s");
  clock_.AdvanceMicros(2'000'000);  // beyond the ceiling of the first start
  const int64_t written_at = clock_.WallMillis();
  Write(*table, "alice", hot::RowOpKind::kAppend, 1, 1);
  const std::string prefix = hot::SharedPrefix(table->id);
  const auto expired = [&](int64_t now_ms) {
    return StreamScan(*store_, table->id, prefix, FirstLiving(10, now_ms)).Valid();
  };
  EXPECT_FALSE(expired(written_at + 9'999));
  EXPECT_TRUE(expired(written_at + 10'000));
}

TEST_F(ExecutorsTest, SizeLimitEvictsTheOldest) {
  const auto table = CreateTable(TableType::kStream, "s");
  for (int64_t second = 0; second < 5; ++second) {
    clock_.AdvanceMicros(1'000'000);
    Write(*table, second % 2 == 0 ? "alice" : "bob", hot::RowOpKind::kAppend, 1, 100);
  }
  auto changed = catalog_->AlterTable("default", "s", [](catalog::Table& t) -> Result<bool> {
    t.options.max_stream_size_bytes = 10'000;
    return true;
  });
  ASSERT_TRUE(changed.has_value());
  scheduler_->Start({});
  Planner planner = StreamEvictionPlanner(*services_, *scheduler_);
  ASSERT_TRUE(planner.plan());
  const auto jobs = scheduler_->List();
  ASSERT_EQ(jobs.size(), 1u);
  End(jobs[0]->id);
  const int64_t left = CountRows(*table);
  EXPECT_GE(left, 100);
  EXPECT_LT(left, 500);
  EXPECT_EQ(left % 100, 0) << "whole seconds go, the oldest first";
  int64_t bytes = 0;
  auto cursor = store_->Scan(hot::Space::kRows, hot::SharedPrefix(table->id),
                             hot::PrefixEnd(hot::SharedPrefix(table->id)));
  for (; cursor->Valid(); cursor->Next()) {
    bytes += static_cast<int64_t>(cursor->key().size() + cursor->value().size());
  }
  EXPECT_LE(bytes, 10'000);
  ASSERT_TRUE(planner.plan());
  EXPECT_EQ(scheduler_->List().size(), 1u) << "nothing to do, no job";
  // Writers fill it up again, within one second: the oldest rows of that second go.
  Planner size_planner = StreamSizePlanner(*services_, *scheduler_);
  ASSERT_TRUE(size_planner.plan());
  EXPECT_EQ(scheduler_->List().size(), 1u) << "it fits";
  Write(*table, "alice", hot::RowOpKind::kAppend, 1, 1'000);
  ASSERT_TRUE(size_planner.plan());
  const auto two = scheduler_->List();
  ASSERT_EQ(two.size(), 2u);
  End(two[0]->id == jobs[0]->id ? two[1]->id : two[0]->id);
  const int64_t newest = CountRows(*table);
  EXPECT_GE(newest, 100);
  EXPECT_LT(newest, 300);
  ASSERT_TRUE(size_planner.plan());
  EXPECT_EQ(scheduler_->List().size(), 2u);
}

TEST_F(ExecutorsTest, PlannersCreateJobsForWorkOnly) {
  const auto stream = CreateTable(TableType::kStream, "s");
  const auto shared = CreateTable(TableType::kShared, "t");
  Write(*stream, "alice", hot::RowOpKind::kAppend, 1, 5);
  Write(*shared, "", hot::RowOpKind::kInsert, 1, 5);
  Write(*shared, "", hot::RowOpKind::kDelete, 1, 5, true);
  const auto plan = [&] {
    for (const Planner& planner : MakePlanners(*services_, *scheduler_)) {
      const Status planned = planner.plan();
      EXPECT_TRUE(planned) << planner.name << ": " << planned.error().message;
    }
  };
  plan();
  EXPECT_TRUE(scheduler_->List().empty());
  clock_.AdvanceMicros(170 * kHourMs * 1000);
  plan();
  plan();  // an active job is not doubled
  const auto jobs = scheduler_->List();
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0]->owner, "system");
  scheduler_->Start({});
  for (const JobPtr& job : jobs) EXPECT_EQ(End(job->id).status, JobStatus::kCompleted);
  EXPECT_EQ(CountRows(*stream), 0);
  EXPECT_EQ(CountRows(*shared), 0);
}

TEST_F(ExecutorsTest, DroppedTableIsSkippedEvenWhenItsNameIsBack) {
  auto table = CreateTable(TableType::kStream, "s");
  const JobRequest old = Eviction(*table);
  ASSERT_TRUE(catalog_->DropTable("default", "s").has_value());
  table = CreateTable(TableType::kStream, "s");
  Write(*table, "alice", hot::RowOpKind::kAppend, 1, 5);
  clock_.AdvanceMicros(20'000'000);
  scheduler_->Start({});
  EXPECT_EQ(End((*scheduler_->Create(old))->id).status, JobStatus::kSkipped);
  EXPECT_EQ(CountRows(*table), 5);
}

TEST_F(ExecutorsTest, ParametersAreChecked) {
  const auto table = CreateTable(TableType::kShared, "t");
  const auto refused = [&](JobRequest request) {
    const auto job = scheduler_->Create(std::move(request));
    EXPECT_FALSE(job.has_value());
    return job ? std::string() : job.error().message;
  };
  EXPECT_EQ(refused(Eviction(*table)), "Invalid table_type: expected 'Stream', got 'shared'");
  JobRequest retention = Retention(*table);
  retention.parameters.Set("retention_hours", 0);
  EXPECT_EQ(refused(retention), "Parameter retention_hours must be a positive integer");
  JobRequest empty;
  empty.type = JobType::kRetention;
  EXPECT_EQ(refused(empty), "Missing required parameter: table_id");
}

TEST_F(ExecutorsTest, CleanupRemovesWhatADroppedTableLeaves) {
  const auto table = CreateTable(TableType::kUser, "t");
  Write(*table, "alice", hot::RowOpKind::kInsert, 1, 50);
  scheduler_->Start({});
  JobRequest early = CleanupRequest(*table, {});
  EXPECT_EQ(End((*scheduler_->Create(early))->id).status, JobStatus::kFailed) << "the table exists";
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  // A row that a crash or a bug left behind, and a new table of the same name.
  Write(*table, "bob", hot::RowOpKind::kInsert, 1, 3);
  const auto again = CreateTable(TableType::kUser, "t");
  Write(*again, "alice", hot::RowOpKind::kInsert, 1, 7);
  int cold_calls = 0;
  services_->erase_cold = [&](std::string_view prefix) -> Result<ErasedCold> {
    EXPECT_EQ(prefix, hot::SharedPrefix(table->id));
    return ErasedCold{.rows = 10, .bytes = 100, .done = ++cold_calls == 3};
  };
  // Readers hold files at first: the job waits for them without a thread.
  const std::string id = (*scheduler_->Create(CleanupRequest(*table, {.rows = 50, .bytes = 5'000})))->id;
  while (!IsTerminal(scheduler_->Find(id)->status)) {
    clock_.AdvanceMicros(100'000);
    scheduler_->Wake();
    std::this_thread::yield();
  }
  const Job job = End(id);
  EXPECT_EQ(job.status, JobStatus::kCompleted) << job.message;
  EXPECT_EQ(job.metrics.Number("tables_deleted"), 1);
  EXPECT_EQ(job.metrics.Number("rows_deleted"), 50 + 3 + 30);
  EXPECT_GT(job.metrics.Number("bytes_freed"), 5'300);
  EXPECT_EQ(cold_calls, 3);
  EXPECT_EQ(CountRows(*table), 0);
  EXPECT_EQ(CountRows(*again), 7);
}

// The storage is away for longer than a job tries.
TEST_F(ExecutorsTest, ACleanupThatFailedForGoodIsMadeAgain) {
  const auto table = CreateTable(TableType::kShared, "t");
  cold::Segment segment;
  segment.id = 1;
  segment.prefix = hot::SharedPrefix(table->id);
  segment.storage_id = "away";
  segment.path = "default/t/batch-1.parquet";
  hot::Batch batch;
  batch.meta.push_back({cold::SegmentKey(segment), cold::EncodeSegment(segment)});
  ASSERT_TRUE(store_->Commit(std::move(batch)).status);
  std::atomic<bool> away = true;
  services_->erase_cold = [&](std::string_view) -> Result<ErasedCold> {
    if (away) return Fail(ErrorCode::kInvalidOperation, "the storage is away");
    hot::Batch gone;
    gone.meta.push_back({cold::SegmentKey(segment), std::nullopt});
    KALAM_TRY(store_->Commit(std::move(gone)).status);
    return ErasedCold{.rows = 1, .bytes = 1, .done = true};
  };
  const Planner planner = CleanupPlanner(*services_, *scheduler_);
  const auto look = [&] {
    clock_.AdvanceMicros(2'000'000);
    ASSERT_TRUE(planner.plan());
  };
  const auto jobs = [&] { return scheduler_->List().size(); };
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  const std::string dropped = (*scheduler_->Create(CleanupRequest(*table, {})))->id;
  look();
  look();
  EXPECT_EQ(jobs(), 1u) << "that of the drop has not ended";
  scheduler_->Start({});
  EXPECT_EQ(End(dropped).status, JobStatus::kFailed);
  look();
  look();
  ASSERT_EQ(jobs(), 2u);
  // It fails, too; the next ones come less and less often, but they come.
  for (int minute = 0; minute < 20 * 30; ++minute) {
    look();
    for (const JobPtr& job : scheduler_->List()) End(job->id);
  }
  EXPECT_GE(jobs(), 2u + 20 - 5);
  EXPECT_LE(jobs(), 2u + 20 + 5);
  away = false;
  for (int i = 0; i < 40; ++i) {
    look();
    for (const JobPtr& job : scheduler_->List()) End(job->id);
  }
  EXPECT_EQ(cold::ReadSegments(*store_, {})->size(), 0u);
  const size_t before = jobs();
  for (int i = 0; i < 40; ++i) look();
  EXPECT_EQ(jobs(), before) << "nothing is left to do";
}

TEST_F(ExecutorsTest, CleanupCannotBeCancelled) {
  const auto table = CreateTable(TableType::kUser, "t");
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  const std::string id = (*scheduler_->Create(CleanupRequest(*table, {})))->id;
  EXPECT_FALSE(scheduler_->Cancel(id, "root").has_value());
}

TEST_F(ExecutorsTest, CleanupRetriesAfterAFailureOfTheStore) {
  const auto table = CreateTable(TableType::kUser, "t");
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  int calls = 0;
  services_->erase_cold = [&](std::string_view) -> Result<ErasedCold> {
    if (++calls == 1) return Fail(ErrorCode::kIo, "store says no");
    return ErasedCold{.rows = 5, .bytes = 50, .done = true};
  };
  scheduler_->Start({});
  const std::string id = (*scheduler_->Create(CleanupRequest(*table, {.rows = 2, .bytes = 20})))->id;
  while (scheduler_->Find(id)->status != JobStatus::kRetrying) std::this_thread::yield();
  clock_.AdvanceMicros(1'000'000);
  scheduler_->Wake();
  const Job job = End(id);
  EXPECT_EQ(HistoryText(job), "new,queued,running,retrying,running,completed");
  EXPECT_EQ(job.metrics.Number("rows_deleted"), 7) << "what was noted at the drop is counted once";
}

TEST_F(ExecutorsTest, UserCleanupErasesEverythingOfOneUser) {
  auth::User alice;
  alice.user_id = "alice";
  ASSERT_TRUE(users_->Create(alice));
  const auto notes = CreateTable(TableType::kUser, "notes");
  const auto events = CreateTable(TableType::kStream, "events");
  const auto untouched = CreateTable(TableType::kUser, "untouched");
  for (const std::string_view user : {"alice", "alicea", "bob"}) {
    Write(*notes, user, hot::RowOpKind::kInsert, 1, 20);
    Write(*events, user, hot::RowOpKind::kAppend, 1, 5);
  }
  Write(*untouched, "bob", hot::RowOpKind::kInsert, 1, 1);
  scheduler_->Start({});
  const auto early = scheduler_->Create(UserCleanupRequest("alice", true, "root"));
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().message, "User must be soft-deleted first");
  EXPECT_FALSE(scheduler_->Create(UserCleanupRequest("nobody", true, "root")).has_value());
  ASSERT_TRUE(users_->Drop("alice"));
  const Job job = End((*scheduler_->Create(UserCleanupRequest("alice", true, "root")))->id);
  EXPECT_EQ(job.status, JobStatus::kCompleted) << job.message;
  EXPECT_EQ(job.metrics.Number("tables_deleted"), 2);
  EXPECT_EQ(job.metrics.Number("rows_deleted"), 25);
  EXPECT_EQ(job.metrics.Number("user_deleted"), 1);
  EXPECT_EQ(CountRows(*notes), 40);
  EXPECT_EQ(CountRows(*notes, hot::Space::kBySeq), 40);
  EXPECT_EQ(CountRows(*events), 10);
  EXPECT_EQ(CountRows(*untouched), 1);
  EXPECT_EQ(users_->Find("alice"), nullptr) << "nothing is left, so the id is free";
  EXPECT_TRUE(users_->Create(alice));
}

TEST_F(ExecutorsTest, UserCleanupWithoutCascadeKeepsRowsAndTheId) {
  auth::User alice;
  alice.user_id = "alice";
  alice.email = "alice@example.org";
  ASSERT_TRUE(users_->Create(alice));
  const auto notes = CreateTable(TableType::kUser, "notes");
  Write(*notes, "alice", hot::RowOpKind::kInsert, 1, 20);
  ASSERT_TRUE(users_->Drop("alice"));
  scheduler_->Start({});
  const Job job = End((*scheduler_->Create(UserCleanupRequest("alice", false, "root")))->id);
  EXPECT_EQ(job.status, JobStatus::kCompleted) << job.message;
  EXPECT_EQ(CountRows(*notes), 20);
  EXPECT_EQ(users_->Find("alice")->email, std::nullopt);
  EXPECT_FALSE(users_->Create(alice)) << "whoever got the id would own the rows";
}

TEST_F(ExecutorsTest, DroppedUsersAreErasedAfterTheGracePeriod) {
  auth::User alice;
  alice.user_id = "alice";
  ASSERT_TRUE(users_->Create(alice));
  ASSERT_TRUE(users_->Drop("alice"));
  Planner planner = UserCleanupPlanner(*services_, *scheduler_);
  clock_.AdvanceMicros(29 * 24 * kHourMs * 1000);
  ASSERT_TRUE(planner.plan());
  EXPECT_TRUE(scheduler_->List().empty());
  clock_.AdvanceMicros(2 * 24 * kHourMs * 1000);
  ASSERT_TRUE(planner.plan());
  EXPECT_EQ(scheduler_->List().size(), 1u);
}

TEST(FlushPolicyTest, EitherHalfIsEnough) {
  const FlushPolicy rows{.rows = 100};
  const FlushPolicy age{.interval_seconds = 5};
  const FlushPolicy both{.rows = 100, .interval_seconds = 5};
  const PendingRows few_old{TableId(1), 1, 0};
  const PendingRows many_new{TableId(1), 100, 9'000};
  const PendingRows none{TableId(1), 0, 0};
  EXPECT_FALSE(IsDue(rows, few_old, 10'000));
  EXPECT_TRUE(IsDue(rows, many_new, 10'000));
  EXPECT_TRUE(IsDue(age, few_old, 5'000));
  EXPECT_FALSE(IsDue(age, few_old, 4'999));
  EXPECT_FALSE(IsDue(age, many_new, 10'000));
  EXPECT_TRUE(IsDue(both, few_old, 10'000));
  EXPECT_TRUE(IsDue(both, many_new, 10'000));
  EXPECT_FALSE(IsDue(both, none, 10'000'000));
  EXPECT_FALSE(IsDue({}, many_new, 10'000'000));
}

TEST_F(ExecutorsTest, FlushPolicyDecides) {
  const auto table = CreateTable(TableType::kShared, "t");
  const auto stream = CreateTable(TableType::kStream, "s");
  settings_.flush.default_row_limit = 100;
  int64_t rows = 99;
  services_->pending = [&](std::span<const TableId> ids, int64_t) -> Result<std::vector<PendingRows>> {
    EXPECT_EQ(ids.size(), 1u) << "STREAM tables have no policy";
    return std::vector<PendingRows>{{table->id, rows, clock_.WallMillis()}};
  };
  Planner planner = FlushPlanner(*services_, *scheduler_);
  ASSERT_TRUE(planner.plan());
  EXPECT_TRUE(scheduler_->List().empty());
  rows = 100;
  const Status planned = planner.plan();
  EXPECT_FALSE(planned) << "the flush executor comes with the cold tier";
}

// Fixed batches with pauses would fall behind for ever; long jobs take larger ones.
TEST(RoundSize, GrowsWithTheBacklog) {
  EXPECT_EQ(RoundSize(10'000, 0), 10'000);
  EXPECT_EQ(RoundSize(10'000, 4), 10'000);
  EXPECT_EQ(RoundSize(10'000, 5), 20'000);
  EXPECT_EQ(RoundSize(10'000, 6), 40'000);
  EXPECT_EQ(RoundSize(10'000, 1'000), 1'000'000);
  EXPECT_EQ(RoundSize(5'000'000, 50), 5'000'000);
  EXPECT_EQ(RoundPause(5'000, 4), 5'000);
  EXPECT_EQ(RoundPause(5'000, 5), 1'000);
}

}  // namespace
}  // namespace kalam::jobs
