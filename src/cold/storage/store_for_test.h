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

inline std::vector<std::string> BackendsForTest() { return {"filesystem"}; }

inline std::unique_ptr<BackendForTest> MakeBackendForTest(const std::string&) {
  return std::make_unique<FileBackend>();
}

}  // namespace kalam::cold
