// Executors on a real store: exact status traces, batches, cursors over restarts, kills in the middle.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "hot/key_codec.h"
#include "hot/resume_horizon.h"
#include "hot/row_codec.h"
#include "hot/seq.h"
#include "hot/store_for_test.h"
#include "jobs/list.h"
#include "jobs/round_size.h"
#include "jobs/stream_scan.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

using namespace std::chrono_literals;
constexpr auto kLong = 60s;
constexpr int64_t kHourMs = 3'600'000;

class ExecutorsTest : public testing::Test {
 protected:
  ExecutorsTest() { Open(); }
  ~ExecutorsTest() override { Close(); }

  void Open() {
    hot::StoreOptions options;
    options.path = folder_.path() + "/db";
    options.durability = hot::Durability::kOs;
    auto store = hot::Store::Open(options, clock_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
    catalog_ = std::move(*catalog::Catalog::Open(*store_, clock_));
    users_ = std::move(*auth::Users::Open(*store_, clock_, ""));
    services_ = std::make_unique<JobServices>(JobServices{settings_, clock_, *store_, *catalog_, *users_});
    executors_ = MakeExecutors(*services_);
    SchedulerOptions scheduler_options;
    scheduler_options.on_transition = [this](const Job& job) {
      std::lock_guard lock(mu_);
      newest_[job.id] = job;
      changed_.notify_all();
    };
    scheduler_ = std::move(*Scheduler::Open(*store_, clock_, random_, scheduler_options, executors_));
  }
  void Close() {
    scheduler_->Stop();
    scheduler_.reset();
    executors_.clear();
    users_.reset();
    catalog_.reset();
    store_->Stop();
    store_.reset();
  }

  catalog::TablePtr CreateTable(TableType type, std::string name) {
    catalog::Table draft;
    draft.ns = "default";
    draft.name = std::move(name);
    draft.type = type;
    if (type == TableType::kStream) draft.options.ttl_seconds = 10;
    Column id;
    id.name = "id";
    id.type = Type(TypeKind::kBigInt);
    id.primary_key = true;
    id.nullable = false;
    draft.versions.emplace_back().columns = {id};
    auto table = catalog_->CreateTable(std::move(draft));
    EXPECT_TRUE(table.has_value()) << table.error().message;
    return *table;
  }

  // Rows `first`..`last`; the committer gives them the clock's time.
  void Write(const catalog::Table& table, std::string_view user, hot::RowOpKind kind, int64_t first,
             int64_t last, bool deleted = false) {
    hot::Batch batch;
    for (int64_t id = first; id <= last; ++id) {
      hot::RowOp& op = batch.rows.emplace_back();
      op.kind = kind;
      op.key = user.empty() ? hot::SharedPrefix(table.id) : hot::UserPrefix(table.id, user);
      op.prefix_size = static_cast<uint32_t>(op.key.size());
      const Value value = Value::BigInt(id);
      if (kind != hot::RowOpKind::kAppend) {
        ASSERT_TRUE(hot::AppendPrimaryKey(value, op.key));
      }
      ASSERT_TRUE(table.codec->Encode({&value, 1}, op.value));
      hot::PatchDeleted(deleted, op.value);
      if (kind == hot::RowOpKind::kDelete) {
        hot::PinnedBytes old;
        ASSERT_TRUE(*store_->Get(hot::Space::kRows, op.key, old));
        op.seen = hot::RowSeq(old.bytes());
      }
    }
    const auto result = store_->Commit(std::move(batch));
    ASSERT_TRUE(result.status) << result.status.error().message;
  }
  int64_t CountRows(const catalog::Table& table, hot::Space space = hot::Space::kRows) {
    const std::string prefix = hot::SharedPrefix(table.id);
    auto cursor = store_->Scan(space, prefix, hot::PrefixEnd(prefix));
    int64_t rows = 0;
    for (; cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }

  JobRequest Eviction(const catalog::Table& table) {
    JobRequest request = TableJobRequest(JobType::kStreamEviction, table);
    request.parameters.Set("ttl_seconds", 10);
    request.parameters.Set("batch_size", 10'000);
    return request;
  }
  JobRequest Retention(const catalog::Table& table) {
    JobRequest request = TableJobRequest(JobType::kRetention, table);
    request.parameters.Set("retention_hours", 168);
    return request;
  }
  // Advances the clock past each pause until `rounds` rounds are done.
  void RunRounds(const std::string& id, int64_t rounds) {
    for (int64_t round = 1; round <= rounds; ++round) {
      std::unique_lock lock(mu_);
      const auto reached = [&] {
        const Job& job = newest_[id];
        return job.rounds >= round && (job.status == JobStatus::kRetrying || IsTerminal(job.status));
      };
      ASSERT_TRUE(changed_.wait_for(lock, kLong, reached)) << "round " << round;
      const Job job = newest_[id];
      lock.unlock();
      if (round == rounds || IsTerminal(job.status)) return;
      EXPECT_EQ(job.next_run_at_ms - clock_.WallMillis(), 5'000) << "the pause between batches";
      clock_.AdvanceMicros(5'000'000);
      scheduler_->Wake();
    }
  }
  Job End(const std::string& id) {
    const JobPtr job = scheduler_->WaitFor(id, kLong);
    EXPECT_TRUE(IsTerminal(job->status)) << JobStatusName(job->status);
    return *job;
  }

  hot::TempFolder folder_;
  ManualClock clock_{1'764'000'000'000'000};
  SeededRandom random_{11};
  config::Settings settings_;
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<auth::Users> users_;
  std::unique_ptr<JobServices> services_;
  std::vector<std::unique_ptr<Executor>> executors_;
  std::unique_ptr<Scheduler> scheduler_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::map<std::string, Job> newest_;
};

// T154: 3000 deleted rows in batches of 1000.
TEST_F(ExecutorsTest, RetentionRunsInThreeRounds) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 4'000);
  Write(*table, "", hot::RowOpKind::kDelete, 1, 3'000, true);
  clock_.AdvanceMicros(168 * kHourMs * 1000 + 1'000);
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
  clock_.AdvanceMicros(10'000'000);
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
  RunRounds(id, 5);
  const Job job = End(id);
  EXPECT_EQ(
      HistoryText(job),
      "new,queued,running,retrying,running,retrying,running,retrying,running,retrying,running,completed");
  EXPECT_EQ(job.metrics.Number("records_evicted"), 50'000);
  EXPECT_EQ(job.metrics.Number("batches_processed"), 5);
  EXPECT_EQ(job.message, "Evicted 50000 expired records from default.s (ttl: 10s)");
  EXPECT_EQ(CountRows(*table), 7);
}

// T157: a kill in the middle of 100,000 rows; what was evicted until then stays evicted.
TEST_F(ExecutorsTest, KillStopsALongEviction) {
  const auto table = CreateTable(TableType::kStream, "s");
  for (int64_t i = 0; i < 10; ++i) Write(*table, "alice", hot::RowOpKind::kAppend, 1, 10'000);
  clock_.AdvanceMicros(10'000'000);
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

// Fixed batches with pauses would fall behind for ever; long jobs take larger ones.
TEST(RoundSize, GrowsWithTheBacklog) {
  EXPECT_EQ(RoundSize(10'000, 0), 10'000);
  EXPECT_EQ(RoundSize(10'000, 11), 10'000);
  EXPECT_EQ(RoundSize(10'000, 12), 20'000);
  EXPECT_EQ(RoundSize(10'000, 13), 40'000);
  EXPECT_EQ(RoundSize(10'000, 1'000), 1'000'000);
  EXPECT_EQ(RoundSize(5'000'000, 50), 5'000'000);
}

}  // namespace
}  // namespace kalam::jobs
