// system.topic_offsets: one row per group and partition that has acknowledged messages.
#include <array>

#include "system/tables.h"
#include "topics/topics.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 5> kColumns = {
      {{"topic_id", Type(TypeKind::kText), true, true},
       {"group_id", Type(TypeKind::kText), true, true},
       {"partition_id", Type(TypeKind::kInt), true, true},
       {"last_acked_offset", Type(TypeKind::kBigInt), false, true},
       {"updated_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  KALAM_ASSIGN(const auto groups, context.topics.Groups());
  for (const topics::GroupRow& group : groups) {
    const std::array<Value, 5> row = {
        Value::Text(group.topic), Value::Text(group.group), cells::Int(group.partition),
        Value::BigInt(static_cast<int64_t>(group.acknowledged)), cells::Millis(group.updated_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable TopicOffsetsTable() { return {"system", "topic_offsets", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
