// system.transactions: the explicit transactions that are open now.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 10> kColumns = {
      {{"transaction_id", Type(TypeKind::kText), true, true},
       {"owner_id", Type(TypeKind::kText), false, true},
       {"origin", Type(TypeKind::kText), false, true},
       {"state", Type(TypeKind::kText), false, true},
       {"age_ms", Type(TypeKind::kBigInt), false, true},
       {"idle_ms", Type(TypeKind::kBigInt), false, true},
       {"write_count", Type(TypeKind::kBigInt), false, true},
       {"write_bytes", Type(TypeKind::kBigInt), false, true},
       {"touched_tables_count", Type(TypeKind::kBigInt), false, true},
       {"snapshot_commit_seq", Type(TypeKind::kBigInt), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  constexpr int64_t kNanosPerMilli = 1'000'000;
  const int64_t now = context.clock.MonotonicNanos();
  for (const tables::TransactionInfo& open : context.transactions.List()) {
    const std::array<Value, 10> row = {Value::Text(open.id),
                                       Value::Text(open.owner_id),
                                       Value::Text("SqlBatch"),
                                       Value::Text(tables::TransactionStateName(open.state)),
                                       Value::BigInt((now - open.started_nanos) / kNanosPerMilli),
                                       Value::BigInt((now - open.last_used_nanos) / kNanosPerMilli),
                                       Value::BigInt(open.write_count),
                                       Value::BigInt(open.write_bytes),
                                       Value::BigInt(open.touched_tables),
                                       Value::BigInt(open.snapshot_seq.value)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable TransactionsTable() { return {"system", "transactions", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
