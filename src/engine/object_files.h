// ObjectFiles: how the engine reads the objects of storages.
//
// Implemented above the engine. Paths of such files are kalam://<storage>/<object> (FileName in file_set.h);
// it is the only kind of file that the engine which runs statements can open, and no statement can name one.
// Threads: all methods from any thread. Errors come back as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/error.h"

namespace kalam::engine {

// Of the statement that reads.
struct ReadLimits {
  int64_t deadline_nanos = INT64_MAX;  // Clock::MonotonicNanos
  std::stop_token stop;
};

class ObjectFile {
 public:
  virtual ~ObjectFile() = default;
  virtual uint64_t size() const = 0;
  // On this machine: reads in any order are cheap.
  virtual bool is_local() const = 0;
  // Fills all of `out`.
  virtual Status Read(uint64_t offset, std::span<char> out, const ReadLimits& limits = {}) const = 0;
};

class ObjectFiles {
 public:
  virtual ~ObjectFiles() = default;
  // `size` when it is known already.
  virtual Result<std::unique_ptr<ObjectFile>> Open(std::string_view storage_id, std::string_view path,
                                                   std::optional<uint64_t> size,
                                                   const ReadLimits& limits) const = 0;
};

}  // namespace kalam::engine
