// PowerCutFileSystem: a file system under RocksDB on which `kill -9` is a power cut.
//
// Purpose: what a process wrote but did not sync survives its death, because the kernel keeps it; what a
// machine wrote but did not sync does not survive a power cut. This layer keeps everything unsynced in this
// process, so that it dies with it:
//   - file data (and truncation) reaches the disk only by Sync or Fsync of that file;
//   - created, renamed, linked and deleted names reach the disk only by an fsync of their folder, in the
//   order in which they happened;
//   - a created folder itself counts only after an fsync of its parent.
// Reads see the newest state, as they do through a page cache. RangeSync promises nothing (sync_file_range
// does not write metadata), nor does Close. LOCK and the info logs (LOG*) pass through: nobody reads them for
// recovery. Use: one instance per process over `root`; constructing it "mounts" the folder, which removes
// what a cut left half done. Paths outside of root pass through. Threads: safe. One lock guards names, one
// per file guards data.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace kalam::powercut {

// Ways of a disk that lies, to prove that a test would notice: with any of them acknowledged writes must be
// found missing.
enum class Lie : uint8_t {
  kNone,
  kLogs,     // syncs of write-ahead logs (*.log) are not done
  kFiles,    // syncs of any file are not done
  kFolders,  // fsyncs of folders are not done
};

struct PowerCutOptions {
  Lie lie = Lie::kNone;
  // Chance in percent that an append also writes some unsynced bytes to the disk, as a kernel does in its own
  // time. Torn tails come from it.
  int writeback_percent = 0;
  uint64_t seed = 1;
  // How long a sync takes, so that a kill often meets one.
  int sync_micros = 0;
};

class FileNode;
class FolderNode;

class PowerCutFileSystem : public rocksdb::FileSystemWrapper {
 public:
  PowerCutFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base, const std::string& root,
                     const PowerCutOptions& options);
  ~PowerCutFileSystem() override;

  const char* Name() const override { return "PowerCutFileSystem"; }

  // For tests in one process: from now on every operation fails, and nothing more reaches the disk.
  void Cut() { cut_ = true; }
  bool is_cut() const { return cut_; }
  const PowerCutOptions& options() const { return options_; }

  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using FileOptions = rocksdb::FileOptions;
  using IODebugContext = rocksdb::IODebugContext;

  IOStatus NewSequentialFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* dbg) override;
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* dbg) override;
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus NewRandomRWFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* result, IODebugContext* dbg) override;
  IOStatus NewMemoryMappedFileBuffer(const std::string& name,
                                     std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* result) override;
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* dbg) override;
  IOStatus FileExists(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus GetChildren(const std::string& folder, const IOOptions& options, std::vector<std::string>* result,
                       IODebugContext* dbg) override;
  IOStatus GetChildrenFileAttributes(const std::string& folder, const IOOptions& options,
                                     std::vector<rocksdb::FileAttributes>* result,
                                     IODebugContext* dbg) override;
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Truncate(const std::string& name, size_t size, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus CreateDir(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options,
                              IODebugContext* dbg) override;
  IOStatus DeleteDir(const std::string& name, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus GetFileSize(const std::string& name, const IOOptions& options, uint64_t* size,
                       IODebugContext* dbg) override;
  IOStatus GetFileModificationTime(const std::string& name, const IOOptions& options, uint64_t* time,
                                   IODebugContext* dbg) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override;
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus NumFileLinks(const std::string& name, const IOOptions& options, uint64_t* count,
                        IODebugContext* dbg) override;
  IOStatus AreFilesSame(const std::string& first, const std::string& second, const IOOptions& options,
                        bool* same, IODebugContext* dbg) override;

  // The fsync of a folder: its names, as they are now, become durable.
  IOStatus SyncFolder(const std::string& folder);

 private:
  bool PassesThrough(const std::string& path) const;
  IOStatus Alive() const;
  FolderNode& Folder(const std::string& folder);            // needs mu_
  std::shared_ptr<FileNode> Find(const std::string& path);  // needs mu_; nullptr = no such file
  std::shared_ptr<FileNode> FindOrCreate(const std::string& path, IOStatus& status);  // needs mu_
  std::vector<std::string> Children(const std::string& folder);                       // needs mu_
  IOStatus ApplyPending(const std::string& folder);                                   // needs mu_

  const std::string root_;
  const PowerCutOptions options_;
  std::atomic<bool> cut_{false};
  std::mutex mu_;
  std::map<std::string, std::unique_ptr<FolderNode>> folders_;
  uint64_t next_file_ = 1;
};

// Removes what a cut left in `root`: files and folders whose names were never made durable. The constructor
// does it.
void RemoveUndurable(const std::string& root);

// Options from the environment: KALAM_POWERCUT_LIE (logs, files, folders), _WRITEBACK (percent), _SEED,
// _SYNC_MICROS.
PowerCutOptions OptionsFromEnvironment();

}  // namespace kalam::powercut
