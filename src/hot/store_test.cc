#include "hot/store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

// A disk under the test's control: syncs of the write-ahead log wait, or fail.
class FaultyDisk final : public rocksdb::FileSystemWrapper {
 public:
  FaultyDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyDisk"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, result, context);
    if (status.ok() && name.ends_with(".log")) *result = std::make_unique<LogFile>(std::move(*result), *this);
    return status;
  }

  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = target()->NewDirectory(name, options, result, context);
    if (status.ok()) *result = std::make_unique<Folder>(std::move(*result), name, *this);
    return status;
  }
  bool FolderSynced(const std::string& name) {
    std::lock_guard lock(mu_);
    return synced_folders_.contains(name);
  }

  void FailSyncs(bool fail) { fail_ = fail; }
  void Hold() {
    std::lock_guard lock(mu_);
    held_ = true;
  }
  void Release() {
    std::lock_guard lock(mu_);
    held_ = false;
    changed_.notify_all();
  }
  void WaitForSync() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

 private:
  class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    LogFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultyDisk& disk)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
      const rocksdb::IOStatus status = disk_.BeforeSync();
      return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, context) : status;
    }

   private:
    FaultyDisk& disk_;
  };

  class Folder final : public rocksdb::FSDirectoryWrapper {
   public:
    Folder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string name, FaultyDisk& disk)
        : FSDirectoryWrapper(std::move(folder)), name_(std::move(name)), disk_(disk) {}
    rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context,
                                          const rocksdb::DirFsyncOptions& how) override {
      std::lock_guard lock(disk_.mu_);
      disk_.synced_folders_.insert(name_);
      return FSDirectoryWrapper::FsyncWithDirOptions(options, context, how);
    }

   private:
    std::string name_;
    FaultyDisk& disk_;
  };

  rocksdb::IOStatus BeforeSync() {
    std::unique_lock lock(mu_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_; });
    --waiting_;
    return fail_ ? rocksdb::IOStatus::IOError("the disk is broken") : rocksdb::IOStatus::OK();
  }

  std::atomic<bool> fail_{false};
  std::mutex mu_;
  std::condition_variable changed_;
  std::set<std::string> synced_folders_;
  bool held_ = false;
  int waiting_ = 0;
};

class FaultTest : public StoreTest {
 protected:
  void SetUp() override {
    options_.env = env_.get();
    StoreTest::SetUp();
  }
  void TearDown() override {
    disk_->Release();
    store_.reset();
  }
  std::shared_ptr<FaultyDisk> disk_ = std::make_shared<FaultyDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
};

TEST_P(FaultTest, NothingIsAcknowledgedAfterAFailedSync) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  disk_->FailSyncs(true);
  EXPECT_EQ(CodeOf(Commit(Insert(2, 1))), ErrorCode::kUnavailable);
  disk_->FailSyncs(false);  // a disk that answers again has forgotten what it was given
  EXPECT_EQ(CodeOf(Commit(Insert(3, 1))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Commit(Insert(1, 1))), ErrorCode::kUnavailable);  // not kAlreadyExists
  EXPECT_EQ(N(1), 1);
  EXPECT_FALSE(Read(2).has_value());
  ExpectBySeqMatchesRows();
  Open();
  EXPECT_EQ(N(1), 1);
  EXPECT_FALSE(Read(3).has_value());
  EXPECT_TRUE(Commit(Insert(4, 1)).status);
  ExpectBySeqMatchesRows();
}

TEST_P(FaultTest, EverythingThatWaitsIsRefusedToo) {
  disk_->Hold();
  std::atomic<int> unavailable{0};
  std::atomic<int> answered{0};
  const auto done = [&](const CommitResult& result) {
    if (CodeOf(result) == ErrorCode::kUnavailable) ++unavailable;
    ++answered;
  };
  store_->Submit(BatchOf(Insert(1, 1)), done);
  disk_->WaitForSync();
  for (int64_t id = 2; id < 20; ++id) store_->Submit(BatchOf(Insert(id, 1)), done);
  store_->Submit(BatchOf(Insert(1, 2)), done);
  EXPECT_EQ(answered, 0);
  EXPECT_FALSE(Read(1).has_value()) << "visible before it is durable";
  disk_->FailSyncs(true);
  disk_->Release();
  store_->Stop();
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(unavailable, 20);
}

TEST_P(FaultTest, AFullQueueRefusesAtOnce) {
  options_.commit_queue_bytes_max = 40'000;
  Open();
  RowOp large = Insert(100, 1);
  large.value = RowOf(100, 1, std::string(60'000, 'x'));
  EXPECT_EQ(CodeOf(Commit(std::move(large))), ErrorCode::kLimitExceeded);
  disk_->Hold();
  std::atomic<int> accepted{0};
  std::atomic<int> refused{0};
  for (int64_t id = 0; id < 200; ++id) {
    store_->Submit(BatchOf(Insert(id, 1)),
                   [&](const CommitResult& result) { ++(result.status ? accepted : refused); });
  }
  EXPECT_EQ(accepted, 0);
  EXPECT_GT(refused, 50);
  disk_->Release();
  store_->Stop();
  EXPECT_EQ(accepted + refused, 200);
  EXPECT_GT(accepted, 50);
}

TEST_P(FaultTest, StopCompletesWhatWaits) {
  disk_->Hold();
  std::atomic<int> accepted{0};
  for (int64_t id = 0; id < 10; ++id) {
    store_->Submit(BatchOf(Insert(id, 1)),
                   [&](const CommitResult& result) { accepted += result.status ? 1 : 0; });
  }
  std::thread stopper([&] { store_->Stop(); });
  disk_->Release();
  stopper.join();
  EXPECT_EQ(accepted, 10);
  EXPECT_EQ(CodeOf(Commit(Insert(20, 1))), ErrorCode::kUnavailable);
  store_->Stop();
  EXPECT_EQ(N(9), 1);
}

// The names of the folders that lead to the database are as durable as what is in it.
TEST_P(FaultTest, TheFoldersAboveAreSynced) {
  options_.path = folder_.path() + "/a/b/db";
  store_.reset();
  auto opened = Store::Open(options_, clock_);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  store_ = std::move(*opened);
  EXPECT_TRUE(disk_->FolderSynced(folder_.path() + "/a/b"));
  EXPECT_TRUE(disk_->FolderSynced(folder_.path() + "/a"));
  EXPECT_TRUE(disk_->FolderSynced(folder_.path()));
  EXPECT_TRUE(Commit(Insert(1, 1)).status);
}

TEST_P(FaultTest, AFolderThatCannotBeMadeIsAnError) {
  store_.reset();
  options_.path = "/dev/null/db";
  const auto opened = Store::Open(options_, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
}

INSTANTIATE_TEST_SUITE_P(Durability, FaultTest, testing::Values(Durability::kSync), DurabilityName);

TEST_P(StoreTest, WhatWasCommittedIsThereAfterReopen) {
  Batch batch = BatchOf(Insert(1, 1), Insert(2, 2));
  batch.meta.push_back({"m", "v"});
  ASSERT_TRUE(Commit(std::move(batch)).status);
  ASSERT_TRUE(Commit(Remove(2)).status);
  const Seq last = store_->last_seq();
  Open();
  EXPECT_EQ(N(1), 1);
  EXPECT_TRUE(RowDeleted(*Read(2)));
  EXPECT_EQ(Meta("m"), "v");
  EXPECT_GE(store_->last_seq(), last);
  ExpectBySeqMatchesRows();
}

TEST_P(StoreTest, RowsThatMovedSoonCostScansNothing) {
  constexpr int64_t kRows = 12'000;
  store_->AddColdTable(kTestTable);
  const auto in_batches = [&](auto make) {
    for (int64_t id = 0; id < kRows; id += 1'000) {
      Batch batch;
      for (int64_t i = id; i < id + 1'000; ++i) batch.rows.push_back(make(i));
      ASSERT_TRUE(Commit(std::move(batch)).status);
    }
  };
  in_batches([](int64_t id) { return Insert(id, 1); });
  in_batches([&](int64_t id) {
    RowOp op = MakeOp(RowOpKind::kMove, id, kTestTable);
    op.seen = RowSeq(*Read(id));
    op.to = {7, static_cast<uint32_t>(id)};
    op.from_hot = true;
    return op;
  });
  ASSERT_TRUE(Commit(Insert(kRows, 1)).status);
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
  const auto markers_passed = [&] {
    rocksdb::get_perf_context()->Reset();
    const std::string prefix = SharedPrefix(kTestTable);
    auto rows = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix));
    EXPECT_TRUE(rows->Valid());
    return rocksdb::get_perf_context()->internal_delete_skipped_count;
  };
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (markers_passed() > 100 && std::chrono::steady_clock::now() < latest) std::this_thread::yield();
  EXPECT_LE(markers_passed(), 100u);
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  EXPECT_EQ(N(kRows), 1);
}

TEST_P(StoreTest, ANearlyFullDiskRefusesWritesUntilThereIsRoom) {
  std::atomic<uint64_t> free_bytes{1000};
  options_.free_bytes_min = 100;
  options_.free_bytes = [&] { return free_bytes.load(); };
  Open();
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 2), Insert(3, 3))).status);
  free_bytes = 99;
  clock_.AdvanceMicros(60'000);  // it is not asked for every write
  const CommitResult refused = Commit(Insert(4, 4));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kUnavailable);
  EXPECT_NE(refused.status.error().message.find("storage.free_bytes_min"), std::string::npos);
  EXPECT_EQ(CodeOf(Commit(Add(1, 1))), ErrorCode::kUnavailable);
  EXPECT_TRUE(Commit(Remove(2)).status) << "what makes room goes on";
  EXPECT_EQ(N(1), 1);
  EXPECT_EQ(N(2), std::nullopt);
  free_bytes = 24;
  EXPECT_EQ(CodeOf(Commit(Remove(1))), ErrorCode::kUnavailable);
  free_bytes = 100;
  EXPECT_TRUE(Commit(Insert(4, 4)).status) << "at once, without a restart";
  EXPECT_EQ(N(4), 4);
  ExpectBySeqMatchesRows();
  store_->Stop();
  store_.reset();
}

TEST_P(StoreTest, SequencesAscendAcrossRestartAndClockSteps) {
  Seq last;
  for (int round = 0; round < 4; ++round) {
    for (int64_t i = 0; i < 10; ++i) {
      const CommitResult result = Commit(Insert(round * 100 + i, 0));
      ASSERT_TRUE(result.status);
      EXPECT_GT(result.last_seq, last);
      EXPECT_EQ(result.last_seq, store_->last_seq());
      last = result.last_seq;
      clock_.StepWallMicros(round % 2 == 0 ? 1'700'000 : -5'000'000);
    }
    Open();
  }
  // The newest rows are gone altogether; their sequences are not used again.
  Batch drop;
  drop.dropped_tables.push_back(kTestTable);
  ASSERT_TRUE(Commit(std::move(drop)).status);
  Open();
  clock_.StepWallMicros(-3'600'000'000);
  EXPECT_GT(Commit(Insert(1, 0)).last_seq, last);
  ExpectBySeqMatchesRows();
}

TEST_P(StoreTest, CursorsRespectBoundsAndDirection) {
  for (int64_t id = 0; id < 10; ++id) ASSERT_TRUE(Commit(Insert(id, 0)).status);
  const auto ids = [&](Direction direction, std::string_view begin, std::string_view end) {
    std::vector<int64_t> found;
    auto cursor = store_->Scan(Space::kRows, begin, end, direction);
    for (; cursor->Valid(); cursor->Next())
      found.push_back(TestCodec().Open(cursor->value())->Get(0).integer);
    EXPECT_TRUE(cursor->status());
    return found;
  };
  EXPECT_EQ(ids(Direction::kForward, KeyOf(3), KeyOf(6)), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(ids(Direction::kBackward, KeyOf(3), KeyOf(6)), (std::vector<int64_t>{5, 4, 3}));
  EXPECT_EQ(ids(Direction::kForward, KeyOf(8), ""), (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(ids(Direction::kBackward, KeyOf(8), ""), (std::vector<int64_t>{9, 8}));
  EXPECT_TRUE(ids(Direction::kForward, KeyOf(5), KeyOf(5)).empty());
  EXPECT_TRUE(ids(Direction::kForward, KeyOf(20), KeyOf(30)).empty());
  auto cursor = store_->Scan(Space::kRows, KeyOf(2), KeyOf(8));
  cursor->Seek(KeyOf(5));
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), KeyOf(5));
  cursor->Seek(KeyOf(0));
  EXPECT_EQ(cursor->key(), KeyOf(2));
  cursor->Seek(KeyOf(8));
  EXPECT_FALSE(cursor->Valid());
}

TEST_P(StoreTest, ASnapshotDoesNotMove) {
  for (int64_t id = 0; id < 10; ++id) ASSERT_TRUE(Commit(Insert(id, 0)).status);
  Snapshot snapshot = store_->TakeSnapshot();
  ASSERT_TRUE(Commit(BatchOf(Add(1, 5), Remove(2), Insert(10, 0))).status);
  Batch drop;
  drop.dropped_tables.push_back(kTestTable);
  ASSERT_TRUE(Commit(std::move(drop)).status);
  const Snapshot moved = std::move(snapshot);
  PinnedBytes bytes;
  ASSERT_TRUE(store_->Get(Space::kRows, KeyOf(1), bytes, &moved).value());
  EXPECT_EQ(TestCodec().Open(bytes.bytes())->Get(1).integer, 0);
  EXPECT_FALSE(store_->Get(Space::kRows, KeyOf(1), bytes).value());
  int count = 0;
  const std::string prefix = SharedPrefix(kTestTable);
  auto cursor = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix), Direction::kForward, &moved);
  for (; cursor->Valid(); cursor->Next(), ++count) EXPECT_FALSE(RowDeleted(cursor->value()));
  EXPECT_EQ(count, 10);
}

TEST_P(StoreTest, OneProcessOneStore) {
  const auto second = Store::Open(options_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
  EXPECT_NE(second.error().message.find(options_.path), std::string::npos);
}

// Writes another format into a closed store.
void SetFormat(const std::string& path, const char* format) {
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::DBOptions(), path, families, &handles, &db).ok());
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (handle->GetName() == "meta") {
      ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), handle, "hot/format", format).ok());
    }
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
}

TEST_P(StoreTest, AStoreOfAnotherFormatIsNotOpened) {
  store_.reset();
  SetFormat(options_.path, "3");
  const auto opened = Store::Open(options_, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kUnsupported);
}

TEST_P(StoreTest, AStoreFromBeforeTheColdTierBecomesOneOfToday) {
  ASSERT_TRUE(Commit(Insert(1, 5)).status);
  store_->Stop();
  store_.reset();
  SetFormat(options_.path, "1");
  Open();
  EXPECT_EQ(N(1), 5);
  EXPECT_EQ(Meta("hot/format"), "2");
}

INSTANTIATE_TEST_SUITE_P(Durability, StoreTest, testing::Values(Durability::kSync, Durability::kOs),
                         DurabilityName);

}  // namespace
}  // namespace kalam::hot
