// BACKUP and RESTORE: jobs that write a backup and bring one back.
#include <fmt/format.h>

#include <filesystem>

#include "jobs/backup/scope.h"
#include "jobs/backup/target.h"
#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

jobs::JobRequest RequestOf(jobs::JobType type, const BackupRestore& statement, const Request& request) {
  jobs::JobRequest job;
  job.type = type;
  job.ns = statement.ns;
  job.table = statement.table;
  if (!statement.ns.empty()) job.parameters.Set("namespace_id", statement.ns);
  if (!statement.table.empty()) job.parameters.Set("table_name", statement.table);
  job.parameters.Set("path", statement.path);
  job.owner = request.payload.principal->user_id;
  job.idempotency_key = fmt::format("{}:{}", jobs::JobTypeName(type), statement.path);
  return job;
}

}  // namespace

Result<Outcome> RunBackup(const Statement& statement, Request& request, Services& services) {
  const auto& backup = std::get<BackupRestore>(statement.body);
  const jobs::BackupScope scope{backup.ns, backup.table};
  const catalog::SnapshotPtr catalog = services.catalog.Snapshot();
  const bool exists =
      backup.ns.empty() || (backup.table.empty() ? catalog->FindNamespace(backup.ns) != nullptr
                                                 : catalog->FindTable(backup.ns, backup.table) != nullptr);
  if (!exists) {
    return Fail(backup.table.empty() ? ErrorCode::kNotFoundNamespace : ErrorCode::kNotFoundTable,
                fmt::format("{} not found", scope.Title()));
  }
  jobs::JobRequest request_of_job = RequestOf(jobs::JobType::kBackup, backup, request);
  request_of_job.also = [&](const std::string& job_id) {
    return AuditOf(request, services, "BACKUP", scope.Title(),
                   fmt::format("To '{}', job {}", backup.path, job_id));
  };
  KALAM_ASSIGN(const jobs::JobPtr job, services.jobs.Create(std::move(request_of_job)));
  return MessageOutcome(
      fmt::format("{} backup started to '{}'. Job ID: {}", scope.Title(), backup.path, job->id));
}

Result<Outcome> RunRestore(const Statement& statement, Request& request, Services& services) {
  const auto& restore = std::get<BackupRestore>(statement.body);
  const jobs::BackupScope scope{restore.ns, restore.table};
  KALAM_TRY(jobs::CheckTarget(restore.path));
  // A wrong path is told at once; what lies in a storage is looked at by the job.
  std::error_code error;
  if (restore.path.starts_with('/')) {
    if (!std::filesystem::exists(restore.path, error)) {
      return Fail(ErrorCode::kNotFound, fmt::format("Backup directory '{}' not found", restore.path));
    }
    if (!std::filesystem::is_directory(restore.path, error)) {
      return Fail(ErrorCode::kInvalidOperation, fmt::format("'{}' is not a directory", restore.path));
    }
  }
  jobs::JobRequest request_of_job = RequestOf(jobs::JobType::kRestore, restore, request);
  request_of_job.parameters.SetFlag("overwrite", restore.overwrite);
  request_of_job.also = [&](const std::string& job_id) {
    return AuditOf(request, services, "RESTORE", scope.Title(),
                   fmt::format("From '{}', job {}", restore.path, job_id));
  };
  KALAM_ASSIGN(const jobs::JobPtr job, services.jobs.Create(std::move(request_of_job)));
  return MessageOutcome(
      fmt::format("{} restore started from '{}'. Job ID: {}", scope.Title(), restore.path, job->id));
}

}  // namespace kalam::sql
