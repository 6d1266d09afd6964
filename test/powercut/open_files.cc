#include "open_files.h"

#include <chrono>
#include <functional>
#include <thread>

namespace kalam::powercut {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus Dead() { return IOStatus::IOError("the power is cut"); }

IOStatus ReadInto(const PowerCutFileSystem& fs, const FileNode& node, uint64_t offset, size_t n,
                  Slice* result, char* scratch) {
  if (fs.is_cut()) return Dead();
  size_t read = 0;
  IOStatus status = node.Read(offset, n, scratch, &read);
  *result = Slice(scratch, read);
  return status;
}

IOStatus SyncNode(const PowerCutFileSystem& fs, FileNode& node, bool lies) {
  if (fs.options().sync_micros > 0)
    std::this_thread::sleep_for(std::chrono::microseconds(fs.options().sync_micros));
  if (fs.is_cut()) return Dead();
  return lies ? IOStatus::OK() : node.Sync();
}

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  SequentialFile(PowerCutFileSystem& fs, std::shared_ptr<FileNode> node) : fs_(fs), node_(std::move(node)) {}

  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    IOStatus status = ReadInto(fs_, *node_, position_, n, result, scratch);
    position_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t n) override {
    position_ += n;
    return IOStatus::OK();
  }

 private:
  PowerCutFileSystem& fs_;
  const std::shared_ptr<FileNode> node_;
  uint64_t position_ = 0;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccessFile(PowerCutFileSystem& fs, std::shared_ptr<FileNode> node)
      : fs_(fs), node_(std::move(node)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return ReadInto(fs_, *node_, offset, n, result, scratch);
  }

 private:
  PowerCutFileSystem& fs_;
  const std::shared_ptr<FileNode> node_;
};

class WritableFile : public rocksdb::FSWritableFile {
 public:
  WritableFile(PowerCutFileSystem& fs, std::shared_ptr<FileNode> node, uint64_t position,
               const std::string& name, const FileOptions& options)
      : FSWritableFile(options),
        fs_(fs),
        node_(std::move(node)),
        lies_(fs.options().lie == Lie::kFiles || (fs.options().lie == Lie::kLogs && name.ends_with(".log"))),
        position_(position),
        random_(fs.options().seed ^ std::hash<std::string>()(name)) {}

  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    if (fs_.is_cut()) return Dead();
    node_->Write(position_, data);
    position_ += data.size();
    const auto dice = static_cast<int>(random_() % 100);
    return dice < fs_.options().writeback_percent ? node_->WriteBack(random_) : IOStatus::OK();
  }
  using FSWritableFile::Append;
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    if (fs_.is_cut()) return Dead();
    node_->Truncate(size);
    position_ = std::min(position_, size);
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return fs_.is_cut() ? Dead() : IOStatus::OK();
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return fs_.is_cut() ? Dead() : IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return SyncNode(fs_, *node_, lies_); }
  // sync_file_range writes no metadata: a length that it does not write makes the bytes unreachable. So it
  // promises nothing.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return position_; }

 private:
  PowerCutFileSystem& fs_;
  const std::shared_ptr<FileNode> node_;
  const bool lies_;
  uint64_t position_;
  std::mt19937_64 random_;
};

class RandomRWFile : public rocksdb::FSRandomRWFile {
 public:
  RandomRWFile(PowerCutFileSystem& fs, std::shared_ptr<FileNode> node) : fs_(fs), node_(std::move(node)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions&, IODebugContext*) override {
    if (fs_.is_cut()) return Dead();
    node_->Write(offset, data);
    return IOStatus::OK();
  }
  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return ReadInto(fs_, *node_, offset, n, result, scratch);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return fs_.is_cut() ? Dead() : IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return SyncNode(fs_, *node_, fs_.options().lie == Lie::kFiles);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  PowerCutFileSystem& fs_;
  const std::shared_ptr<FileNode> node_;
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(PowerCutFileSystem& fs, std::string folder) : fs_(fs), folder_(std::move(folder)) {}

  // FsyncWithDirOptions calls this one: whether the reason is a new or a renamed file makes no difference.
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return fs_.SyncFolder(folder_); }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  PowerCutFileSystem& fs_;
  const std::string folder_;
};

}  // namespace

std::unique_ptr<rocksdb::FSSequentialFile> MakeSequentialFile(PowerCutFileSystem& fs,
                                                              std::shared_ptr<FileNode> node) {
  return std::make_unique<SequentialFile>(fs, std::move(node));
}

std::unique_ptr<rocksdb::FSRandomAccessFile> MakeRandomAccessFile(PowerCutFileSystem& fs,
                                                                  std::shared_ptr<FileNode> node) {
  return std::make_unique<RandomAccessFile>(fs, std::move(node));
}

std::unique_ptr<rocksdb::FSWritableFile> MakeWritableFile(PowerCutFileSystem& fs,
                                                          std::shared_ptr<FileNode> node, uint64_t position,
                                                          const std::string& name,
                                                          const FileOptions& options) {
  return std::make_unique<WritableFile>(fs, std::move(node), position, name, options);
}

std::unique_ptr<rocksdb::FSRandomRWFile> MakeRandomRWFile(PowerCutFileSystem& fs,
                                                          std::shared_ptr<FileNode> node) {
  return std::make_unique<RandomRWFile>(fs, std::move(node));
}

std::unique_ptr<rocksdb::FSDirectory> MakeDirectory(PowerCutFileSystem& fs, std::string folder) {
  return std::make_unique<Directory>(fs, std::move(folder));
}

}  // namespace kalam::powercut
