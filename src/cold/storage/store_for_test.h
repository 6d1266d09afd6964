// The backends as the tests of cold open them.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cold/storage/file_object_store.h"
#include "cold/storage/s3_object_store.h"
#include "cold/storage/s3_server_for_test.h"

namespace kalam::cold {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-cold-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A store that is empty at first, and what it needs to live.
class BackendForTest {
 public:
  virtual ~BackendForTest() = default;
  virtual ObjectStorePtr store() = 0;
  virtual std::string id() const = 0;
  // Real stores do; a test server may not.
  virtual bool replaces_atomically() const { return true; }
};

class FileBackend final : public BackendForTest {
 public:
  FileBackend() {
    auto opened = FileObjectStore::Open(id(), folder_.path() + "/store", "test", clock_);
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = *opened;
  }
  ObjectStorePtr store() override { return store_; }
  std::string id() const override { return "files"; }

 private:
  SystemClock clock_;
  TempFolder folder_;
  std::shared_ptr<FileObjectStore> store_;
};

class S3Backend final : public BackendForTest {
 public:
  S3Backend()
      : store_(std::make_shared<S3ObjectStore>(id(), S3ServerForTest::Shared().Options(folder_.path()),
                                               clock_)) {}
  ObjectStorePtr store() override { return store_; }
  std::string id() const override { return "bucket"; }
  bool replaces_atomically() const override { return false; }

 private:
  SystemClock clock_;
  TempFolder folder_;
  std::shared_ptr<S3ObjectStore> store_;
};

inline std::vector<std::string> BackendsForTest() { return {"filesystem", "s3"}; }

inline std::unique_ptr<BackendForTest> MakeBackendForTest(const std::string& name) {
  if (name == "s3") return std::make_unique<S3Backend>();
  return std::make_unique<FileBackend>();
}

}  // namespace kalam::cold
