#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

// How a full disk answers a write to the log. To every other file it answers with kNothing.
enum class Full : uint8_t {
  kNot,
  kNothing,  // nothing is written
  kHalf,     // half of it is
  kAtSync,   // all of it is, and the sync fails
};

class SmallDisk final : public rocksdb::FileSystemWrapper {
 public:
  SmallDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SmallDisk"; }
  void Fill(Full how) { full_ = full_for_logs_ = how; }
  void FillForLogs(Full how) { full_for_logs_ = how; }
  uint64_t Free() const { return full_ == Full::kNot ? 1u << 30 : 0; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, result, context);
    if (status.ok()) *result = std::make_unique<File>(std::move(*result), name.ends_with(".log"), *this);
    return status;
  }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, bool is_log, SmallDisk& disk)
        : FSWritableFileOwnerWrapper(std::move(file)), is_log_(is_log), disk_(disk) {}
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      Full full = disk_.full_for_logs_;
      if (!is_log_) full = disk_.full_ == Full::kNot ? Full::kNot : Full::kNothing;
      if (full == Full::kHalf) {
        const rocksdb::Slice half(data.data(), data.size() / 2);
        const rocksdb::IOStatus written = FSWritableFileOwnerWrapper::Append(half, options, context);
        if (!written.ok()) return written;
      }
      if (full == Full::kHalf || full == Full::kNothing)
        return rocksdb::IOStatus::NoSpace("the disk is full");
      return FSWritableFileOwnerWrapper::Append(data, options, context);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* context) override {
      return Append(data, options, context);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
      if (is_log_ && disk_.full_for_logs_ == Full::kAtSync)
        return rocksdb::IOStatus::NoSpace("the disk is full");
      return FSWritableFileOwnerWrapper::Sync(options, context);
    }

   private:
    const bool is_log_;
    SmallDisk& disk_;
  };

  std::atomic<Full> full_{Full::kNot};
  std::atomic<Full> full_for_logs_{Full::kNot};
};

// Numbers the changes as topics number their messages.
class Counter final : public CommitParticipant {
 public:
  Need NeedOf(TableId) const override { return Need::kAfter; }
  Status Join(std::span<const Change> changes, JoinedOps out) override {
    last_ = changes.size();
    for (size_t i = 0; i < changes.size(); ++i) {
      out.meta.push_back({"test/change/" + std::to_string(next_ + i), "x"});
    }
    next_ += last_;
    return {};
  }
  void TakeBack() override { next_ -= last_; }
  void GroupWritten() override { written_ = next_; }
  void BeginGroup() override { next_ = written_; }
  size_t next() const { return written_; }

 private:
  size_t last_ = 0;
  size_t next_ = 0;
  size_t written_ = 0;
};

class Listener final : public CommitObserver {
 public:
  Need NeedOf(TableId) const override { return Need::kAfter; }
  void OnCommitted(std::shared_ptr<const CommittedGroup> group) override {
    for (const CommittedBatch& batch : group->batches) changes_ += static_cast<int>(batch.changes.size());
  }
  int changes() const { return changes_; }

 private:
  std::atomic<int> changes_{0};
};

class FailedWriteTest : public testing::TestWithParam<std::tuple<Durability, Full>> {
 protected:
  void SetUp() override {
    options_.path = folder_.path() + "/db";
    options_.durability = std::get<0>(GetParam());
    options_.env = env_.get();
    options_.free_bytes = [this] { return disk_->Free(); };
    store_ = OpenAt(options_.path);
    store_->AddParticipant(counter_);
    store_->AddObserver(listener_);
    store_->SetSchemaVersion(kTestTable, 1);
  }
  // Such a database cannot be closed: RocksDB would write, and Debian's build asserts that nobody does.
  void TearDown() override {
    store_->Stop();
    using Left =
        std::tuple<std::unique_ptr<Store>, std::unique_ptr<rocksdb::Env>, std::shared_ptr<SmallDisk>>;
    static auto& left_open = *new std::vector<Left>();
    left_open.emplace_back(std::move(store_), std::move(env_), std::move(disk_));
  }
  std::unique_ptr<Store> OpenAt(const std::string& path) {
    StoreOptions options = options_;
    options.path = path;
    auto opened = Store::Open(options, clock_);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return std::move(*opened);
  }
  CommitResult Commit(Batch batch) { return store_->Commit(std::move(batch)); }
  Batch Large(int64_t id) {
    Batch batch = BatchOf(Insert(id, id));
    batch.rows[0].value = RowOf(id, id, std::string(100'000, 'x'));
    return batch;
  }
  static std::vector<int64_t> Ids(const Store& store) {
    std::vector<int64_t> ids;
    const std::string prefix = SharedPrefix(kTestTable);
    for (auto rows = store.Scan(Space::kRows, prefix, PrefixEnd(prefix)); rows->Valid(); rows->Next()) {
      ids.push_back(TestCodec().Open(rows->value())->Get(0).integer);
    }
    return ids;
  }
  static size_t Changes(const Store& store) {
    size_t changes = 0;
    for (auto it = store.Scan(Space::kMeta, "test/change/", "test/change0"); it->Valid(); it->Next())
      ++changes;
    return changes;
  }
  // What a start would find if the process ended now.
  void ExpectAfterCrash(const std::vector<int64_t>& ids) {
    const std::string copy = folder_.path() + "/copy" + std::to_string(++copies_);
    std::filesystem::copy(options_.path, copy, std::filesystem::copy_options::recursive);
    disk_->Fill(Full::kNot);
    const auto store = OpenAt(copy);
    EXPECT_EQ(Ids(*store), ids);
    EXPECT_EQ(Changes(*store), ids.size());
    store->Stop();
  }

  TempFolder folder_;
  ManualClock clock_{1'750'000'000'000'000};
  std::shared_ptr<SmallDisk> disk_ = std::make_shared<SmallDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  StoreOptions options_;
  Counter counter_;
  Listener listener_;
  std::unique_ptr<Store> store_;
  int copies_ = 0;
};

TEST_P(FailedWriteTest, IsTakenBackAndTheNextStartGoesOn) {
  ASSERT_TRUE(Commit(Large(1)).status);
  ASSERT_TRUE(Commit(BatchOf(Insert(2, 2))).status);
  const Seq seen = store_->last_seq();
  disk_->Fill(std::get<1>(GetParam()));
  const CommitResult failed = Commit(Large(100));
  ASSERT_FALSE(failed.status);
  EXPECT_EQ(failed.status.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(failed.status.error().message.find("Nothing of what is refused is stored"), std::string::npos)
      << failed.status.error().message;
  EXPECT_EQ(Ids(*store_), (std::vector<int64_t>{1, 2})) << "reads stay up";
  EXPECT_EQ(listener_.changes(), 2);
  ExpectAfterCrash({1, 2});
  // There is room again: still nothing is written by this process.
  EXPECT_EQ(CodeOf(Commit(BatchOf(Insert(101, 1)))), ErrorCode::kUnavailable);
  const std::string copy = folder_.path() + "/anew";
  std::filesystem::copy(options_.path, copy, std::filesystem::copy_options::recursive);
  const auto store = OpenAt(copy);
  const CommitResult went_on = store->Commit(Large(100));
  ASSERT_TRUE(went_on.status) << went_on.status.error().message;
  EXPECT_GT(went_on.last_seq, seen);
  EXPECT_EQ(Ids(*store), (std::vector<int64_t>{1, 2, 100}));
  store->Stop();
}

INSTANTIATE_TEST_SUITE_P(Disks, FailedWriteTest,
                         testing::Values(std::tuple(Durability::kOs, Full::kNothing),
                                         std::tuple(Durability::kOs, Full::kHalf),
                                         std::tuple(Durability::kSync, Full::kNothing),
                                         std::tuple(Durability::kSync, Full::kHalf),
                                         std::tuple(Durability::kSync, Full::kAtSync)));

}  // namespace
}  // namespace kalam::hot
