#include "engine/object_file_system.h"

#include <utility>

#include "duckdb/common/file_opener.hpp"
#include "duckdb/common/file_system.hpp"
#include "duckdb/common/open_file_info.hpp"
#include "duckdb/main/client_context.hpp"
#include "engine/run_state.h"

namespace kalam::engine {
namespace {

using duckdb::FileHandle;
using duckdb::FileOpener;
using duckdb::FileOpenFlags;
using duckdb::idx_t;

using RunStatePtr = duckdb::shared_ptr<RunState>;

// Of the connection that reads; null where no statement runs (writing files).
RunStatePtr RunStateOfOpener(duckdb::optional_ptr<FileOpener> opener) {
  const auto context = FileOpener::TryGetClientContext(opener);
  return context ? context->registered_state->Get<RunState>(kRunStateKey) : nullptr;
}

ReadLimits LimitsOf(const RunStatePtr& state) {
  if (state == nullptr || state->statement == nullptr) return {};
  return {state->statement->deadline_nanos, state->statement->stop};
}

// The error reaches whoever runs the statement as it is.
[[noreturn]] void Throw(const RunStatePtr& state, Error error) {
  if (state != nullptr && state->statement != nullptr) state->Throw(std::move(error));
  throw duckdb::IOException(error.message);
}

class ObjectHandle final : public FileHandle {
 public:
  ObjectHandle(duckdb::FileSystem& system, const std::string& path_in, FileOpenFlags flags_in,
               std::unique_ptr<ObjectFile> object_in, RunStatePtr state_in)
      : FileHandle(system, path_in, flags_in), object(std::move(object_in)), state(std::move(state_in)) {}
  void Close() override {}

  const std::unique_ptr<ObjectFile> object;
  const RunStatePtr state;
  idx_t position = 0;
};

ObjectHandle& HandleOf(FileHandle& handle) { return static_cast<ObjectHandle&>(handle); }

class ObjectFileSystem final : public duckdb::FileSystem {
 public:
  explicit ObjectFileSystem(const ObjectFiles& files) : files_(files) {}

  std::string GetName() const override { return "KalamObjects"; }
  bool CanHandleFile(const std::string& path) override { return path.starts_with(kObjectScheme); }
  bool CanSeek() override { return true; }
  bool OnDiskFile(FileHandle& handle) override { return HandleOf(handle).object->is_local(); }

  duckdb::unique_ptr<FileHandle> OpenFile(const std::string& path, FileOpenFlags flags,
                                          duckdb::optional_ptr<FileOpener> opener) override {
    return Open(path, flags, std::nullopt, opener);
  }

  void Read(FileHandle& handle, void* buffer, int64_t bytes, idx_t location) override {
    const ObjectHandle& object = HandleOf(handle);
    Status read = object.object->Read(location, {static_cast<char*>(buffer), static_cast<size_t>(bytes)},
                                      LimitsOf(object.state));
    if (!read) Throw(object.state, std::move(read).error());
  }
  int64_t Read(FileHandle& handle, void* buffer, int64_t bytes) override {
    ObjectHandle& object = HandleOf(handle);
    const idx_t left = object.object->size() - std::min<idx_t>(object.position, object.object->size());
    const auto count = std::min<int64_t>(bytes, static_cast<int64_t>(left));
    Read(handle, buffer, count, object.position);
    object.position += static_cast<idx_t>(count);
    return count;
  }
  int64_t GetFileSize(FileHandle& handle) override {
    return static_cast<int64_t>(HandleOf(handle).object->size());
  }
  // Objects never change.
  duckdb::timestamp_t GetLastModifiedTime(FileHandle&) override { return duckdb::timestamp_t(0); }
  std::string GetVersionTag(FileHandle&) override { return {}; }
  duckdb::FileType GetFileType(FileHandle&) override { return duckdb::FileType::FILE_TYPE_REGULAR; }
  void Seek(FileHandle& handle, idx_t location) override { HandleOf(handle).position = location; }
  void Reset(FileHandle& handle) override { HandleOf(handle).position = 0; }
  idx_t SeekPosition(FileHandle& handle) override { return HandleOf(handle).position; }

 protected:
  bool SupportsOpenFileExtended() const override { return true; }
  duckdb::unique_ptr<FileHandle> OpenFileExtended(const duckdb::OpenFileInfo& info, FileOpenFlags flags,
                                                  duckdb::optional_ptr<FileOpener> opener) override {
    std::optional<uint64_t> size;
    if (info.extended_info) {
      const auto it = info.extended_info->options.find("file_size");
      if (it != info.extended_info->options.end()) size = it->second.GetValue<uint64_t>();
    }
    return Open(info.path, flags, size, opener);
  }

 private:
  duckdb::unique_ptr<FileHandle> Open(const std::string& path, FileOpenFlags flags,
                                      std::optional<uint64_t> size, duckdb::optional_ptr<FileOpener> opener) {
    if (flags.OpenForWriting()) throw duckdb::PermissionException("objects are read only");
    const std::string_view rest = std::string_view(path).substr(std::string_view(kObjectScheme).size());
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos) throw duckdb::IOException("malformed object path");
    RunStatePtr state = RunStateOfOpener(opener);
    auto object = files_.Open(rest.substr(0, slash), rest.substr(slash + 1), size, LimitsOf(state));
    if (!object) Throw(state, std::move(object).error());
    return duckdb::make_uniq<ObjectHandle>(*this, path, flags, std::move(*object), std::move(state));
  }

  const ObjectFiles& files_;
};

}  // namespace

void RegisterObjectFiles(duckdb::DatabaseInstance& database, const ObjectFiles& files) {
  duckdb::FileSystem::GetFileSystem(database).RegisterSubSystem(duckdb::make_uniq<ObjectFileSystem>(files));
}

}  // namespace kalam::engine
