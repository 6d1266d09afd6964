#include "cold/storage/file_object_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "cold/storage/object_path.h"
#include "cold/storage/store_error.h"

namespace kalam::cold {
namespace {

constexpr size_t kCopyBytes = 1u << 20;
constexpr mode_t kFolderMode = 0750;
constexpr mode_t kFileMode = 0640;
// A Delete may remove a folder between its making and the rename into it; each round needs another such
// Delete.
constexpr int kPublishAttempts = 100;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { Close(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // False with errno when the file system reports a late error.
  bool Close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Removes the file unless it was published.
class StagedFile {
 public:
  explicit StagedFile(std::string path) : path_(std::move(path)) {}
  ~StagedFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;
  const std::string& path() const { return path_; }
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

// 0 or errno.
int SyncFolder(const std::string& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return errno;
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the folder and those above it; each new entry is durable. 0 or errno.
int MakeFolders(const std::string& folder) {
  struct stat st;
  if (::stat(folder.c_str(), &st) == 0) return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  if (errno != ENOENT) return errno;
  const std::string parent = ParentOf(folder);
  if (const int failed = MakeFolders(parent); failed != 0) return failed;
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) return errno;
  return SyncFolder(parent);
}

// 0 or errno.
int WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

ObjectInfo InfoOf(std::string_view path, const struct stat& st) {
  ObjectInfo info;
  info.path = path;
  info.size = static_cast<uint64_t>(st.st_size);
  info.modified_at_ms = st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1'000'000;
  info.etag =
      fmt::format("{:x}-{:x}.{:x}-{:x}", st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ino);
  return info;
}

struct Entry {
  std::string name;  // a folder's ends in '/', which gives the byte order of whole paths
  bool is_folder = false;
};

// 0 or errno. Files and folders only.
int ReadFolder(const std::string& folder, std::vector<Entry>& out) {
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) return errno;
  errno = 0;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat st;
    if (::stat((folder + "/" + entry->d_name).c_str(), &st) != 0) continue;  // gone meanwhile
    if (S_ISDIR(st.st_mode)) out.push_back({std::string(name) + "/", true});
    if (S_ISREG(st.st_mode)) out.push_back({std::string(name), false});
    errno = 0;
  }
  const int failed = errno;
  ::closedir(dir);
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return failed;
}

// Collects objects in byte order of their paths until there are `wanted` of them.
class Lister {
 public:
  Lister(const std::string& root, std::string_view prefix, std::string_view after, size_t wanted)
      : root_(root), prefix_(prefix), after_(after), wanted_(wanted) {}

  // `folder`: "" or a path with a slash at the end. 0 or errno.
  int Walk(const std::string& folder) {
    std::vector<Entry> entries;
    const int failed = ReadFolder(root_ + "/" + folder, entries);
    if (failed == ENOENT || failed == ENOTDIR) return 0;
    if (failed != 0) return failed;
    for (const Entry& entry : entries) {
      if (found_.size() >= wanted_) return 0;
      const std::string path = folder + entry.name;
      if (folder.empty() && entry.is_folder && entry.name == std::string(kReservedPart) + "/") continue;
      if (entry.is_folder) {
        const bool may_match = path.starts_with(prefix_) || prefix_.starts_with(path);
        if (!may_match || (path < after_ && !after_.starts_with(path))) continue;
        if (const int below = Walk(path); below != 0) return below;
        continue;
      }
      if (!path.starts_with(prefix_) || path <= after_) continue;
      struct stat st;
      if (::stat((root_ + "/" + path).c_str(), &st) == 0) found_.push_back(InfoOf(path, st));
    }
    return 0;
  }

  std::vector<ObjectInfo> Take() { return std::move(found_); }

 private:
  const std::string& root_;
  const std::string_view prefix_;
  const std::string_view after_;
  const size_t wanted_;
  std::vector<ObjectInfo> found_;
};

}  // namespace

FileObjectStore::FileObjectStore(std::string storage_id, std::string root, std::string staging,
                                 const Clock& clock)
    : storage_id_(std::move(storage_id)),
      root_(std::move(root)),
      staging_(std::move(staging)),
      clock_(clock) {}

Result<std::shared_ptr<FileObjectStore>> FileObjectStore::Open(std::string storage_id, std::string root,
                                                               std::string_view owner, const Clock& clock) {
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  std::string staging = fmt::format("{}/{}/{}", root, kReservedPart, EscapePart(owner));
  if (root.empty() || root.front() != '/') {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("Storage '{}': the base directory '{}' is not an absolute path", storage_id, root));
  }
  if (const int failed = MakeFolders(staging); failed != 0) {
    const StoreOperation operation{storage_id, "create folders for", root};
    return Fail(FileError(operation, failed == ENOENT ? EIO : failed));
  }
  return std::shared_ptr<FileObjectStore>(
      new FileObjectStore(std::move(storage_id), std::move(root), std::move(staging), clock));
}

Status FileObjectStore::SweepStaging() {
  std::vector<Entry> entries;
  const StoreOperation operation{storage_id_, "sweep", staging_};
  if (const int failed = ReadFolder(staging_, entries); failed != 0)
    return Fail(FileError(operation, failed));
  for (const Entry& entry : entries) {
    if (entry.is_folder) continue;
    if (::unlink((staging_ + "/" + entry.name).c_str()) != 0 && errno != ENOENT) {
      return Fail(FileError(operation, errno));
    }
  }
  return {};
}

std::string FileObjectStore::FullPath(std::string_view path) const {
  return fmt::format("{}/{}", root_, path);
}

std::string FileObjectStore::NewStagingFile() {
  static std::atomic<uint64_t> next{0};  // several stores of one process may share a staging folder
  return fmt::format("{}/put-{}-{}", staging_, ::getpid(), next.fetch_add(1));
}

Result<ObjectInfo> FileObjectStore::Publish(const std::string& staged, std::string_view path,
                                            std::string_view name) {
  const StoreOperation operation{storage_id_, name, path};
  const std::string target = FullPath(path);
  const std::string folder = ParentOf(target);
  int failed = 0;
  for (int attempt = 0; attempt < kPublishAttempts; ++attempt) {
    failed = MakeFolders(folder);
    if (failed == 0) {
      if (::rename(staged.c_str(), target.c_str()) == 0) break;
      failed = errno;
    }
    if (failed != ENOENT) break;
  }
  if (failed == ENOTDIR || failed == EISDIR || failed == ENOTEMPTY || failed == EEXIST) {
    return Fail(StoreError(ErrorCode::kIo, operation, "name_taken",
                           "an object and a folder cannot have the same name on a file system"));
  }
  if (failed != 0) return Fail(FileError(operation, failed == ENOENT ? EIO : failed));
  if (const int unsynced = SyncFolder(folder); unsynced != 0) return Fail(FileError(operation, unsynced));
  struct stat st;
  if (::stat(target.c_str(), &st) != 0) return Fail(FileError(operation, errno));
  return InfoOf(path, st);
}

Result<ObjectInfo> FileObjectStore::Put(std::string_view path, std::string_view bytes,
                                        const StoreCall& call) {
  const StoreOperation operation{storage_id_, "put", path};
  KALAM_TRY(ValidateObjectPath(path));
  KALAM_TRY(CheckCall(call, clock_, operation));
  StagedFile staged(NewStagingFile());
  Fd fd(::open(staged.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!fd.ok()) return Fail(FileError(operation, errno == ENOENT ? EIO : errno));
  if (const int failed = WriteAll(fd.get(), bytes); failed != 0) return Fail(FileError(operation, failed));
  if (::fsync(fd.get()) != 0 || !fd.Close()) return Fail(FileError(operation, errno));
  KALAM_ASSIGN(ObjectInfo info, Publish(staged.path(), path, operation.name));
  staged.Keep();
  return info;
}

Result<ObjectInfo> FileObjectStore::PutFile(std::string_view path, const std::string& local_file,
                                            LocalFile fate, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "put", path};
  KALAM_TRY(ValidateObjectPath(path));
  KALAM_TRY(CheckCall(call, clock_, operation));
  const Fd in(::open(local_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.ok()) {
    return Fail(StoreError(ErrorCode::kIo, operation, "local_file",
                           fmt::format("the local file '{}' cannot be opened", local_file)));
  }
  struct stat local, target;
  if (::fstat(in.get(), &local) != 0 || ::stat(staging_.c_str(), &target) != 0) {
    return Fail(FileError(operation, errno == ENOENT ? EIO : errno));
  }
  if (fate == LocalFile::kConsume && local.st_dev == target.st_dev) {
    if (::fsync(in.get()) != 0) return Fail(FileError(operation, errno));
    return Publish(local_file, path, operation.name);
  }
  StagedFile staged(NewStagingFile());
  Fd out(::open(staged.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!out.ok()) return Fail(FileError(operation, errno == ENOENT ? EIO : errno));
  std::string buffer(kCopyBytes, '\0');
  for (;;) {
    KALAM_TRY(CheckCall(call, clock_, operation));
    const ssize_t n = ::read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(FileError(operation, errno));
    if (n == 0) break;
    const int failed = WriteAll(out.get(), std::string_view(buffer).substr(0, static_cast<size_t>(n)));
    if (failed != 0) return Fail(FileError(operation, failed));
  }
  if (::fsync(out.get()) != 0 || !out.Close()) return Fail(FileError(operation, errno));
  KALAM_ASSIGN(ObjectInfo info, Publish(staged.path(), path, operation.name));
  staged.Keep();
  if (fate == LocalFile::kConsume) ::unlink(local_file.c_str());
  return info;
}

Status FileObjectStore::GetRange(std::string_view path, uint64_t offset, std::span<char> out,
                                 const StoreCall& call) {
  const StoreOperation operation{storage_id_, "get", path};
  KALAM_TRY(ValidateObjectPath(path));
  KALAM_TRY(CheckCall(call, clock_, operation));
  const Fd fd(::open(FullPath(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return Fail(FileError(operation, errno));
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(FileError(operation, errno == EISDIR ? ENOENT : errno));
    if (n == 0) {
      return Fail(StoreError(ErrorCode::kIo, operation, "truncated",
                             fmt::format("it ends before byte {}", offset + out.size())));
    }
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<ObjectInfo> FileObjectStore::Head(std::string_view path, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "head", path};
  KALAM_TRY(ValidateObjectPath(path));
  KALAM_TRY(CheckCall(call, clock_, operation));
  struct stat st;
  if (::stat(FullPath(path).c_str(), &st) != 0) return Fail(FileError(operation, errno));
  if (!S_ISREG(st.st_mode)) return Fail(NoSuchObject(operation));
  return InfoOf(path, st);
}

Result<ListPage> FileObjectStore::List(std::string_view prefix, std::string_view after, size_t limit,
                                       const StoreCall& call) {
  const StoreOperation operation{storage_id_, "list", prefix};
  KALAM_TRY(CheckCall(call, clock_, operation));
  ListPage page;
  const size_t slash = prefix.rfind('/');
  std::string folder(slash == std::string_view::npos ? std::string_view() : prefix.substr(0, slash));
  if (!folder.empty()) {
    if (!ValidateObjectPath(folder)) return page;  // no object can match
    folder += '/';
  }
  const size_t wanted = std::clamp<size_t>(limit, 1, 1000);
  Lister lister(root_, prefix, after, wanted + 1);
  if (const int failed = lister.Walk(folder); failed != 0) return Fail(FileError(operation, failed));
  page.objects = lister.Take();
  if (page.objects.size() > wanted) {
    page.objects.resize(wanted);
    page.next = page.objects.back().path;
  }
  return page;
}

Status FileObjectStore::Delete(std::string_view path, const StoreCall& call) {
  const StoreOperation operation{storage_id_, "delete", path};
  KALAM_TRY(ValidateObjectPath(path));
  KALAM_TRY(CheckCall(call, clock_, operation));
  const std::string target = FullPath(path);
  if (::unlink(target.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) return {};
    return Fail(FileError(operation, errno));
  }
  std::string folder = ParentOf(target);
  while (folder.size() > root_.size() && ::rmdir(folder.c_str()) == 0) folder = ParentOf(folder);
  if (const int failed = SyncFolder(folder); failed != 0 && failed != ENOENT) {
    return Fail(FileError(operation, failed));
  }
  return {};
}

std::optional<std::string> FileObjectStore::LocalPath(std::string_view path) const {
  if (!ValidateObjectPath(path)) return std::nullopt;
  return FullPath(path);
}

}  // namespace kalam::cold
