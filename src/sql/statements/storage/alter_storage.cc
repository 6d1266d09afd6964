// ALTER STORAGE id SET clause 'text' ...: counts at once, after the same trial as CREATE STORAGE. Files that
// exist keep their paths when a template changes.
#include <fmt/format.h>

#include "cold/storage/storage_options.h"
#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/storage/definition.h"

namespace kalam::sql {

Result<Outcome> RunAlterStorage(const Statement& statement, Request& request, Services& services) {
  const auto& alter = std::get<AlterStorage>(statement.body);
  const StoragePtr current = services.catalog.Snapshot()->FindStorage(alter.storage_id);
  if (current == nullptr) return StorageNotFound(alter.storage_id, "ALTER STORAGE");
  Storage changed = *current;
  KALAM_TRY(ApplyClauses(alter.text, services.storages.defaults(), changed));
  KALAM_TRY(TryStorage(changed, request, services));
  KALAM_TRY(cold::SealSecrets(changed, services.storages.defaults()));
  KALAM_TRY(services.catalog.AlterStorage(current, std::move(changed),
                                          AuditOf(request, services, "ALTER_STORAGE", alter.storage_id)));
  return MessageOutcome(fmt::format("Storage '{}' altered successfully", alter.storage_id));
}

}  // namespace kalam::sql
