// system.audit_log: who changed what, within the retention, oldest first.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 9> kColumns = {
      {{"audit_id", Type(TypeKind::kText), true, true},
       {"timestamp", Type(TypeKind::kTimestamp), false, true},
       {"actor_user_id", Type(TypeKind::kText), false, true},
       {"action", Type(TypeKind::kText), false, true},
       {"target", Type(TypeKind::kText), false, true},
       {"details", Type(TypeKind::kText), false, false},
       {"ip_address", Type(TypeKind::kText), false, false},
       {"subject_user_id", Type(TypeKind::kText), false, false},
       {"request_id", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Value TextOrNull(const std::string& text) {
  return text.empty() ? Value::Null(TypeKind::kText) : Value::Text(text);
}

Status Rows(const SystemContext& context, RowSink& out) {
  return context.audit.Scan([&](const auth::AuditEntry& entry) {
    const std::array<Value, 9> row = {
        Value::Text(entry.audit_id),         cells::Millis(entry.wall_millis),
        Value::Text(entry.actor_user_id),    Value::Text(entry.action),
        Value::Text(entry.target),           cells::TextOrNull(entry.details),
        TextOrNull(entry.source.ip_address), cells::TextOrNull(entry.subject_user_id),
        TextOrNull(entry.source.request_id)};
    return out.Row(row);
  });
}

}  // namespace

SystemTable AuditLogTable() { return {"system", "audit_log", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
