// What every backend must do; the same tests for each.
#include "cold/storage/object_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "cold/storage/object_path.h"
#include "cold/storage/store_for_test.h"

namespace kalam::cold {
namespace {

class ObjectStoreTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    backend_ = MakeBackendForTest(GetParam());
    store_ = backend_->store();
  }

  std::string Read(std::string_view path) {
    const auto bytes = store_->Get(path, 64u << 20);
    return bytes ? *bytes : "error: " + bytes.error().message;
  }
  std::vector<std::string> Paths(const std::vector<ObjectInfo>& objects) {
    std::vector<std::string> paths;
    for (const ObjectInfo& object : objects) paths.push_back(object.path);
    return paths;
  }
  std::string LocalFileWith(const std::string& bytes) {
    const std::string path = store_->staging_folder() + "/local-" + std::to_string(++local_files_);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::unique_ptr<BackendForTest> backend_;
  ObjectStorePtr store_;
  int local_files_ = 0;
};

TEST_P(ObjectStoreTest, PutThenGet) {
  const auto put = store_->Put("app/notes/batch-1.parquet", "hello");
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->path, "app/notes/batch-1.parquet");
  EXPECT_EQ(put->size, 5u);
  EXPECT_EQ(Read("app/notes/batch-1.parquet"), "hello");
}

TEST_P(ObjectStoreTest, PutReplaces) {
  const auto first = store_->Put("a", "old and longer");
  ASSERT_TRUE(first) << first.error().message;
  const auto second = store_->Put("a", "new");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(first->etag, second->etag);
  EXPECT_EQ(Read("a"), "new");
}

TEST_P(ObjectStoreTest, AnEmptyObjectIsAnObject) {
  ASSERT_TRUE(store_->Put("empty", ""));
  const auto head = store_->Head("empty");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->size, 0u);
  EXPECT_EQ(Read("empty"), "");
}

TEST_P(ObjectStoreTest, PutFileKeepsOrConsumes) {
  std::string bytes(3'000'000, '\0');
  std::mt19937 random(1);
  for (char& c : bytes) c = static_cast<char>(random());
  const std::string local = LocalFileWith(bytes);
  ASSERT_TRUE(store_->PutFile("kept", local, LocalFile::kKeep));
  EXPECT_TRUE(std::filesystem::exists(local));
  EXPECT_EQ(Read("kept"), bytes);
  const auto put = store_->PutFile("x/consumed", local, LocalFile::kConsume);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->size, bytes.size());
  EXPECT_FALSE(std::filesystem::exists(local));
  EXPECT_EQ(Read("x/consumed"), bytes);
}

TEST_P(ObjectStoreTest, PutFileOfAMissingFileFails) {
  const auto put = store_->PutFile("a", store_->staging_folder() + "/nothing", LocalFile::kConsume);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kIo);
  EXPECT_EQ(store_->Head("a").error().code, ErrorCode::kNotFound);
}

TEST_P(ObjectStoreTest, RangesAreExact) {
  ASSERT_TRUE(store_->Put("r", "0123456789"));
  const auto range = [&](uint64_t offset, size_t size) {
    std::string out(size, '?');
    const Status status = store_->GetRange("r", offset, out);
    return status ? out : "error: " + status.error().message;
  };
  EXPECT_EQ(range(0, 10), "0123456789");
  EXPECT_EQ(range(3, 4), "3456");
  EXPECT_EQ(range(9, 1), "9");
  EXPECT_EQ(range(4, 0), "");
  EXPECT_NE(range(5, 6).find("ends before byte 11"), std::string::npos) << range(5, 6);
  EXPECT_NE(range(20, 1).find("ends before byte 21"), std::string::npos) << range(20, 1);
}

TEST_P(ObjectStoreTest, HeadTellsSizeTagAndTime) {
  ASSERT_TRUE(store_->Put("h", "abc"));
  const auto head = store_->Head("h");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->size, 3u);
  EXPECT_FALSE(head->etag.empty());
  const int64_t age_ms = SystemClock().WallMillis() - head->modified_at_ms;
  EXPECT_LT(age_ms, 3'600'000);
  EXPECT_GT(age_ms, -3'600'000);
  const auto again = store_->Head("h");
  EXPECT_EQ(again->etag, head->etag);
}

TEST_P(ObjectStoreTest, AbsentObjectsAreNotFound) {
  char byte;
  for (const Error& error : {store_->Head("no/such").error(), store_->Get("no/such", 10).error(),
                             store_->GetRange("no/such", 0, {&byte, 1}).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kNotFound) << error.message;
    EXPECT_NE(error.message.find(backend_->id()), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("no/such"), std::string::npos) << error.message;
  }
}

TEST_P(ObjectStoreTest, DeleteIsForGoodAndMayBeRepeated) {
  ASSERT_TRUE(store_->Put("d/e/f", "x"));
  ASSERT_TRUE(store_->Delete("d/e/f"));
  EXPECT_EQ(store_->Head("d/e/f").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store_->Delete("d/e/f"));
  EXPECT_TRUE(store_->Delete("never/was"));
  ASSERT_TRUE(store_->Put("d/e/f", "back")) << "its folders are made again";
  EXPECT_EQ(Read("d/e/f"), "back");
}

TEST_P(ObjectStoreTest, ListsByPrefixInByteOrder) {
  // '.' sorts before '/', '0' after it.
  const std::vector<std::string> paths = {"a.b", "a/1", "a/2/x", "a/2.x", "a0", "b/1"};
  for (const std::string& path : paths) ASSERT_TRUE(store_->Put(path, "x"));
  const auto all = store_->ListAll("");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(Paths(*all), (std::vector<std::string>{"a.b", "a/1", "a/2.x", "a/2/x", "a0", "b/1"}));
  EXPECT_EQ(Paths(*store_->ListAll("a/")), (std::vector<std::string>{"a/1", "a/2.x", "a/2/x"}));
  EXPECT_EQ(Paths(*store_->ListAll("a/2")), (std::vector<std::string>{"a/2.x", "a/2/x"}));
  EXPECT_EQ(Paths(*store_->ListAll("a")), (std::vector<std::string>{"a.b", "a/1", "a/2.x", "a/2/x", "a0"}));
  EXPECT_TRUE(store_->ListAll("none/")->empty());
  EXPECT_TRUE(store_->ListAll("../")->empty());
  for (const ObjectInfo& object : *all) EXPECT_EQ(object.size, 1u);
}

TEST_P(ObjectStoreTest, PagesCoverEverythingOnce) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::minstd_rand random(seed);
  std::set<std::string> paths;
  while (paths.size() < 60) {
    std::string path = "p";
    for (size_t i = 0, parts = 1 + random() % 3; i < parts; ++i) {
      path += i == 0 ? "" : "/";
      // A folder part never equals an object part: on a file system a name is one or the other.
      path += std::string(1 + random() % 2, static_cast<char>('a' + random() % 3)) +
              (i + 1 == parts ? ".x" : "-");
    }
    if (paths.insert(path).second) {
      ASSERT_TRUE(store_->Put(path, "x")) << path;
    }
  }
  for (const size_t limit : {size_t{1}, size_t{7}, size_t{60}, size_t{1000}}) {
    std::vector<std::string> listed;
    std::string after;
    int pages = 0;
    do {
      const auto page = store_->List("p", after, limit);
      ASSERT_TRUE(page) << page.error().message;
      ASSERT_LE(page->objects.size(), limit);
      for (const ObjectInfo& object : page->objects) listed.push_back(object.path);
      after = page->next;
      ASSERT_LT(++pages, 100);
    } while (!after.empty());
    EXPECT_EQ(listed, std::vector<std::string>(paths.begin(), paths.end())) << limit;
  }
}

TEST_P(ObjectStoreTest, UnusualNames) {
  for (const std::string name : {"a b", "a+b", "a%20b", "%", "ü/日本語", "q?x=1&y=2", "#frag", "'\"`",
                                 "a=b/c", "~!$()*,;:@[]^{}|", "tail.", " lead", "x.parquet"}) {
    const std::string path = "unusual/" + name;
    ASSERT_TRUE(store_->Put(path, name)) << path << ": " << store_->Put(path, name).error().message;
    EXPECT_EQ(Read(path), name);
    const auto listed = store_->ListAll(path);
    ASSERT_TRUE(listed) << listed.error().message;
    ASSERT_EQ(Paths(*listed), std::vector<std::string>{path});
    EXPECT_TRUE(store_->Delete(path));
    EXPECT_EQ(store_->Head(path).error().code, ErrorCode::kNotFound) << path;
  }
}

TEST_P(ObjectStoreTest, PathsCannotLeaveTheStorage) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", "a//b", ".kalam-staging/x"}) {
    char byte;
    EXPECT_EQ(store_->Put(path, "x").error().code, ErrorCode::kInvalidOperation) << path;
    EXPECT_EQ(store_->Head(path).error().code, ErrorCode::kInvalidOperation) << path;
    EXPECT_EQ(store_->GetRange(path, 0, {&byte, 1}).error().code, ErrorCode::kInvalidOperation) << path;
    EXPECT_EQ(store_->Delete(path).error().code, ErrorCode::kInvalidOperation) << path;
    EXPECT_EQ(store_->PutFile(path, "/dev/null", LocalFile::kKeep).error().code,
              ErrorCode::kInvalidOperation);
  }
}

TEST_P(ObjectStoreTest, CallsEndAtTheirDeadlineAndWhenStopped) {
  StoreCall late;
  late.deadline_nanos = SystemClock().MonotonicNanos() - 1;
  EXPECT_EQ(store_->Put("a", "x", late).error().code, ErrorCode::kDeadline);
  std::stop_source stop;
  stop.request_stop();
  StoreCall stopped;
  stopped.stop = stop.get_token();
  EXPECT_EQ(store_->Put("a", "x", stopped).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(store_->List("", "", 10, stopped).error().code, ErrorCode::kCancelled);
}

TEST_P(ObjectStoreTest, GetRefusesWhatIsTooLarge) {
  ASSERT_TRUE(store_->Put("big", std::string(100, 'x')));
  EXPECT_EQ(store_->Get("big", 99).error().code, ErrorCode::kLimitExceeded);
  EXPECT_TRUE(store_->Get("big", 100));
}

TEST_P(ObjectStoreTest, ReadersSeeTheOldOrTheNewObject) {
  if (!backend_->replaces_atomically()) GTEST_SKIP() << "the test server overwrites in place";
  const std::string a(200'000, 'a'), b(200'000, 'b');
  ASSERT_TRUE(store_->Put("swap", a));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) (void)store_->Put("swap", i % 2 == 0 ? b : a);
    done = true;
  });
  while (!done) {
    std::string out(a.size(), '?');
    ASSERT_TRUE(store_->GetRange("swap", 0, out));
    EXPECT_TRUE(out == a || out == b);
  }
  writer.join();
}

TEST_P(ObjectStoreTest, ManyThreadsPutAndDeleteInOneFolder) {
  // The S3 test server keeps objects in folders of its own, which it removes under a writer's feet: there
  // each thread has one.
  const bool one_folder = backend_->replaces_atomically();
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string name = std::to_string(t);
        const std::string path = (one_folder ? "shared/folder/" : "shared/" + name + "/") + name;
        const auto put = store_->Put(path, path);
        if (!put || Read(path) != path || !store_->Delete(path)) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(store_->ListAll("")->empty());
}

INSTANTIATE_TEST_SUITE_P(Backends, ObjectStoreTest, testing::ValuesIn(BackendsForTest()),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace kalam::cold
