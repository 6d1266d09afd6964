#include "sql/statements/storage/definition.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <utility>

#include "cold/storage/health_check.h"
#include "cold/storage/storage_options.h"

namespace kalam::sql {
namespace {

namespace json = boost::json;

std::unexpected<Error> Refuse(std::string message) {
  return Fail(ErrorCode::kInvalidOperation, std::move(message));
}

// nullopt when it is no object; what is wrong is told by ValidateStorage.
std::optional<json::object> ObjectOf(const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(text.empty() ? "{}" : text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

// REGION 'r' is CONFIG '{"region": "r"}'.
void AddRegion(const std::string& region, Storage& storage) {
  auto config = ObjectOf(storage.config_json);
  if (!config) return;
  config->insert_or_assign("region", region);
  storage.config_json = json::serialize(*config);
}

Status ApplyFolder(const StorageText& text, Storage& storage) {
  if (text.bucket || text.region) return Refuse("BUCKET and REGION do not fit a filesystem storage");
  if (text.path && text.base_directory)
    return Refuse("PATH and BASE_DIRECTORY are the same thing: give one of them");
  std::string folder = text.path.value_or(text.base_directory.value_or(""));
  if (folder.empty() && text.config) {
    const auto config = ObjectOf(*text.config);
    const json::value* root = config ? config->if_contains("root") : nullptr;
    if (root != nullptr && root->is_string()) folder = std::string(root->get_string());
  }
  // The folder must stay the same when the server is started from elsewhere.
  if (!folder.empty()) storage.base_directory = std::filesystem::absolute(folder).lexically_normal().string();
  return {};
}

Status ApplyBucket(const StorageText& text, Storage& storage) {
  if (text.path) return Refuse("PATH does not fit an S3 storage: give BUCKET");
  if (text.bucket && text.base_directory)
    return Refuse("BUCKET and BASE_DIRECTORY are the same thing: give one of them");
  std::string bucket = text.bucket.value_or(text.base_directory.value_or(""));
  if (!bucket.empty() && !bucket.starts_with("s3://")) bucket.insert(0, "s3://");
  storage.base_directory = std::move(bucket);
  return {};
}

}  // namespace

Status ApplyClauses(const StorageText& text, const cold::StorageDefaults& defaults, Storage& storage) {
  if (text.name) storage.name = *text.name;
  if (text.description) storage.description = *text.description;
  if (text.shared_tables_template) storage.shared_tables_template = *text.shared_tables_template;
  if (text.user_tables_template) storage.user_tables_template = *text.user_tables_template;
  if (text.config) storage.config_json = *text.config;
  if (text.credentials) storage.credentials_json = *text.credentials;
  if (text.type)
    KALAM_TRY(storage.type == StorageType::kS3 ? ApplyBucket(text, storage) : ApplyFolder(text, storage));
  if (text.region) AddRegion(*text.region, storage);
  return cold::AdoptConfigSecrets(storage, text.credentials.has_value(), defaults);
}

Status TryStorage(const Storage& storage, Request& request, Services& services) {
  const cold::StorageResolver& storages = services.storages;
  KALAM_TRY(cold::ValidateStorage(storage, storages.defaults()));
  const auto store = storages.OpenUnsaved(storage);
  cold::StorageHealth health;
  if (store) {
    const cold::StoreCall call{request.payload.deadline_nanos, request.payload.stop};
    health = cold::CheckHealth(**store, false, services.clock, services.random, call);
  } else {
    health.error = store.error().message;
  }
  if (health.status() == "healthy") return {};
  if (health.status() == "unreachable") {
    return Refuse(fmt::format("Storage connectivity check failed (latency {} ms): {}", health.latency_ms,
                              health.error));
  }
  return Refuse(fmt::format(
      "Storage health check failed (status {}: readable={}, writable={}, listable={}, "
      "deletable={}): {}",
      health.status(), health.readable, health.writable, health.listable, health.deletable, health.error));
}

std::unexpected<Error> StorageNotFound(const std::string& storage_id, std::string operation) {
  return Fail(Error(ErrorCode::kNotFoundStorage, fmt::format("Storage '{}' not found", storage_id))
                  .With("storage_id", storage_id)
                  .With("operation", std::move(operation)));
}

}  // namespace kalam::sql
