// CREATE STORAGE [IF NOT EXISTS] id TYPE 'filesystem' | 's3' [clauses]: checked by writing, reading, listing
// and deleting an object before it counts.
#include <fmt/format.h>

#include "cold/storage/storage_options.h"
#include "sql/audit.h"
#include "sql/parse/token_reader.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/storage/definition.h"

namespace kalam::sql {
namespace {

Result<StorageType> ReadType(const std::string& text) {
  const std::string type = LowerCase(text);
  if (type == "filesystem" || type == "local") return StorageType::kFilesystem;
  if (type == "s3") return StorageType::kS3;
  if (type == "gcs" || type == "azure") {
    return Fail(Error(ErrorCode::kUnsupported,
                      fmt::format("Storage type '{}' is not supported yet. Use 'filesystem' or 's3'", type))
                    .With("feature", "storage type " + type));
  }
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid storage type '{}'. Must be 'filesystem', 's3', 'gcs', or 'azure'", text));
}

}  // namespace

Result<Outcome> RunCreateStorage(const Statement& statement, Request& request, Services& services) {
  const auto& create = std::get<CreateStorage>(statement.body);
  const auto exists = [&]() -> Result<Outcome> {
    if (create.if_not_exists) {
      return MessageOutcome(fmt::format("Storage '{}' already exists", create.storage_id), 0);
    }
    return Fail(ErrorCode::kAlreadyExists, fmt::format("Storage '{}' already exists", create.storage_id));
  };
  // Looked at first, since trying a storage takes time and writes there.
  if (services.catalog.Snapshot()->FindStorage(create.storage_id) != nullptr) return exists();
  Storage storage;
  storage.id = create.storage_id;
  storage.name = create.storage_id;
  KALAM_ASSIGN(storage.type, ReadType(*create.text.type));
  KALAM_TRY(ApplyClauses(create.text, services.storages.defaults(), storage));
  KALAM_TRY(TryStorage(storage, request, services));
  KALAM_TRY(cold::SealSecrets(storage, services.storages.defaults()));
  const Status created = services.catalog.CreateStorage(
      std::move(storage),
      AuditOf(request, services, "CREATE_STORAGE", create.storage_id, "Type: " + *create.text.type));
  if (created) return MessageOutcome(fmt::format("Storage '{}' created successfully", create.storage_id));
  if (created.error().code == ErrorCode::kAlreadyExists) return exists();
  return Fail(created.error());
}

}  // namespace kalam::sql
