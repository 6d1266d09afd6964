#include "sql/statements/flush/storage_task.h"

#include <fmt/format.h>

#include <utility>

#include "jobs/table_job.h"
#include "sql/handlers.h"
#include "sql/parse/parse.h"
#include "sql/statements/statements.h"
#include "system/system_table.h"

namespace kalam::sql {

Status AuthorizeStorageTask(const Statement& statement, const Principal& caller, const Services&) {
  if (caller.role >= Role::kService) return {};
  const auto* table = std::get_if<FlushTable>(&statement.body);
  const bool storage_word =
      table != nullptr ? table->storage_word : std::get<FlushAll>(statement.body).storage_word;
  const std::string name = fmt::format("{}{}", storage_word ? "STORAGE " : "", StatementName(statement.kind));
  return Fail(InsufficientRole(fmt::format("{} requires Service, DBA, or System role", name), name, caller,
                               Role::kService));
}

Result<catalog::TablePtr> FindTieredTable(const TableRef& name, std::string_view lead,
                                          const Services& services) {
  if (system::IsSystemNamespace(name.ns)) {
    return Fail(ErrorCode::kInvalidOperation, fmt::format("{} is not supported for SYSTEM tables", lead));
  }
  catalog::TablePtr table = services.catalog.Snapshot()->FindTable(name.ns, name.table);
  if (table == nullptr) {
    KALAM_TRY(catalog::RefuseView(*services.catalog.Snapshot(), name.ns, name.table,
                                  "only tables have rows to store"));
    return Fail(Error(ErrorCode::kNotFoundTable, fmt::format("Table {}.{} not found", name.ns, name.table))
                    .With("table_name", name.table)
                    .With("namespace", name.ns)
                    .With("operation", std::string(lead)));
  }
  if (table->type == TableType::kStream) {
    return Fail(ErrorCode::kInvalidOperation, fmt::format("{} is not supported for STREAM tables", lead));
  }
  return table;
}

Result<std::vector<catalog::TablePtr>> TieredTablesIn(std::string_view ns, std::string_view operation,
                                                      const Services& services) {
  const catalog::SnapshotPtr snapshot = services.catalog.Snapshot();
  if (snapshot->FindNamespace(ns) == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundNamespace, fmt::format("Namespace '{}' not found", ns))
                    .With("namespace", std::string(ns))
                    .With("operation", std::string(operation)));
  }
  std::vector<catalog::TablePtr> tables = snapshot->TablesIn(ns);
  std::erase_if(tables, [](const catalog::TablePtr& table) {
    return table->type != TableType::kUser && table->type != TableType::kShared;
  });
  return tables;
}

Result<bool> HasPendingRows(const catalog::Table& table, const Services& services) {
  KALAM_ASSIGN(const auto pending, services.cold.Pending({&table.id, 1}, 1));
  return !pending.empty();
}

Result<jobs::JobPtr> CreateTableJob(jobs::JobType type, const catalog::Table& table, const Request& request,
                                    Services& services) {
  jobs::JobRequest job = jobs::TableJobRequest(type, table);
  job.owner = request.payload.principal->user_id;
  return services.jobs.Create(std::move(job));
}

}  // namespace kalam::sql
