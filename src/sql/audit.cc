#include "sql/audit.h"

#include <fmt/format.h>

#include <utility>

#include "sql/handlers.h"

namespace kalam::sql {
namespace {

auth::AuditEntry EntryOf(const Payload& payload, std::string_view action, std::string_view target) {
  auth::AuditEntry entry;
  entry.actor_user_id = payload.principal->user_id;
  entry.action = action;
  entry.target = target;
  entry.source = {payload.client_ip, payload.request_id};
  return entry;
}

auth::AuditEntry EntryOf(const Request& request, std::string_view action, std::string_view target,
                         std::optional<std::string> details) {
  auth::AuditEntry entry = EntryOf(request.payload, action, target);
  entry.details = std::move(details);
  if (request.principal->user_id != request.payload.principal->user_id)
    entry.subject_user_id = request.principal->user_id;
  return entry;
}

bool ActsForAnother(const Payload& payload, const Statement& statement) {
  return statement.execute_as && *statement.execute_as != payload.principal->user_id;
}

auth::AuditEntry ImpersonationEntry(const Payload& payload, const Statement& statement) {
  auth::AuditEntry entry = EntryOf(payload, "EXECUTE_AS_USER", *statement.execute_as);
  entry.subject_user_id = *statement.execute_as;
  entry.details = fmt::format(R"({{"success":true,"actor_role":"{}","statement":"{}"}})",
                              RoleName(payload.principal->role), HandlerOf(statement.kind).name);
  return entry;
}

}  // namespace

std::vector<hot::MetaOp> AuditOf(const Request& request, Services& services, std::string_view action,
                                 std::string_view target, std::optional<std::string> details) {
  std::vector<hot::MetaOp> ops;
  services.audit.Add(EntryOf(request, action, target, std::move(details)), ops);
  return ops;
}

void AuditRows(const Payload& payload, const Principal& effective, const catalog::Table& table,
               OutcomeKind kind, Services& services, std::vector<hot::MetaOp>& batch) {
  if (!services.settings.audit.dml) return;
  const std::string_view action = kind == OutcomeKind::kInserted  ? "INSERT"
                                  : kind == OutcomeKind::kUpdated ? "UPDATE"
                                                                  : "DELETE";
  auth::AuditEntry entry = EntryOf(payload, action, table.full_name());
  if (effective.user_id != payload.principal->user_id) entry.subject_user_id = effective.user_id;
  services.audit.AddWithRows(std::move(entry), batch);
}

void AuditImpersonation(const Payload& payload, const Statement& statement, Services& services,
                        std::vector<hot::MetaOp>& batch) {
  if (ActsForAnother(payload, statement)) services.audit.Add(ImpersonationEntry(payload, statement), batch);
}

void SubmitImpersonation(const Payload& payload, const Statement& statement, Services& services) {
  if (ActsForAnother(payload, statement)) services.audit.Submit(ImpersonationEntry(payload, statement));
}

void SubmitDeniedImpersonation(const Payload& payload, std::string_view subject, Services& services) {
  auth::AuditEntry entry = EntryOf(payload, "EXECUTE_AS_USER_DENIED", subject);
  entry.subject_user_id = subject;
  entry.details = fmt::format(R"({{"success":false,"actor_role":"{}","reason":"role_not_allowed"}})",
                              RoleName(payload.principal->role));
  services.audit.Submit(std::move(entry));
}

}  // namespace kalam::sql
