// system.live: one row per live query that runs now.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr int64_t kNodeId = 1;

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 14> kColumns = {
      {{"live_id", Type(TypeKind::kText), true, true},
       {"connection_id", Type(TypeKind::kText), false, true},
       {"subscription_id", Type(TypeKind::kText), false, true},
       {"namespace_id", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"user_id", Type(TypeKind::kText), false, true},
       {"query", Type(TypeKind::kText), false, true},
       {"options", Type(TypeKind::kText), false, false},
       {"status", Type(TypeKind::kText), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"last_update", Type(TypeKind::kTimestamp), false, true},
       {"changes", Type(TypeKind::kBigInt), false, true},
       {"node_id", Type(TypeKind::kBigInt), false, true},
       {"last_ping_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Value Micros(int64_t micros) { return Value::Integer(TypeKind::kTimestamp, micros); }

Status Rows(const SystemContext& context, RowSink& out) {
  if (context.live == nullptr) return {};
  for (const live::LiveRow& live : context.live->List()) {
    const std::array<Value, 14> row = {Value::Text(live.live_id),
                                       Value::Text(live.connection_id),
                                       Value::Text(live.subscription_id),
                                       Value::Text(live.ns),
                                       Value::Text(live.table),
                                       Value::Text(live.user_id),
                                       Value::Text(live.query),
                                       cells::TextOrNull(live.options_json),
                                       Value::Text("active"),
                                       Micros(live.created_at_micros),
                                       Micros(live.last_update_micros),
                                       Value::BigInt(live.changes),
                                       Value::BigInt(kNodeId),
                                       Micros(live.last_ping_at_micros)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable LiveTable() { return {"system", "live", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
