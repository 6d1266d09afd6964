// ZipFile: writes a zip archive (deflate) to a local file, entry by entry.
//
// One thread. Errors: kIo naming the file; kLimitExceeded beyond 4 GiB or 65,535 entries, which the plain
// format ends at.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::jobs {

class ZipFile {
 public:
  static Result<std::unique_ptr<ZipFile>> Create(std::string path);
  ~ZipFile();
  ZipFile(const ZipFile&) = delete;
  ZipFile& operator=(const ZipFile&) = delete;

  // Names are relative, with '/' between folders.
  Status BeginEntry(std::string name);
  Status Write(std::string_view bytes);
  Status EndEntry();
  // Writes the directory and syncs the file. Nothing can be added afterwards.
  Status Finish();

  uint64_t bytes() const;

 private:
  struct State;
  explicit ZipFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kalam::jobs
