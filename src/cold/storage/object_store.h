// ObjectStore: named immutable files in a folder or an S3 bucket, behind one interface.
//
// Purpose: what the cold tier, backups and exports need of a storage and nothing more: put an object whole or
//   not at all, read ranges, look at one, list by prefix, delete. Paths are relative to the storage's root.
// Owner: cold::StorageResolver; callers hold a shared_ptr for as long as they use it.
// Threads: every method is thread-safe and blocks; call them from worker or job threads, never from I/O
//   threads.
// Errors: kNotFound when the object is absent; kInvalidOperation for a path that is no object path; kDeadline
//   and kCancelled from the call's limits; kUnavailable when a remote store cannot be reached or stays busy;
//   kIo for everything else that a disk or a store refuses. Every error names the storage, has the details
//   `storage_id`, `operation` and `storage_error` (a short code: no_space, access_denied, timeout, ...), and
//   never holds a secret.
// Limits: paths of 1024 bytes with parts of 255 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalam::cold {

struct ObjectInfo {
  std::string path;
  uint64_t size = 0;
  // Changes when the content does. Opaque; S3's ETag without its quotes, or size and time of a file.
  std::string etag;
  int64_t modified_at_ms = 0;
};

struct ListPage {
  std::vector<ObjectInfo> objects;  // by path, in byte order
  std::string next;                 // `after` of the next page; empty = this was the last one
};

// Limits of one call, all attempts together.
struct StoreCall {
  int64_t deadline_nanos = INT64_MAX;  // Clock::MonotonicNanos
  std::stop_token stop;
};

// What becomes of a local file that was put.
enum class LocalFile : uint8_t {
  kKeep,
  kConsume,  // it is gone when PutFile succeeded; on one file system it is moved, not copied
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // The object is there, whole and durable, when these return success, and unchanged or absent otherwise. An
  // object of that path is replaced; readers see the old or the new one.
  virtual Result<ObjectInfo> Put(std::string_view path, std::string_view bytes,
                                 const StoreCall& call = {}) = 0;
  virtual Result<ObjectInfo> PutFile(std::string_view path, const std::string& local_file, LocalFile fate,
                                     const StoreCall& call = {}) = 0;

  // Fills all of `out`; kIo with storage_error `truncated` when the object ends before.
  virtual Status GetRange(std::string_view path, uint64_t offset, std::span<char> out,
                          const StoreCall& call = {}) = 0;
  virtual Result<ObjectInfo> Head(std::string_view path, const StoreCall& call = {}) = 0;
  // Objects whose path starts with `prefix` (any text, "" = all) and is greater than `after`; at most `limit`
  // (1..1000) of them.
  virtual Result<ListPage> List(std::string_view prefix, std::string_view after, size_t limit,
                                const StoreCall& call = {}) = 0;
  // Success when the object is gone, also when it was never there.
  virtual Status Delete(std::string_view path, const StoreCall& call = {}) = 0;

  // The object as a file of this machine, when it is one.
  virtual std::optional<std::string> LocalPath(std::string_view path) const = 0;
  // An existing folder for local files on their way into the store. Files in it are this process's own and
  // are removed at the next start. A file from here is consumed without a copy where that is possible.
  virtual const std::string& staging_folder() const = 0;
  virtual const std::string& storage_id() const = 0;

  // The whole object; kLimitExceeded beyond `bytes_max`.
  Result<std::string> Get(std::string_view path, size_t bytes_max, const StoreCall& call = {});
  // Objects below the prefix, all pages.
  Result<std::vector<ObjectInfo>> ListAll(std::string_view prefix, const StoreCall& call = {});
};

using ObjectStorePtr = std::shared_ptr<ObjectStore>;

}  // namespace kalam::cold
