#include "sql/handlers.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

constexpr size_t kKinds = static_cast<size_t>(StatementKind::kCount);

constexpr std::array<HandlerRow, kKinds> kHandlers = {{
    {StatementKind::kSelect, "SELECT", Access::kUser, Effect::kRead, true, "", nullptr, &RunSelect},
    {StatementKind::kInsert, "INSERT", Access::kUser, Effect::kWrite, true, "", nullptr, &RunInsert},
    {StatementKind::kUpdate, "UPDATE", Access::kUser, Effect::kWrite, true, "", nullptr, &RunUpdate},
    {StatementKind::kDelete, "DELETE", Access::kUser, Effect::kWrite, true, "", nullptr, &RunDelete},
    {StatementKind::kExplain, "EXPLAIN", Access::kAdmin, Effect::kRead, true, "EXPLAIN commands", nullptr,
     &RunExplain},
    {StatementKind::kCreateNamespace, "CREATE NAMESPACE", Access::kAdmin, Effect::kSchema, false,
     "namespace operations", nullptr, &RunCreateNamespace},
    {StatementKind::kAlterNamespace, "ALTER NAMESPACE", Access::kAdmin, Effect::kSchema, false,
     "namespace operations", nullptr, &RunAlterNamespace},
    {StatementKind::kDropNamespace, "DROP NAMESPACE", Access::kAdmin, Effect::kSchema, false,
     "namespace operations", nullptr, &RunDropNamespace},
    {StatementKind::kShowNamespaces, "SHOW NAMESPACES", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowNamespaces},
    {StatementKind::kUseNamespace, "USE NAMESPACE", Access::kUser, Effect::kSession, false, "", nullptr,
     &RunUseNamespace},
    {StatementKind::kCreateTable, "CREATE TABLE", Access::kOwn, Effect::kSchema, false, "",
     &AuthorizeCreateTable, &RunCreateTable},
    {StatementKind::kAlterTable, "ALTER TABLE", Access::kOwn, Effect::kSchema, false, "",
     &AuthorizeAlterTable, &RunAlterTable},
    {StatementKind::kDropTable, "DROP TABLE", Access::kOwn, Effect::kSchema, false, "", &AuthorizeDropTable,
     &RunDropTable},
    {StatementKind::kShowTables, "SHOW TABLES", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowTables},
    {StatementKind::kDescribeTable, "DESCRIBE TABLE", Access::kOwn, Effect::kRead, false, "",
     &AuthorizeDescribeTable, &RunDescribeTable},
    {StatementKind::kCreateUser, "CREATE USER", Access::kAdmin, Effect::kUsers, false, "user management",
     nullptr, &RunCreateUser},
    {StatementKind::kAlterUser, "ALTER USER", Access::kOwn, Effect::kUsers, false, "", &AuthorizeAlterUser,
     &RunAlterUser},
    {StatementKind::kDropUser, "DROP USER", Access::kAdmin, Effect::kUsers, false, "user management", nullptr,
     &RunDropUser},
    {StatementKind::kCreateStorage, "CREATE STORAGE", Access::kAdmin, Effect::kSchema, false,
     "storage operations", nullptr, &RunCreateStorage},
    {StatementKind::kAlterStorage, "ALTER STORAGE", Access::kAdmin, Effect::kSchema, false,
     "storage operations", nullptr, &RunAlterStorage},
    {StatementKind::kDropStorage, "DROP STORAGE", Access::kAdmin, Effect::kSchema, false,
     "storage operations", nullptr, &RunDropStorage},
    {StatementKind::kShowStorages, "SHOW STORAGES", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowStorages},
    {StatementKind::kCheckStorage, "STORAGE CHECK", Access::kAdmin, Effect::kRead, false,
     "storage operations", nullptr, &RunCheckStorage},
    {StatementKind::kCreateTopic, "CREATE TOPIC", Access::kAdmin, Effect::kSchema, false, "topic management",
     nullptr, &RunCreateTopic},
    {StatementKind::kAlterTopic, "ALTER TOPIC", Access::kAdmin, Effect::kSchema, false, "topic management",
     nullptr, &RunAlterTopic},
    {StatementKind::kDropTopic, "DROP TOPIC", Access::kAdmin, Effect::kSchema, false, "topic management",
     nullptr, &RunDropTopic},
    {StatementKind::kClearTopic, "CLEAR TOPIC", Access::kAdmin, Effect::kSchema, false, "topic management",
     nullptr, &RunClearTopic},
    {StatementKind::kConsume, "CONSUME", Access::kOwn, Effect::kWrite, false, "", &AuthorizeConsume,
     &RunConsume},
    {StatementKind::kAck, "ACK", Access::kOwn, Effect::kWrite, false, "", &AuthorizeAck, &RunAck},
    {StatementKind::kBegin, "BEGIN", Access::kUser, Effect::kSession, false, "", nullptr,
     &RunTransactionControl},
    {StatementKind::kCommit, "COMMIT", Access::kUser, Effect::kSession, false, "", nullptr,
     &RunTransactionControl},
    {StatementKind::kRollback, "ROLLBACK", Access::kUser, Effect::kSession, false, "", nullptr,
     &RunTransactionControl},
    {StatementKind::kFlushTable, "FLUSH TABLE", Access::kOwn, Effect::kWrite, false, "",
     &AuthorizeStorageTask, &RunFlushTable},
    {StatementKind::kFlushAll, "FLUSH ALL TABLES", Access::kOwn, Effect::kWrite, false, "",
     &AuthorizeStorageTask, &RunFlushAll},
    {StatementKind::kCompactTable, "COMPACT TABLE", Access::kOwn, Effect::kWrite, false, "",
     &AuthorizeStorageTask, &RunCompactTable},
    {StatementKind::kCompactAll, "COMPACT ALL", Access::kOwn, Effect::kWrite, false, "",
     &AuthorizeStorageTask, &RunCompactAll},
    {StatementKind::kKillJob, "KILL JOB", Access::kUser, Effect::kWrite, false, "", nullptr, &RunKillJob},
    {StatementKind::kBackup, "BACKUP", Access::kAdmin, Effect::kWrite, false, "backup operations", nullptr,
     &RunBackup},
    {StatementKind::kRestore, "RESTORE", Access::kAdmin, Effect::kSchema, false, "restore operations",
     nullptr, &RunRestore},
    {StatementKind::kShowStats, "SHOW STATS", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowStats},
    {StatementKind::kShowColumns, "SHOW COLUMNS", Access::kAdmin, Effect::kRead, false, "SHOW COLUMNS",
     nullptr, &RunShowColumns},
    {StatementKind::kShowAll, "SHOW ALL", Access::kAdmin, Effect::kRead, false, "SHOW ALL", nullptr,
     &RunShowAll},
    {StatementKind::kSet, "SET", Access::kAdmin, Effect::kSession, false, "SET commands", nullptr, &RunSet},
    {StatementKind::kKillLiveQuery, "KILL LIVE QUERY", Access::kOwn, Effect::kSession, false, "",
     &AuthorizeKillLiveQuery, &RunKillLiveQuery},
    {StatementKind::kSubscribe, "SUBSCRIBE TO", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunSubscribe},
    {StatementKind::kCluster, "CLUSTER", Access::kAdmin, Effect::kSession, false, "cluster operations",
     nullptr, &RunCluster},
    {StatementKind::kShowLimits, "SHOW LIMITS", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowLimits},
    {StatementKind::kExportUserData, "EXPORT USER DATA", Access::kUser, Effect::kWrite, false, "", nullptr,
     &RunExportUserData},
    {StatementKind::kShowExport, "SHOW EXPORT", Access::kUser, Effect::kRead, false, "", nullptr,
     &RunShowExport},
    {StatementKind::kShowManifest, "SHOW MANIFEST", Access::kAdmin, Effect::kRead, false, "SHOW MANIFEST",
     nullptr, &RunShowManifest},
    {StatementKind::kCreateView, "CREATE VIEW", Access::kOwn, Effect::kSchema, false, "", &AuthorizeView,
     &RunCreateView},
    {StatementKind::kDropView, "DROP VIEW", Access::kOwn, Effect::kSchema, false, "", &AuthorizeView,
     &RunDropView},
}};

// Row i is the row of kind i, so each kind stands exactly once and lookup is an index.
consteval bool EachKindExactlyOnce() {
  for (size_t i = 0; i < kHandlers.size(); ++i) {
    if (static_cast<size_t>(kHandlers[i].kind) != i || kHandlers[i].run == nullptr) return false;
    if ((kHandlers[i].access == Access::kOwn) != (kHandlers[i].authorize != nullptr)) return false;
  }
  return true;
}
static_assert(EachKindExactlyOnce());

}  // namespace

const HandlerRow& HandlerOf(StatementKind kind) { return kHandlers[static_cast<size_t>(kind)]; }

Error InsufficientRole(std::string_view lead, std::string_view operation, const Principal& caller,
                       Role lowest) {
  const std::string_view required = lowest == Role::kService ? "Service, DBA or System"
                                    : lowest == Role::kDba   ? "DBA or System"
                                                             : "System";
  std::vector<std::string> roles;
  for (const Role role : {Role::kService, Role::kDba, Role::kSystem}) {
    if (role >= lowest) roles.emplace_back(RoleName(role));
  }
  return Error(ErrorCode::kInsufficientRole,
               fmt::format("{}. Insufficient role: {} requires {} role, but user has {} role", lead,
                           operation, required, RoleTitle(caller.role)))
      .With("required_roles", std::move(roles))
      .With("actual_role", std::string(RoleName(caller.role)))
      .With("operation", std::string(operation));
}

Status AuthorizeStatement(const Statement& statement, const Principal& caller, const Services& services) {
  const HandlerRow& row = HandlerOf(statement.kind);
  if (caller.role == Role::kAnonymous) {
    return Fail(ErrorCode::kPermissionDenied,
                "Anonymous users can only SELECT from public tables. Please authenticate to perform write "
                "operations.");
  }
  switch (row.access) {
    case Access::kUser:
      return {};
    case Access::kAdmin:
      if (caller.is_admin()) return {};
      return Fail(InsufficientRole(
          fmt::format("Admin privileges (DBA or System role) required for {}", row.admin_area), row.name,
          caller));
    case Access::kOwn:
      return row.authorize(statement, caller, services);
  }
  return {};
}

}  // namespace kalam::sql
