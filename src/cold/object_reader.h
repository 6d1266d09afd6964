// ObjectReader: the objects of all storages as files for the engine.
//
// Owner: main(); the engine refers to it. Threads: thread-safe.
#pragma once

#include "cold/storage/storage_resolver.h"
#include "engine/object_files.h"

namespace kalam::cold {

class ObjectReader final : public engine::ObjectFiles {
 public:
  explicit ObjectReader(StorageResolver& storages) : storages_(storages) {}
  // Objects on this machine are read as plain files, others with range requests.
  Result<std::unique_ptr<engine::ObjectFile>> Open(std::string_view storage_id, std::string_view path,
                                                   std::optional<uint64_t> size) const override;

 private:
  StorageResolver& storages_;
};

}  // namespace kalam::cold
