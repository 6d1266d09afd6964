#include "cold/storage/storage_resolver.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "cold/storage/file_object_store.h"
#include "cold/storage/object_path.h"
#include "cold/storage/s3_object_store.h"
#include "cold/storage/storage_template.h"

namespace kalam::cold {
namespace {

// Local files of an earlier run on their way to S3 are of no use any more.
Status PrepareStaging(const std::string& folder, bool sweep, std::string_view storage_id) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && sweep) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::filesystem::remove_all(entry.path(), error);
      if (error) break;
    }
  }
  if (!error) return {};
  return Fail(ErrorCode::kIo, fmt::format("Storage '{}' cannot use its staging folder '{}': {}", storage_id,
                                          folder, error.message()));
}

}  // namespace

StorageResolver::StorageResolver(StorageDefaults defaults, FindStorage find, const Clock& clock)
    : defaults_(std::move(defaults)), find_(std::move(find)), clock_(clock) {}

Result<ObjectStorePtr> StorageResolver::OpenStore(const Storage& storage, bool sweep) const {
  if (storage.type == StorageType::kS3) {
    KALAM_ASSIGN(S3Options options, S3OptionsOf(storage, defaults_));
    KALAM_TRY(PrepareStaging(options.staging_folder, sweep, storage.id));
    return std::make_shared<S3ObjectStore>(storage.id, std::move(options), clock_);
  }
  const std::string owner = fmt::format("{}.{}", defaults_.owner, storage.id);
  KALAM_ASSIGN(auto store, FileObjectStore::Open(storage.id, FolderOf(storage, defaults_), owner, clock_));
  if (sweep) KALAM_TRY(store->SweepStaging());
  return store;
}

Result<ObjectStorePtr> StorageResolver::OpenUnsaved(const Storage& storage) const {
  return OpenStore(storage, false);
}

Result<ObjectStorePtr> StorageResolver::StoreOf(std::string_view storage_id) {
  const StoragePtr definition = find_(storage_id);
  if (definition == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundStorage, fmt::format("Storage '{}' not found", storage_id))
                    .With("storage_id", std::string(storage_id)));
  }
  std::lock_guard lock(mu_);
  const auto found = open_.find(storage_id);
  if (found != open_.end() && found->second.definition == definition) return found->second.store;
  const bool first = !opened_before_.contains(storage_id);
  KALAM_ASSIGN(ObjectStorePtr store, OpenStore(*definition, first));
  opened_before_.emplace(storage_id);
  open_.insert_or_assign(std::string(storage_id), Open{definition, store});
  return store;
}

Result<ResolvedFolder> StorageResolver::Resolve(const TablePlace& place, std::string_view user_id) {
  KALAM_ASSIGN(ObjectStorePtr store, StoreOf(place.storage_id));
  const StoragePtr definition = find_(place.storage_id);
  const bool per_user = place.type == TableType::kUser || place.type == TableType::kStream;
  const TemplateKind kind = per_user ? TemplateKind::kUser : TemplateKind::kShared;
  if (per_user && user_id.empty()) {
    return Fail(ErrorCode::kInternal,
                fmt::format("no user for a file of table {}.{}", place.ns, place.table));
  }
  if (definition == nullptr) return Fail(ErrorCode::kNotFoundStorage, "the storage was dropped meanwhile");
  const std::string& own = per_user ? definition->user_tables_template : definition->shared_tables_template;
  const std::string& fallback = per_user ? defaults_.user_tables_template : defaults_.shared_tables_template;
  std::string folder =
      ResolveTemplate(kind, own.empty() ? fallback : own, {place.ns, place.table, per_user ? user_id : ""});
  KALAM_TRY(ValidateObjectPath(folder));
  return ResolvedFolder{std::move(store), std::move(folder)};
}

}  // namespace kalam::cold
