// STORAGE CHECK id [EXTENDED], also CHECK STORAGE: what works there now, as one row.
#include <array>

#include "cold/storage/health_check.h"
#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/storage/definition.h"

namespace kalam::sql {
namespace {

Value BytesOrNull(std::optional<int64_t> bytes) {
  return bytes ? Value::Integer(TypeKind::kBigInt, *bytes) : Value::Null(TypeKind::kBigInt);
}

}  // namespace

Result<Outcome> RunCheckStorage(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 11> kColumns = {
      {{"storage_id", Type(TypeKind::kText), false, true},
       {"status", Type(TypeKind::kText), false, true},
       {"readable", Type(TypeKind::kBoolean), false, true},
       {"writable", Type(TypeKind::kBoolean), false, true},
       {"listable", Type(TypeKind::kBoolean), false, true},
       {"deletable", Type(TypeKind::kBoolean), false, true},
       {"latency_ms", Type(TypeKind::kBigInt), false, true},
       {"total_bytes", Type(TypeKind::kBigInt), false, false},
       {"used_bytes", Type(TypeKind::kBigInt), false, false},
       {"error", Type(TypeKind::kText), false, false},
       {"tested_at", Type(TypeKind::kTimestamp), false, true}}};
  const auto& check = std::get<CheckStorage>(statement.body);
  if (services.catalog.Snapshot()->FindStorage(check.storage_id) == nullptr) {
    return StorageNotFound(check.storage_id, "STORAGE CHECK");
  }
  const auto store = services.storages.StoreOf(check.storage_id);
  cold::StorageHealth health;
  if (store) {
    const cold::StoreCall call{request.payload.deadline_nanos, request.payload.stop};
    health = cold::CheckHealth(**store, check.extended, services.clock, services.random, call);
  } else {
    health.error = store.error().message;
    health.tested_at_ms = services.clock.WallMillis();
  }
  const std::array<Value, 11> row = {
      Value::Text(check.storage_id),
      Value::Text(health.status()),
      Value::Boolean(health.readable),
      Value::Boolean(health.writable),
      Value::Boolean(health.listable),
      Value::Boolean(health.deletable),
      Value::Integer(TypeKind::kBigInt, health.latency_ms),
      BytesOrNull(health.total_bytes),
      BytesOrNull(health.used_bytes),
      health.error.empty() ? Value::Null(TypeKind::kText) : Value::Text(health.error),
      Value::Integer(TypeKind::kTimestamp, health.tested_at_ms * 1000)};
  request.response.Begin(kColumns);
  KALAM_TRY(request.response.Row(row));
  return Outcome{OutcomeKind::kRows, 1, {}};
}

}  // namespace kalam::sql
