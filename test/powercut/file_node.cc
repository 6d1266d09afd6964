#include "file_node.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kalam::powercut {

using rocksdb::IOStatus;
using rocksdb::Slice;

FileNode::FileNode(int fd, std::string real_path, uint64_t size)
    : staged(std::move(real_path)), fd_(fd), size_(size), kept_(size), real_size_(size) {}

FileNode::~FileNode() { close(fd_); }

std::shared_ptr<FileNode> FileNode::Open(const std::string& real_path, bool fresh) {
  const int flags = O_RDWR | O_CLOEXEC | (fresh ? O_CREAT | O_EXCL : 0);
  const int fd = open(real_path.c_str(), flags, 0644);
  if (fd < 0) return nullptr;
  struct stat info{};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return nullptr;
  }
  return std::make_shared<FileNode>(fd, real_path, static_cast<uint64_t>(info.st_size));
}

uint64_t FileNode::size() const {
  const std::lock_guard lock(mu_);
  return size_;
}

uint64_t FileNode::modified_seconds() const {
  struct stat info{};
  fstat(fd_, &info);
  return static_cast<uint64_t>(info.st_mtime);
}

IOStatus FileNode::Read(uint64_t offset, size_t n, char* scratch, size_t* read) const {
  const std::lock_guard lock(mu_);
  *read = 0;
  if (offset >= size_) return IOStatus::OK();
  n = static_cast<size_t>(std::min<uint64_t>(n, size_ - offset));
  std::memset(scratch, 0, n);  // what was never written reads as zeros
  size_t done = 0;
  const size_t real = offset < kept_ ? static_cast<size_t>(std::min<uint64_t>(n, kept_ - offset)) : 0;
  while (done < real) {
    const ssize_t got = pread(fd_, scratch + done, real - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IOStatus::IOError(std::strerror(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  auto it = unsynced_.upper_bound(offset);
  if (it != unsynced_.begin()) --it;
  for (; it != unsynced_.end() && it->first < offset + n; ++it) {
    const uint64_t begin = std::max(it->first, offset);
    const uint64_t end = std::min(it->first + it->second.size(), offset + n);
    if (begin < end)
      std::memcpy(scratch + (begin - offset), it->second.data() + (begin - it->first), end - begin);
  }
  *read = n;
  return IOStatus::OK();
}

void FileNode::Write(uint64_t offset, const Slice& data) {
  if (data.empty()) return;
  const std::lock_guard lock(mu_);
  const uint64_t end = offset + data.size();
  size_ = std::max(size_, end);
  // Nearly always an append to the last extent.
  if (!unsynced_.empty()) {
    auto& [begin, bytes] = *unsynced_.rbegin();
    if (offset == begin + bytes.size()) {
      bytes.append(data.data(), data.size());
      return;
    }
  }
  auto it = unsynced_.upper_bound(offset);
  if (it != unsynced_.begin() && std::prev(it)->first + std::prev(it)->second.size() > offset) --it;
  std::string head;
  std::string tail;
  uint64_t first = offset;
  while (it != unsynced_.end() && it->first < end) {
    const uint64_t it_end = it->first + it->second.size();
    if (it->first < offset) {
      first = it->first;
      head = it->second.substr(0, static_cast<size_t>(offset - it->first));
    }
    if (it_end > end) tail = it->second.substr(static_cast<size_t>(end - it->first));
    it = unsynced_.erase(it);
  }
  unsynced_[first] = head.append(data.data(), data.size()).append(tail);
}

void FileNode::Truncate(uint64_t size) {
  const std::lock_guard lock(mu_);
  size_ = size;
  kept_ = std::min(kept_, size);
  auto it = unsynced_.lower_bound(size);
  unsynced_.erase(it, unsynced_.end());
  if (unsynced_.empty()) return;
  auto& [begin, bytes] = *unsynced_.rbegin();
  if (begin + bytes.size() > size) bytes.resize(static_cast<size_t>(size - begin));
}

IOStatus FileNode::WriteReal(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IOStatus::IOError(std::strerror(errno));
    offset += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
    real_size_ = std::max(real_size_, offset);
  }
  return IOStatus::OK();
}

IOStatus FileNode::Sync() {
  const std::lock_guard lock(mu_);
  const auto cut_to = [this](uint64_t size) {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return IOStatus::IOError(std::strerror(errno));
    real_size_ = size;
    return IOStatus::OK();
  };
  if (real_size_ > kept_) {
    if (IOStatus status = cut_to(kept_); !status.ok()) return status;
  }
  for (const auto& [offset, bytes] : unsynced_) {
    if (IOStatus status = WriteReal(offset, bytes); !status.ok()) return status;
  }
  unsynced_.clear();
  if (real_size_ != size_) {
    if (IOStatus status = cut_to(size_); !status.ok()) return status;
  }
  kept_ = size_;
  return IOStatus::OK();
}

IOStatus FileNode::WriteBack(std::mt19937_64& random) {
  const std::lock_guard lock(mu_);
  if (unsynced_.empty() || real_size_ > kept_) return IOStatus::OK();
  const auto it = unsynced_.begin();
  if (it->first > kept_) return IOStatus::OK();
  const uint64_t offset = it->first;
  std::string bytes = std::move(it->second);
  unsynced_.erase(it);
  const size_t part = std::uniform_int_distribution<size_t>(1, bytes.size())(random);
  if (IOStatus status = WriteReal(offset, std::string_view(bytes).substr(0, part)); !status.ok())
    return status;
  kept_ = std::max(kept_, offset + part);
  if (part < bytes.size()) unsynced_[offset + part] = bytes.substr(part);
  return IOStatus::OK();
}

}  // namespace kalam::powercut
