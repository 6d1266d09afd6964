// A database with jobs on a clock of its own, for the tests of executors.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/seq.h"
#include "hot/store_for_test.h"
#include "jobs/backup/restore.h"
#include "jobs/list.h"
#include "jobs/table_job.h"

namespace kalam::jobs {

using namespace std::chrono_literals;
inline constexpr auto kLong = 60s;
inline constexpr int64_t kHourMs = 3'600'000;

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
    ASSERT_TRUE(SweepRestores(*store_));
    executors_ = MakeExecutors(*services_);
    SchedulerOptions scheduler_options;
    scheduler_options.on_transition = [this](const Job& job) {
      std::lock_guard lock(mu_);
      newest_[job.id] = job;
      changed_.notify_all();
    };
    scheduler_ = std::move(*Scheduler::Open(*store_, clock_, random_, scheduler_options, executors_));
    services_->create_job = [this](JobRequest request) {
      return CreateUnlessActive(*scheduler_, std::move(request));
    };
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

  catalog::TablePtr CreateTable(TableType type, std::string name, std::string ns = "default") {
    catalog::Table draft;
    draft.ns = std::move(ns);
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
  // Advances the clock past each pause until `rounds` rounds are done; the first one to come is `first`.
  void RunRounds(const std::string& id, int64_t rounds, int64_t first = 1) {
    for (int64_t round = first; round <= rounds; ++round) {
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

}  // namespace kalam::jobs
