#include "power_cut_fs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <utility>

#include "file_node.h"
#include "open_files.h"

namespace kalam::powercut {

namespace fs = std::filesystem;
using rocksdb::IOStatus;

namespace {

constexpr std::string_view kHidden = ".powercut-";
constexpr std::string_view kStagedFile = ".powercut-file-";
constexpr std::string_view kUndurableFolder =
    ".powercut-undurable";  // lies in a folder whose own name is not durable

std::string Normal(const std::string& path) {
  std::string text = fs::absolute(path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string ParentOf(const std::string& path) { return fs::path(path).parent_path().string(); }
std::string NameOf(const std::string& path) { return fs::path(path).filename().string(); }

IOStatus SystemError(const std::string& what) {
  const std::string text = what + ": " + std::strerror(errno);
  return errno == ENOENT ? IOStatus::PathNotFound(text) : IOStatus::IOError(text);
}

IOStatus Missing(const std::string& path) { return IOStatus::PathNotFound(path + ": no such file"); }

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

// A folder as the process sees it, against what lies on the disk.
class FolderNode {
 public:
  enum class OpKind : uint8_t { kLink, kUnlink, kRename, kMakeFolder };
  struct Op {
    OpKind kind;
    std::string name;
    std::string to = {};                      // kRename
    std::shared_ptr<FileNode> node = {};      // the file that moves, appears or goes
    std::shared_ptr<FileNode> replaced = {};  // kRename: the file that had the new name
  };

  std::map<std::string, std::shared_ptr<FileNode>> files;  // seen so far; others may lie on the disk
  std::set<std::string> gone;                              // on the disk, but no more for the process
  std::vector<Op> pending;                                 // not durable yet, oldest first
  std::set<std::string> joined;  // folders that share a rename with this one; they become durable together
};

PowerCutFileSystem::PowerCutFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base,
                                       const std::string& root, const PowerCutOptions& options)
    : FileSystemWrapper(base), root_(Normal(root)), options_(options) {
  RemoveUndurable(root_);
}

PowerCutFileSystem::~PowerCutFileSystem() = default;

bool PowerCutFileSystem::PassesThrough(const std::string& path) const {
  if (!path.starts_with(root_ + "/")) return true;
  const std::string name = NameOf(path);
  return name == "LOCK" || name == "LOG" || name.starts_with("LOG.old");
}

IOStatus PowerCutFileSystem::Alive() const {
  return cut_ ? IOStatus::IOError("the power is cut") : IOStatus::OK();
}

FolderNode& PowerCutFileSystem::Folder(const std::string& folder) {
  auto& node = folders_[folder];
  if (node == nullptr) node = std::make_unique<FolderNode>();
  return *node;
}

std::shared_ptr<FileNode> PowerCutFileSystem::Find(const std::string& path) {
  FolderNode& folder = Folder(ParentOf(path));
  const std::string name = NameOf(path);
  if (const auto it = folder.files.find(name); it != folder.files.end()) return it->second;
  if (folder.gone.contains(name)) return nullptr;
  auto node = FileNode::Open(path, false);
  if (node == nullptr) return nullptr;
  node->staged.clear();
  node->real_names.insert(path);
  node->links = 1;
  folder.files[name] = node;
  return node;
}

std::shared_ptr<FileNode> PowerCutFileSystem::FindOrCreate(const std::string& path, IOStatus& status) {
  if (auto node = Find(path)) return node;
  const std::string parent = ParentOf(path);
  const std::string staged =
      parent + "/" + std::string(kStagedFile) + std::to_string(getpid()) + "-" + std::to_string(next_file_++);
  auto node = FileNode::Open(staged, true);
  if (node == nullptr) {
    status = SystemError(path);
    return nullptr;
  }
  node->links = 1;
  FolderNode& folder = Folder(parent);
  folder.files[NameOf(path)] = node;
  folder.pending.push_back({.kind = FolderNode::OpKind::kLink, .name = NameOf(path), .node = node});
  return node;
}

std::vector<std::string> PowerCutFileSystem::Children(const std::string& path) {
  FolderNode& folder = Folder(path);
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kHidden) && !folder.gone.contains(name)) names.insert(name);
  }
  for (const auto& [name, node] : folder.files) names.insert(name);
  return {names.begin(), names.end()};
}

// --- what an fsync of a folder does ---

namespace {

// The durable name `path` of `node` is about to go. A file that still has another name for the process keeps
// a hidden one.
IOStatus ReleaseName(const std::shared_ptr<FileNode>& node, const std::string& path, uint64_t& next_file) {
  if (node == nullptr || node->real_names.erase(path) == 0) return IOStatus::OK();
  if (!node->real_names.empty() || node->links == 0) return IOStatus::OK();
  node->staged = ParentOf(path) + "/" + std::string(kStagedFile) + std::to_string(getpid()) + "-" +
                 std::to_string(next_file++);
  return link(path.c_str(), node->staged.c_str()) == 0 ? IOStatus::OK() : SystemError(path);
}

IOStatus GiveName(FileNode& node, const std::string& path, uint64_t& next_file) {
  std::string from = node.staged;
  if (!node.real_names.empty()) {
    from = ParentOf(path) + "/" + std::string(kHidden) + "link-" + std::to_string(next_file++);
    if (link(node.real_path().c_str(), from.c_str()) != 0) return SystemError(path);
  }
  if (rename(from.c_str(), path.c_str()) != 0) return SystemError(path);
  node.staged.clear();
  node.real_names.insert(path);
  return IOStatus::OK();
}

IOStatus Apply(const FolderNode::Op& op, const std::string& folder, uint64_t& next_file) {
  const std::string path = folder + "/" + op.name;
  switch (op.kind) {
    case FolderNode::OpKind::kLink:
      return GiveName(*op.node, path, next_file);
    case FolderNode::OpKind::kUnlink:
      if (IOStatus status = ReleaseName(op.node, path, next_file); !status.ok()) return status;
      return unlink(path.c_str()) == 0 ? IOStatus::OK() : SystemError(path);
    case FolderNode::OpKind::kRename: {
      const std::string to = folder + "/" + op.to;
      if (IOStatus status = ReleaseName(op.replaced, to, next_file); !status.ok()) return status;
      if (rename(path.c_str(), to.c_str()) != 0) return SystemError(path);
      op.node->real_names.erase(path);
      op.node->real_names.insert(to);
      return IOStatus::OK();
    }
    case FolderNode::OpKind::kMakeFolder:
      unlink((path + "/" + std::string(kUndurableFolder)).c_str());
      return IOStatus::OK();
  }
  return IOStatus::OK();
}

}  // namespace

IOStatus PowerCutFileSystem::ApplyPending(const std::string& path) {
  FolderNode& folder = Folder(path);
  const auto pending = std::exchange(folder.pending, {});
  for (const auto& op : pending) {
    if (IOStatus status = Apply(op, path, next_file_); !status.ok()) return status;
  }
  folder.gone.clear();
  for (const std::string& other : std::exchange(folder.joined, {})) {
    if (IOStatus status = ApplyPending(other); !status.ok()) return status;
  }
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::SyncFolder(const std::string& path) {
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (options_.lie == Lie::kFolders) return IOStatus::OK();
  return ApplyPending(path);
}

// --- opening ---

IOStatus PowerCutFileSystem::NewSequentialFile(const std::string& name, const FileOptions& options,
                                               std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                               IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::NewSequentialFile(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  auto node = Find(path);
  if (node == nullptr) return Missing(path);
  *result = MakeSequentialFile(*this, std::move(node));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewRandomAccessFile(const std::string& name, const FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                                 IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::NewRandomAccessFile(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  auto node = Find(path);
  if (node == nullptr) return Missing(path);
  *result = MakeRandomAccessFile(*this, std::move(node));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewWritableFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* result,
                                             IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::NewWritableFile(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  IOStatus status = Alive();
  if (!status.ok()) return status;
  auto node = FindOrCreate(path, status);
  if (node == nullptr) return status;
  node->Truncate(0);  // an existing file keeps its name, as with O_TRUNC
  *result = MakeWritableFile(*this, std::move(node), 0, path, options);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::ReopenWritableFile(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  IOStatus status = Alive();
  if (!status.ok()) return status;
  auto node = FindOrCreate(path, status);
  if (node == nullptr) return status;
  const uint64_t position = node->size();
  *result = MakeWritableFile(*this, std::move(node), position, path, options);
  return IOStatus::OK();
}

// A recycled log: renamed and written over from the beginning; old bytes stay behind the new ones.
IOStatus PowerCutFileSystem::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                               const FileOptions& options,
                                               std::unique_ptr<rocksdb::FSWritableFile>* result,
                                               IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::ReuseWritableFile(name, old_name, options, result, dbg);
  if (IOStatus status = RenameFile(old_name, name, options.io_options, dbg); !status.ok()) return status;
  const std::lock_guard lock(mu_);
  auto node = Find(path);
  if (node == nullptr) return Missing(path);
  *result = MakeWritableFile(*this, std::move(node), 0, path, options);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewRandomRWFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                             IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::NewRandomRWFile(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  IOStatus status = Alive();
  if (!status.ok()) return status;
  auto node = FindOrCreate(path, status);
  if (node == nullptr) return status;
  *result = MakeRandomRWFile(*this, std::move(node));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewMemoryMappedFileBuffer(
    const std::string& /*name*/, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* /*result*/) {
  return IOStatus::NotSupported("a mapping would see synced bytes only");
}

IOStatus PowerCutFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                          std::unique_ptr<rocksdb::FSDirectory>* result,
                                          IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (path != root_ && PassesThrough(path))
    return FileSystemWrapper::NewDirectory(name, options, result, dbg);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (!IsFolder(path)) return Missing(path);
  *result = MakeDirectory(*this, path);
  return IOStatus::OK();
}

// --- names ---

IOStatus PowerCutFileSystem::FileExists(const std::string& name, const IOOptions& options,
                                        IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::FileExists(name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  return Find(path) != nullptr || IsFolder(path) ? IOStatus::OK() : IOStatus::NotFound();
}

IOStatus PowerCutFileSystem::GetChildren(const std::string& name, const IOOptions& options,
                                         std::vector<std::string>* result, IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (path != root_ && PassesThrough(path)) return FileSystemWrapper::GetChildren(name, options, result, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (!IsFolder(path)) return IOStatus::NotFound(path);
  *result = Children(path);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetChildrenFileAttributes(const std::string& folder, const IOOptions& options,
                                                       std::vector<rocksdb::FileAttributes>* result,
                                                       IODebugContext* dbg) {
  // The loop over our GetChildren and GetFileSize; the wrapper would ask the file system below.
  // NOLINTNEXTLINE(bugprone-parent-virtual-call)
  return FileSystem::GetChildrenFileAttributes(folder, options, result, dbg);
}

IOStatus PowerCutFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                        IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::DeleteFile(name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  auto node = Find(path);
  if (node == nullptr) return Missing(path);
  --node->links;
  FolderNode& folder = Folder(ParentOf(path));
  folder.files.erase(NameOf(path));
  folder.gone.insert(NameOf(path));
  folder.pending.push_back(
      {.kind = FolderNode::OpKind::kUnlink, .name = NameOf(path), .node = std::move(node)});
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::RenameFile(const std::string& from_name, const std::string& to_name,
                                        const IOOptions& options, IODebugContext* dbg) {
  const std::string from = Normal(from_name);
  const std::string to = Normal(to_name);
  if (PassesThrough(from) || PassesThrough(to))
    return FileSystemWrapper::RenameFile(from_name, to_name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (IsFolder(from)) return IOStatus::NotSupported("rename of a folder");
  auto node = Find(from);
  if (node == nullptr) return Missing(from);
  if (from == to) return IOStatus::OK();
  auto replaced = Find(to);
  if (replaced != nullptr) --replaced->links;
  FolderNode& source = Folder(ParentOf(from));
  FolderNode& target = Folder(ParentOf(to));
  source.files.erase(NameOf(from));
  source.gone.insert(NameOf(from));
  target.files[NameOf(to)] = node;
  target.gone.erase(NameOf(to));
  if (&source == &target) {
    source.pending.push_back({.kind = FolderNode::OpKind::kRename,
                              .name = NameOf(from),
                              .to = NameOf(to),
                              .node = std::move(node),
                              .replaced = std::move(replaced)});
    return IOStatus::OK();
  }
  // Between folders: a journal commits both halves together, so they become durable by an fsync of either.
  if (replaced != nullptr) {
    target.pending.push_back(
        {.kind = FolderNode::OpKind::kUnlink, .name = NameOf(to), .node = std::move(replaced)});
  }
  target.pending.push_back({.kind = FolderNode::OpKind::kLink, .name = NameOf(to), .node = node});
  source.pending.push_back(
      {.kind = FolderNode::OpKind::kUnlink, .name = NameOf(from), .node = std::move(node)});
  source.joined.insert(ParentOf(to));
  target.joined.insert(ParentOf(from));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::LinkFile(const std::string& from_name, const std::string& to_name,
                                      const IOOptions& options, IODebugContext* dbg) {
  const std::string from = Normal(from_name);
  const std::string to = Normal(to_name);
  if (PassesThrough(from) || PassesThrough(to))
    return FileSystemWrapper::LinkFile(from_name, to_name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  auto node = Find(from);
  if (node == nullptr) return Missing(from);
  if (Find(to) != nullptr) return IOStatus::IOError(to + ": exists");
  ++node->links;
  FolderNode& target = Folder(ParentOf(to));
  target.files[NameOf(to)] = node;
  target.pending.push_back({.kind = FolderNode::OpKind::kLink, .name = NameOf(to), .node = std::move(node)});
  return IOStatus::OK();
}

// --- folders ---

IOStatus PowerCutFileSystem::CreateDir(const std::string& name, const IOOptions& options,
                                       IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::CreateDir(name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (mkdir(path.c_str(), 0755) != 0) return SystemError(path);
  std::ofstream(path + "/" + std::string(kUndurableFolder)) << "";
  Folder(ParentOf(path)).pending.push_back({.kind = FolderNode::OpKind::kMakeFolder, .name = NameOf(path)});
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::CreateDirIfMissing(const std::string& name, const IOOptions& options,
                                                IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::CreateDirIfMissing(name, options, dbg);
  return IsFolder(path) ? Alive() : CreateDir(name, options, dbg);
}

// Durable at once: no caller relies on a removed folder coming back.
IOStatus PowerCutFileSystem::DeleteDir(const std::string& name, const IOOptions& options,
                                       IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::DeleteDir(name, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  if (!IsFolder(path)) return Missing(path);
  if (!Children(path).empty()) return IOStatus::IOError(path + ": not empty");
  folders_.erase(path);
  std::error_code error;
  fs::remove_all(path, error);
  return error ? IOStatus::IOError(error.message()) : IOStatus::OK();
}

// --- attributes ---

IOStatus PowerCutFileSystem::Truncate(const std::string& name, size_t size, const IOOptions& options,
                                      IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::Truncate(name, size, options, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  auto node = Find(path);
  if (node == nullptr) return Missing(path);
  node->Truncate(size);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetFileSize(const std::string& name, const IOOptions& options, uint64_t* size,
                                         IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::GetFileSize(name, options, size, dbg);
  const std::lock_guard lock(mu_);
  if (IOStatus status = Alive(); !status.ok()) return status;
  const auto node = Find(path);
  if (node == nullptr && !IsFolder(path)) return Missing(path);
  *size = node == nullptr ? 0 : node->size();
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetFileModificationTime(const std::string& name, const IOOptions& options,
                                                     uint64_t* time, IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::GetFileModificationTime(name, options, time, dbg);
  const std::lock_guard lock(mu_);
  const auto node = Find(path);
  if (node == nullptr) return Missing(path);
  *time = node->modified_seconds();
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NumFileLinks(const std::string& name, const IOOptions& options, uint64_t* count,
                                          IODebugContext* dbg) {
  const std::string path = Normal(name);
  if (PassesThrough(path)) return FileSystemWrapper::NumFileLinks(name, options, count, dbg);
  const std::lock_guard lock(mu_);
  const auto node = Find(path);
  if (node == nullptr) return Missing(path);
  *count = static_cast<uint64_t>(node->links);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::AreFilesSame(const std::string& first, const std::string& second,
                                          const IOOptions& options, bool* same, IODebugContext* dbg) {
  const std::string a = Normal(first);
  const std::string b = Normal(second);
  if (PassesThrough(a) || PassesThrough(b))
    return FileSystemWrapper::AreFilesSame(first, second, options, same, dbg);
  const std::lock_guard lock(mu_);
  const auto node = Find(a);
  *same = node != nullptr && node == Find(b);
  return IOStatus::OK();
}

// --- mount ---

void RemoveUndurable(const std::string& root) {
  std::error_code ignored;
  std::vector<fs::path> doomed;
  for (auto it = fs::recursive_directory_iterator(root, ignored); it != fs::recursive_directory_iterator();) {
    const fs::path path = it->path();
    if (path.filename() == kUndurableFolder) {
      doomed.push_back(path.parent_path());
    } else if (path.filename().string().starts_with(kHidden)) {
      doomed.push_back(path);
    }
    it.increment(ignored);
  }
  for (const auto& path : doomed) fs::remove_all(path, ignored);
}

PowerCutOptions OptionsFromEnvironment() {
  const auto text = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const auto number = [&](const char* name) { return text(name).empty() ? 0 : std::stoll(text(name)); };
  PowerCutOptions options;
  const std::string lie = text("KALAM_POWERCUT_LIE");
  if (lie == "logs") options.lie = Lie::kLogs;
  if (lie == "files") options.lie = Lie::kFiles;
  if (lie == "folders") options.lie = Lie::kFolders;
  options.writeback_percent = static_cast<int>(number("KALAM_POWERCUT_WRITEBACK"));
  options.seed = static_cast<uint64_t>(number("KALAM_POWERCUT_SEED"));
  options.sync_micros = static_cast<int>(number("KALAM_POWERCUT_SYNC_MICROS"));
  return options;
}

}  // namespace kalam::powercut
