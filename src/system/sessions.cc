// system.sessions: sessions of the PostgreSQL protocol. HTTP requests have none, and there is no other front
// yet.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 12> kColumns = {
      {{"session_id", Type(TypeKind::kText), true, true},
       {"backend_pid", Type(TypeKind::kBigInt), false, false},
       {"current_schema", Type(TypeKind::kText), false, false},
       {"state", Type(TypeKind::kText), false, true},
       {"transaction_id", Type(TypeKind::kText), false, false},
       {"transaction_state", Type(TypeKind::kText), false, false},
       {"transaction_has_writes", Type(TypeKind::kBoolean), false, true},
       {"client_addr", Type(TypeKind::kText), false, false},
       {"transport", Type(TypeKind::kText), false, true},
       {"opened_at", Type(TypeKind::kTimestamp), false, true},
       {"last_seen_at", Type(TypeKind::kTimestamp), false, true},
       {"last_method", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext&, RowSink&) { return {}; }

}  // namespace

SystemTable SessionsTable() { return {"system", "sessions", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
