// S3ObjectStore: objects in a bucket of an S3-compatible store.
//
// Purpose: the `s3` backend. Files above S3Options::part_bytes go up in parts and appear whole when the
// upload
//   is completed; an upload that fails is aborted. Threads: thread-safe. Limits: one part is held in memory
//   per running PutFile; 10,000 parts.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cold/storage/object_store.h"
#include "cold/storage/s3_options.h"
#include "cold/storage/store_error.h"

namespace kalam::cold {

class S3Client;

class S3ObjectStore final : public ObjectStore {
 public:
  S3ObjectStore(std::string storage_id, S3Options options, const Clock& clock);
  ~S3ObjectStore() override;

  Result<ObjectInfo> Put(std::string_view path, std::string_view bytes, const StoreCall& call) override;
  Result<ObjectInfo> PutFile(std::string_view path, const std::string& local_file, LocalFile fate,
                             const StoreCall& call) override;
  Status GetRange(std::string_view path, uint64_t offset, std::span<char> out,
                  const StoreCall& call) override;
  Result<ObjectInfo> Head(std::string_view path, const StoreCall& call) override;
  Result<ListPage> List(std::string_view prefix, std::string_view after, size_t limit,
                        const StoreCall& call) override;
  Status Delete(std::string_view path, const StoreCall& call) override;
  std::optional<std::string> LocalPath(std::string_view) const override { return std::nullopt; }
  const std::string& staging_folder() const override;
  const std::string& storage_id() const override { return storage_id_; }

 private:
  std::string KeyOf(std::string_view path) const;
  Result<std::string> UploadParts(int fd, uint64_t size, const std::string& key, const std::string& upload_id,
                                  const StoreOperation& operation, const StoreCall& call);
  Result<ObjectInfo> PutLarge(std::string_view path, int fd, uint64_t size, const StoreOperation& operation,
                              const StoreCall& call);
  Status Complete(std::string_view path, uint64_t size, const std::string& upload_id,
                  const std::string& parts_xml, const StoreOperation& operation, const StoreCall& call);

  const std::string storage_id_;
  const std::unique_ptr<S3Client> client_;
  const Clock& clock_;
};

}  // namespace kalam::cold
