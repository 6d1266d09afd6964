// The layer itself, with a real RocksDB in process: what was synced is there after a cut, and nothing else.
#include "power_cut_fs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "file_node.h"

namespace kalam::powercut {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const IOOptions kIo;
const rocksdb::FileOptions kFileOptions;

// A folder with a disk that can lose its power.
class Disk {
 public:
  Disk() {
    std::string name = (fs::temp_directory_path() / "powercut-test-XXXXXX").string();
    root_ = mkdtemp(name.data());
    Mount({});
  }
  ~Disk() {
    fs_.reset();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  // Cuts the power and mounts again.
  void Cut(const PowerCutOptions& options = {}) {
    fs_->Cut();
    Mount(options);
  }
  void Mount(const PowerCutOptions& options) {
    retired_.push_back(fs_);  // a dead database may still hold files of it
    fs_ = std::make_shared<PowerCutFileSystem>(rocksdb::FileSystem::Default(), root_, options);
  }
  const std::shared_ptr<PowerCutFileSystem>& fs() const { return fs_; }
  std::string path(const std::string& name) const { return root_ + "/" + name; }

  std::unique_ptr<rocksdb::FSWritableFile> Create(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(fs_->NewWritableFile(path(name), kFileOptions, &file, nullptr).ok());
    return file;
  }
  void Write(const std::string& name, const std::string& text, bool sync) {
    auto file = Create(name);
    EXPECT_TRUE(file->Append(text, kIo, nullptr).ok());
    if (sync) {
      EXPECT_TRUE(file->Sync(kIo, nullptr).ok());
    }
    EXPECT_TRUE(file->Close(kIo, nullptr).ok());
  }
  void SyncFolder(const std::string& name = "") {
    std::unique_ptr<rocksdb::FSDirectory> folder;
    ASSERT_TRUE(fs_->NewDirectory(name.empty() ? root_ : path(name), kIo, &folder, nullptr).ok());
    ASSERT_TRUE(folder->FsyncWithDirOptions(kIo, nullptr, {}).ok());
  }
  std::string Read(const std::string& name) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    if (!fs_->NewSequentialFile(path(name), kFileOptions, &file, nullptr).ok()) return "<missing>";
    char buffer[4096];
    rocksdb::Slice slice;
    EXPECT_TRUE(file->Read(sizeof(buffer), kIo, &slice, buffer, nullptr).ok());
    return slice.ToString();
  }
  std::vector<std::string> Names(const std::string& name = "") {
    std::vector<std::string> names;
    EXPECT_TRUE(fs_->GetChildren(name.empty() ? root_ : path(name), kIo, &names, nullptr).ok());
    return names;
  }

 private:
  std::string root_;
  std::shared_ptr<PowerCutFileSystem> fs_;
  std::vector<std::shared_ptr<PowerCutFileSystem>> retired_;
};

TEST(PowerCutFiles, ReadsSeeWhatIsNotSynced) {
  Disk disk;
  disk.Write("a", "hello", false);
  EXPECT_EQ(disk.Read("a"), "hello");
  EXPECT_THAT(disk.Names(), ElementsAre("a"));
  uint64_t size = 0;
  EXPECT_TRUE(disk.fs()->GetFileSize(disk.path("a"), kIo, &size, nullptr).ok());
  EXPECT_EQ(size, 5u);
}

TEST(PowerCutFiles, NeedsDataAndNameSynced) {
  Disk disk;
  disk.Write("data-only", "x", true);
  disk.Cut();
  EXPECT_THAT(disk.Names(), IsEmpty());

  disk.Write("name-only", "x", false);
  disk.SyncFolder();
  disk.Write("both", "y", true);
  disk.SyncFolder();
  disk.Cut();
  EXPECT_THAT(disk.Names(), ElementsAre("both", "name-only"));
  EXPECT_EQ(disk.Read("name-only"), "");
  EXPECT_EQ(disk.Read("both"), "y");
}

TEST(PowerCutFiles, KeepsSyncedPrefixOnly) {
  Disk disk;
  auto file = disk.Create("log");
  disk.SyncFolder();
  EXPECT_TRUE(file->Append("synced ", kIo, nullptr).ok());
  EXPECT_TRUE(file->Sync(kIo, nullptr).ok());
  EXPECT_TRUE(file->Append("lost", kIo, nullptr).ok());
  EXPECT_TRUE(file->RangeSync(0, 11, kIo, nullptr).ok());
  EXPECT_TRUE(file->Flush(kIo, nullptr).ok());
  EXPECT_EQ(disk.Read("log"), "synced lost");
  disk.Cut();
  EXPECT_EQ(disk.Read("log"), "synced ");
}

TEST(PowerCutFiles, DeadDiskTakesNothing) {
  Disk disk;
  auto file = disk.Create("a");
  disk.SyncFolder();
  const auto dead = disk.fs();
  disk.Cut();
  EXPECT_FALSE(file->Append("x", kIo, nullptr).ok());
  EXPECT_FALSE(file->Sync(kIo, nullptr).ok());
  EXPECT_FALSE(dead->SyncFolder(disk.path("")).ok());
  EXPECT_EQ(disk.Read("a"), "");
}

TEST(PowerCutFiles, RenameLikeCurrent) {
  Disk disk;
  disk.Write("CURRENT", "old", true);
  disk.SyncFolder();
  disk.Write("000001.dbtmp", "new", true);
  EXPECT_TRUE(disk.fs()->RenameFile(disk.path("000001.dbtmp"), disk.path("CURRENT"), kIo, nullptr).ok());
  EXPECT_EQ(disk.Read("CURRENT"), "new");
  EXPECT_THAT(disk.Names(), ElementsAre("CURRENT"));
  disk.Cut();
  EXPECT_EQ(disk.Read("CURRENT"), "old");
  EXPECT_THAT(disk.Names(), ElementsAre("CURRENT"));

  disk.Write("000002.dbtmp", "newer", true);
  EXPECT_TRUE(disk.fs()->RenameFile(disk.path("000002.dbtmp"), disk.path("CURRENT"), kIo, nullptr).ok());
  disk.SyncFolder();
  disk.Cut();
  EXPECT_EQ(disk.Read("CURRENT"), "newer");
  EXPECT_THAT(disk.Names(), ElementsAre("CURRENT"));
}

TEST(PowerCutFiles, DeletedNamesComeBack) {
  Disk disk;
  disk.Write("a", "1", true);
  disk.Write("b", "2", true);
  disk.SyncFolder();
  EXPECT_TRUE(disk.fs()->DeleteFile(disk.path("a"), kIo, nullptr).ok());
  EXPECT_FALSE(disk.fs()->FileExists(disk.path("a"), kIo, nullptr).ok());
  EXPECT_THAT(disk.Names(), ElementsAre("b"));
  disk.Cut();
  EXPECT_THAT(disk.Names(), ElementsAre("a", "b"));
  EXPECT_EQ(disk.Read("a"), "1");
  EXPECT_TRUE(disk.fs()->DeleteFile(disk.path("a"), kIo, nullptr).ok());
  disk.SyncFolder();
  disk.Cut();
  EXPECT_THAT(disk.Names(), ElementsAre("b"));
}

TEST(PowerCutFiles, DeleteAndCreateAgain) {
  Disk disk;
  disk.Write("a", "first", true);
  disk.SyncFolder();
  EXPECT_TRUE(disk.fs()->DeleteFile(disk.path("a"), kIo, nullptr).ok());
  disk.Write("a", "second", true);
  EXPECT_EQ(disk.Read("a"), "second");
  disk.Cut();
  EXPECT_EQ(disk.Read("a"), "first");
  EXPECT_TRUE(disk.fs()->DeleteFile(disk.path("a"), kIo, nullptr).ok());
  disk.Write("a", "third", true);
  disk.SyncFolder();
  disk.Cut();
  EXPECT_EQ(disk.Read("a"), "third");
}

TEST(PowerCutFiles, TruncationNeedsASync) {
  Disk disk;
  disk.Write("a", "long text", true);
  disk.SyncFolder();
  disk.Write("a", "new", false);  // opens with truncation
  EXPECT_EQ(disk.Read("a"), "new");
  disk.Cut();
  EXPECT_EQ(disk.Read("a"), "long text");
  disk.Write("a", "new", true);
  disk.Cut();
  EXPECT_EQ(disk.Read("a"), "new");
}

TEST(PowerCutFiles, RecycledLogKeepsItsOldTail) {
  Disk disk;
  disk.Write("000001.log", "0123456789", true);
  disk.SyncFolder();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  ASSERT_TRUE(
      disk.fs()
          ->ReuseWritableFile(disk.path("000002.log"), disk.path("000001.log"), kFileOptions, &file, nullptr)
          .ok());
  EXPECT_TRUE(file->Append("abc", kIo, nullptr).ok());
  EXPECT_EQ(disk.Read("000002.log"), "abc3456789");
  EXPECT_TRUE(file->Sync(kIo, nullptr).ok());
  disk.Cut();
  // The data was synced, its new name was not.
  EXPECT_THAT(disk.Names(), ElementsAre("000001.log"));
  EXPECT_EQ(disk.Read("000001.log"), "abc3456789");
}

TEST(PowerCutFiles, LinksAndMovesBetweenFolders) {
  Disk disk;
  ASSERT_TRUE(disk.fs()->CreateDirIfMissing(disk.path("sub"), kIo, nullptr).ok());
  disk.Write("a", "1", true);
  disk.Write("b", "2", true);
  disk.SyncFolder();
  ASSERT_TRUE(disk.fs()->LinkFile(disk.path("a"), disk.path("c"), kIo, nullptr).ok());
  ASSERT_TRUE(disk.fs()->DeleteFile(disk.path("a"), kIo, nullptr).ok());
  ASSERT_TRUE(disk.fs()->RenameFile(disk.path("b"), disk.path("sub/b"), kIo, nullptr).ok());
  EXPECT_EQ(disk.Read("c"), "1");
  EXPECT_EQ(disk.Read("sub/b"), "2");
  disk.SyncFolder();
  disk.Cut();
  EXPECT_THAT(disk.Names(), UnorderedElementsAre("c", "sub"));
  EXPECT_EQ(disk.Read("c"), "1");
  EXPECT_EQ(disk.Read("sub/b"), "2");
}

TEST(PowerCutFiles, FolderNeedsItsParentSynced) {
  Disk disk;
  ASSERT_TRUE(disk.fs()->CreateDir(disk.path("sub"), kIo, nullptr).ok());
  disk.Write("sub/a", "1", true);
  disk.SyncFolder("sub");
  disk.Cut();
  EXPECT_THAT(disk.Names(), IsEmpty());
  ASSERT_TRUE(disk.fs()->CreateDir(disk.path("sub"), kIo, nullptr).ok());
  disk.Write("sub/a", "1", true);
  disk.SyncFolder("sub");
  disk.SyncFolder();
  disk.Cut();
  EXPECT_EQ(disk.Read("sub/a"), "1");
}

TEST(PowerCutFiles, OverlappingWritesAreReadBack) {
  // Against a plain string, with syncs, write-backs and truncations in between.
  Disk disk;
  std::mt19937_64 random(7);
  const auto node = FileNode::Open(disk.path("raw"), true);
  ASSERT_NE(node, nullptr);
  std::string expected;
  for (int i = 0; i < 4000; ++i) {
    const uint64_t offset = random() % (expected.size() + 20);
    const std::string text(1 + random() % 40, static_cast<char>('a' + i % 26));
    switch (random() % 12) {
      case 0:
        ASSERT_TRUE(node->Sync().ok());
        break;
      case 1:
        ASSERT_TRUE(node->WriteBack(random).ok());
        break;
      case 2:
        node->Truncate(offset);
        expected.resize(offset);
        break;
      default:
        node->Write(offset, text);
        if (expected.size() < offset + text.size()) expected.resize(offset + text.size());
        expected.replace(offset, text.size(), text);
    }
    std::string found(expected.size() + 10, '?');
    size_t read = 0;
    ASSERT_TRUE(node->Read(0, found.size(), found.data(), &read).ok());
    found.resize(read);
    ASSERT_EQ(found, expected) << "step " << i;
  }
  ASSERT_TRUE(node->Sync().ok());
  std::ifstream in(disk.path("raw"), std::ios::binary);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), {}), expected);
}

// --- with RocksDB ---

class Database {
 public:
  explicit Database(Disk& disk, bool recycle_logs = false) : env_(rocksdb::NewCompositeEnv(disk.fs())) {
    rocksdb::Options options;
    options.env = env_.get();
    options.create_if_missing = true;
    options.write_buffer_size = 64 << 10;  // small, so that flushes and compactions happen
    if (recycle_logs) options.recycle_log_file_num = 4;
    rocksdb::DB* db = nullptr;
    status_ = rocksdb::DB::Open(options, disk.path("db"), &db);
    db_.reset(db);
  }
  const rocksdb::Status& status() const { return status_; }
  rocksdb::Status Put(const std::string& key, const std::string& value, bool sync) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db_->Put(options, key, value);
  }
  std::set<std::string> Keys() {
    std::set<std::string> keys;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) keys.insert(it->key().ToString());
    EXPECT_TRUE(it->status().ok()) << it->status().ToString();
    return keys;
  }
  rocksdb::DB& db() { return *db_; }

 private:
  std::unique_ptr<rocksdb::Env> env_;
  rocksdb::Status status_;
  std::unique_ptr<rocksdb::DB> db_;
};

void MakeDatabase(Disk& disk) {
  {
    const Database database(disk);
  }
  disk.SyncFolder();  // RocksDB does not make its own folder's name durable
}

TEST(PowerCutRocksDb, ExactlyTheSyncedDataIsThere) {
  Disk disk;
  MakeDatabase(disk);
  {
    Database database(disk);
    ASSERT_TRUE(database.status().ok()) << database.status().ToString();
    ASSERT_TRUE(database.Put("a", "1", true).ok());
    ASSERT_TRUE(database.Put("b", "1", false).ok());
    ASSERT_TRUE(database.Put("c", "1", true).ok());  // syncs b along
    ASSERT_TRUE(database.Put("d", "1", false).ok());
    EXPECT_THAT(database.Keys(), ElementsAre("a", "b", "c", "d"));
    disk.Cut();
  }
  Database database(disk);
  ASSERT_TRUE(database.status().ok()) << database.status().ToString();
  EXPECT_THAT(database.Keys(), ElementsAre("a", "b", "c"));
}

TEST(PowerCutRocksDb, UnsyncedDatabaseVanishes) {
  Disk disk;
  {
    Database database(disk);
    ASSERT_TRUE(database.Put("a", "1", true).ok());
    disk.Cut();
  }
  EXPECT_THAT(disk.Names(), IsEmpty());
}

// Many cuts on one database, with flushes, compactions and torn tails; the oracle is the set of synced keys.
void CutAgainAndAgain(bool recycle_logs, int writeback_percent) {
  Disk disk;
  MakeDatabase(disk);
  std::mt19937_64 random(11);
  std::set<std::string> synced;
  std::set<std::string> attempted;
  int next = 0;
  for (int cycle = 0; cycle < 12; ++cycle) {
    disk.Mount({.writeback_percent = writeback_percent, .seed = random()});
    Database database(disk, recycle_logs);
    ASSERT_TRUE(database.status().ok()) << "cycle " << cycle << ": " << database.status().ToString();
    const std::set<std::string> found = database.Keys();
    for (const auto& key : synced) ASSERT_TRUE(found.contains(key)) << "cycle " << cycle << " lost " << key;
    for (const auto& key : found) ASSERT_TRUE(attempted.contains(key)) << key;
    if (writeback_percent == 0) {
      ASSERT_EQ(found, synced) << "cycle " << cycle;
    }
    synced = found;
    attempted = found;
    std::set<std::string> unsynced;
    const int writes = static_cast<int>(random() % 600);
    for (int i = 0; i < writes; ++i) {
      const std::string key = "key-" + std::to_string(1000000 + next++);
      const bool sync = random() % 10 == 0;
      attempted.insert(key);
      ASSERT_TRUE(database.Put(key, std::string(random() % 1000, 'v'), sync).ok());
      unsynced.insert(key);
      if (sync) {
        synced.merge(unsynced);
        unsynced.clear();
      }
    }
    if (cycle % 4 == 3) {
      ASSERT_TRUE(database.db().CompactRange({}, nullptr, nullptr).ok());
      synced.merge(unsynced);  // flushed to table files, which are synced
    } else if (cycle % 4 == 1) {
      ASSERT_TRUE(database.db().Flush({}).ok());
      synced.merge(unsynced);
    } else if (writeback_percent == 0) {
      // A background flush may have made more durable than was asked for; a sync makes the boundary exact.
      ASSERT_TRUE(database.db().SyncWAL().ok());
      synced.merge(unsynced);
    }
    disk.fs()->Cut();
  }
}

TEST(PowerCutRocksDb, ManyCuts) { CutAgainAndAgain(false, 0); }
TEST(PowerCutRocksDb, ManyCutsWithRecycledLogs) { CutAgainAndAgain(true, 0); }
TEST(PowerCutRocksDb, ManyCutsWithTornTails) { CutAgainAndAgain(false, 30); }

// The canaries: a disk that lies must be noticed.
TEST(PowerCutRocksDb, LyingLogsLoseSyncedData) {
  Disk disk;
  MakeDatabase(disk);
  disk.Mount({.lie = Lie::kLogs});
  {
    Database database(disk);
    ASSERT_TRUE(database.Put("a", "1", true).ok());
    disk.Cut();
  }
  Database database(disk);
  ASSERT_TRUE(database.status().ok()) << database.status().ToString();
  EXPECT_THAT(database.Keys(), IsEmpty());
}

TEST(PowerCutRocksDb, LyingFoldersLoseSyncedData) {
  Disk disk;
  MakeDatabase(disk);
  disk.Mount({.lie = Lie::kFolders});
  {
    Database database(disk);
    ASSERT_TRUE(database.Put("a", "1", true).ok());
    disk.Cut();
  }
  Database database(disk);
  EXPECT_TRUE(!database.status().ok() || database.Keys().empty());
}

}  // namespace
}  // namespace kalam::powercut
