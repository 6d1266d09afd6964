// system.topics
#include <array>

#include "system/tables.h"
#include "topics/topics.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 9> kColumns = {
      {{"topic_id", Type(TypeKind::kText), true, true},
       {"name", Type(TypeKind::kText), false, true},
       {"alias", Type(TypeKind::kText), false, false},
       {"partitions", Type(TypeKind::kInt), false, true},
       {"retention_seconds", Type(TypeKind::kBigInt), false, false},
       {"retention_max_bytes", Type(TypeKind::kBigInt), false, false},
       {"routes", Type(TypeKind::kJson), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

// Without limit is NULL.
Value Limit(int64_t value) { return value == 0 ? Value::Null(TypeKind::kBigInt) : Value::BigInt(value); }

Status Rows(const SystemContext& context, RowSink& out) {
  for (const topics::TopicPtr& topic : context.topics.List()) {
    const std::string routes = topics::RoutesJson(*topic);
    const std::array<Value, 9> row = {Value::Text(topic->name),
                                      Value::Text(topic->name),
                                      Value::Null(TypeKind::kText),
                                      cells::Int(topic->partitions),
                                      Limit(topic->retention.seconds),
                                      Limit(topic->retention.bytes_max),
                                      Value::Bytes(TypeKind::kJson, routes),
                                      cells::Millis(topic->created_at_ms),
                                      cells::Millis(topic->updated_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable TopicsTable() { return {"system", "topics", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
