#include "cold/object_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "cold/verified_object.h"

namespace kalam::cold {
namespace {

constexpr size_t kRecentChecksums = 64;

class LocalObject final : public engine::ObjectFile {
 public:
  LocalObject(int descriptor, uint64_t size, std::string name)
      : descriptor_(descriptor), size_(size), name_(std::move(name)) {}
  ~LocalObject() override { close(descriptor_); }
  LocalObject(const LocalObject&) = delete;
  LocalObject& operator=(const LocalObject&) = delete;

  uint64_t size() const override { return size_; }
  bool is_local() const override { return true; }
  Status Read(uint64_t offset, std::span<char> out, const engine::ReadLimits&) const override {
    while (!out.empty()) {
      const ssize_t count = pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        return Fail(ErrorCode::kIo,
                    fmt::format("{} cannot be read: {}", name_, std::generic_category().message(errno)));
      }
      if (count == 0) {
        return Fail(ErrorCode::kCorruption,
                    fmt::format("{} ends at byte {}, more was expected", name_, offset));
      }
      offset += static_cast<uint64_t>(count);
      out = out.subspan(static_cast<size_t>(count));
    }
    return {};
  }

 private:
  const int descriptor_;
  const uint64_t size_;
  const std::string name_;
};

class RemoteObject final : public engine::ObjectFile {
 public:
  RemoteObject(ObjectStorePtr store, std::string path, uint64_t size)
      : store_(std::move(store)), path_(std::move(path)), size_(size) {}
  uint64_t size() const override { return size_; }
  bool is_local() const override { return false; }
  Status Read(uint64_t offset, std::span<char> out, const engine::ReadLimits& limits) const override {
    return store_->GetRange(path_, offset, out, {limits.deadline_nanos, limits.stop});
  }

 private:
  const ObjectStorePtr store_;
  const std::string path_;
  const uint64_t size_;
};

}  // namespace

namespace {

Result<std::unique_ptr<engine::ObjectFile>> OpenLocal(const std::string& file, const std::string& name) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (descriptor < 0 || fstat(descriptor, &info) != 0) {
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    return Fail(error == ENOENT ? ErrorCode::kCorruption : ErrorCode::kIo,
                fmt::format("{} cannot be opened: {}", name, std::generic_category().message(error)));
  }
  return std::make_unique<LocalObject>(descriptor, static_cast<uint64_t>(info.st_size), name);
}

}  // namespace

Result<BlockChecksumsPtr> ObjectReader::ChecksumsOf(std::string_view path) const {
  const std::optional<uint64_t> id = SegmentIdOfPath(path);
  if (!id) return nullptr;
  {
    std::lock_guard lock(mu_);
    for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
      if (entry->first != *id) continue;
      recent_.splice(recent_.begin(), recent_, entry);
      return entry->second;
    }
  }
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kMeta, BlockChecksumKey(*id), bytes));
  if (!found) return nullptr;
  KALAM_ASSIGN(BlockChecksums decoded, DecodeBlockChecksums(bytes.bytes()));
  auto checksums = std::make_shared<const BlockChecksums>(std::move(decoded));
  std::lock_guard lock(mu_);
  recent_.emplace_front(*id, checksums);
  if (recent_.size() > kRecentChecksums) recent_.pop_back();
  return checksums;
}

Result<std::unique_ptr<engine::ObjectFile>> ObjectReader::Open(std::string_view storage_id,
                                                               std::string_view path,
                                                               std::optional<uint64_t> size,
                                                               const engine::ReadLimits& limits) const {
  KALAM_ASSIGN(ObjectStorePtr store, storages_.StoreOf(storage_id));
  KALAM_ASSIGN(BlockChecksumsPtr checksums, ChecksumsOf(path));
  std::string name = fmt::format("Object '{}' of storage '{}'", path, storage_id);
  std::unique_ptr<engine::ObjectFile> object;
  if (const std::optional<std::string> file = store->LocalPath(path)) {
    KALAM_ASSIGN(object, OpenLocal(*file, name));
  } else {
    if (!size && checksums != nullptr) size = checksums->file_bytes;
    if (!size) {
      KALAM_ASSIGN(const ObjectInfo info, store->Head(path, {limits.deadline_nanos, limits.stop}));
      size = info.size;
    }
    object = std::make_unique<RemoteObject>(std::move(store), std::string(path), *size);
  }
  if (checksums == nullptr) return object;
  return VerifiedObject::Wrap(std::move(object), std::move(checksums), std::move(name));
}

}  // namespace kalam::cold
