// Storages in the catalog.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "catalog/catalog.h"
#include "catalog/record.h"

namespace kalam::catalog {
namespace {

std::unexpected<Error> StorageNotFound(std::string_view id) {
  return Fail(Error(ErrorCode::kNotFoundStorage, fmt::format("Storage '{}' not found", id))
                  .With("storage_id", std::string(id)));
}

}  // namespace

StoragePtr CatalogSnapshot::FindStorage(std::string_view id) const {
  const auto found = storages_.find(id);
  return found == storages_.end() ? nullptr : found->second;
}

std::vector<StoragePtr> CatalogSnapshot::Storages() const {
  std::vector<StoragePtr> all;
  all.reserve(storages_.size());
  for (const auto& [id, storage] : storages_) all.push_back(storage);
  std::stable_partition(all.begin(), all.end(), [](const StoragePtr& s) { return s->id == kLocalStorage; });
  return all;
}

Status Catalog::CreateStorage(Storage storage, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  if (current->FindStorage(storage.id) != nullptr) {
    return Fail(ErrorCode::kAlreadyExists, fmt::format("Storage '{}' already exists", storage.id));
  }
  storage.created_at_ms = storage.updated_at_ms = clock_.WallMillis();
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({StorageKey(storage.id), EncodeStorage(storage)});
  CatalogSnapshot next = *current;
  const std::string id = storage.id;
  next.storages_.emplace(id, std::make_shared<const Storage>(std::move(storage)));
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::AlterStorage(const StoragePtr& seen, Storage changed, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  const StoragePtr now = current->FindStorage(seen->id);
  if (now == nullptr) return StorageNotFound(seen->id);
  if (now != seen) {
    return Fail(
        ErrorCode::kConflict,
        fmt::format("Storage '{}' was changed by another statement meanwhile; run it again", seen->id));
  }
  changed.id = seen->id;
  changed.type = seen->type;
  changed.base_directory = seen->base_directory;
  changed.created_at_ms = seen->created_at_ms;
  changed.updated_at_ms = clock_.WallMillis();
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({StorageKey(changed.id), EncodeStorage(changed)});
  CatalogSnapshot next = *current;
  next.storages_[seen->id] = std::make_shared<const Storage>(std::move(changed));
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::DropStorage(std::string_view id, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  const StoragePtr storage = current->FindStorage(id);
  if (storage == nullptr) return StorageNotFound(id);
  if (id == kLocalStorage) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop storage '{}': it is part of the server", id));
  }
  int64_t tables = 0;
  current->tables_.ForEach([&](const TablePtr& table) { tables += table->options.storage_id == id; });
  if (tables > 0) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop storage '{}': {} table(s) still using it", id, tables));
  }
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({StorageKey(id), std::nullopt});
  CatalogSnapshot next = *current;
  next.storages_.erase(storage->id);
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::ImportStorages(std::vector<Storage> storages, CatalogSnapshot& next, hot::Batch& batch) {
  for (Storage& storage : storages) {
    if (const StoragePtr here = next.FindStorage(storage.id)) {
      if (here->type == storage.type && here->base_directory == storage.base_directory) continue;
      return Fail(Error(ErrorCode::kInvalidOperation,
                        fmt::format("Storage '{}' of the backup is incompatible with the existing one: it "
                                    "lies elsewhere. Drop that first",
                                    storage.id))
                      .With("storage_id", storage.id));
    }
    auto shown = std::make_shared<const Storage>(std::move(storage));
    batch.meta.push_back({StorageKey(shown->id), EncodeStorage(*shown)});
    next.storages_[shown->id] = shown;
  }
  return {};
}

}  // namespace kalam::catalog
