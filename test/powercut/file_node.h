// FileNode: one file as the process sees it. What was synced lies in a real file; what was not, in memory.
#pragma once

#include <rocksdb/io_status.h>
#include <rocksdb/slice.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>

namespace kalam::powercut {

class FileNode {
 public:
  // Takes over an open descriptor of the real file at `real_path`.
  FileNode(int fd, std::string real_path, uint64_t size);
  ~FileNode();
  FileNode(const FileNode&) = delete;
  FileNode& operator=(const FileNode&) = delete;

  // Opens an existing file, or (`fresh`) makes a new one that must not exist.
  static std::shared_ptr<FileNode> Open(const std::string& real_path, bool fresh);

  uint64_t size() const;
  uint64_t modified_seconds() const;
  // Copies at most `n` bytes into `scratch`; fewer only at the end of the file.
  rocksdb::IOStatus Read(uint64_t offset, size_t n, char* scratch, size_t* read) const;
  void Write(uint64_t offset, const rocksdb::Slice& data);
  void Truncate(uint64_t size);
  // Data and length reach the real file.
  rocksdb::IOStatus Sync();
  // A random part of the unsynced bytes reaches the real file, in order.
  rocksdb::IOStatus WriteBack(std::mt19937_64& random);

  // --- names; guarded by the file system's lock ---

  int links = 0;                     // names that the process sees
  std::set<std::string> real_names;  // durable names on the disk
  std::string staged;                // hidden real name while there is no durable one, else empty
  // Where the real file can be reached.
  const std::string& real_path() const { return real_names.empty() ? staged : *real_names.begin(); }

 private:
  rocksdb::IOStatus WriteReal(uint64_t offset, std::string_view bytes);

  mutable std::mutex mu_;
  const int fd_;
  uint64_t size_;
  uint64_t kept_;  // leading bytes of the real file that still are contents; a truncation lowers it
  uint64_t real_size_;
  std::map<uint64_t, std::string> unsynced_;  // by offset, not overlapping
};

}  // namespace kalam::powercut
