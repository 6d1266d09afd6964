// FileObjectStore: objects as files below one folder.
//
// Purpose: the `filesystem` backend. A write goes to a staging file, is synced, renamed into place, and every
//   folder whose entries changed is synced, so an object is whole and survives power loss once Put returns.
// Threads: thread-safe; Delete removes folders that it leaves empty, and Put makes them again.
// Limits: one file system; names as object_path.h has them.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cold/storage/object_store.h"

namespace kalam::cold {

class FileObjectStore final : public ObjectStore {
 public:
  // Makes `root` and its staging folder when they are missing. `owner` names this server's part of the
  // staging folder, so that servers that share a folder leave each other's files alone. kIo when that fails.
  static Result<std::shared_ptr<FileObjectStore>> Open(std::string storage_id, std::string root,
                                                       std::string_view owner, const Clock& clock);

  // Removes what an earlier run of the same owner left in the staging folder. Only at start, before anything
  // is put.
  Status SweepStaging();

  Result<ObjectInfo> Put(std::string_view path, std::string_view bytes, const StoreCall& call) override;
  Result<ObjectInfo> PutFile(std::string_view path, const std::string& local_file, LocalFile fate,
                             const StoreCall& call) override;
  Status GetRange(std::string_view path, uint64_t offset, std::span<char> out,
                  const StoreCall& call) override;
  Result<ObjectInfo> Head(std::string_view path, const StoreCall& call) override;
  Result<ListPage> List(std::string_view prefix, std::string_view after, size_t limit,
                        const StoreCall& call) override;
  Status Delete(std::string_view path, const StoreCall& call) override;
  std::optional<std::string> LocalPath(std::string_view path) const override;
  const std::string& staging_folder() const override { return staging_; }
  const std::string& storage_id() const override { return storage_id_; }

  const std::string& root() const { return root_; }

 private:
  FileObjectStore(std::string storage_id, std::string root, std::string staging, const Clock& clock);

  std::string FullPath(std::string_view path) const;
  std::string NewStagingFile();
  // Moves a synced file of the staging folder to its place.
  Result<ObjectInfo> Publish(const std::string& staged, std::string_view path, std::string_view operation);

  const std::string storage_id_;
  const std::string root_;  // no slash at the end
  const std::string staging_;
  const Clock& clock_;
};

}  // namespace kalam::cold
