// ObjectReader: the objects of all storages as files for the engine.
//
// Purpose: objects on this machine are read as plain files, others with range requests; what belongs to a
//   segment is verified against its block checksums. Owner: main(); the engine refers to it. Threads:
//   thread-safe. Limits: checksums of 64 files (some KiB each) are kept in memory.
#pragma once

#include <list>
#include <mutex>
#include <utility>

#include "cold/block_checksums.h"
#include "cold/storage/storage_resolver.h"
#include "engine/object_files.h"
#include "hot/store.h"

namespace kalam::cold {

class ObjectReader final : public engine::ObjectFiles {
 public:
  ObjectReader(StorageResolver& storages, const hot::Store& store) : storages_(storages), store_(store) {}
  Result<std::unique_ptr<engine::ObjectFile>> Open(std::string_view storage_id, std::string_view path,
                                                   std::optional<uint64_t> size,
                                                   const engine::ReadLimits& limits) const override;

 private:
  // nullptr for objects without: those of no segment, and a file that is not published yet.
  Result<BlockChecksumsPtr> ChecksumsOf(std::string_view path) const;

  StorageResolver& storages_;
  const hot::Store& store_;
  mutable std::mutex mu_;
  // Guarded by mu_; the most recently used first. Segment ids are never given twice.
  mutable std::list<std::pair<uint64_t, BlockChecksumsPtr>> recent_;
};

}  // namespace kalam::cold
