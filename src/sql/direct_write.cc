#include <fmt/format.h>

#include <string_view>
#include <unordered_set>
#include <utility>

#include "sql/direct.h"
#include "tables/key_range.h"
#include "tables/row_builder.h"
#include "tables/row_change.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

constexpr size_t kInlineInsertRowsMax = 256;
constexpr int64_t kDeadlineCheckRows = 1024;

using Prepared = std::optional<PreparedWrite>;

PreparedWrite StartWrite(const Plan& plan, OutcomeKind kind) {
  PreparedWrite write;
  write.kind = kind;
  write.table = plan.target;
  write.batch.guards.push_back({plan.target->id, plan.target->schema().version});
  return write;
}

Status CheckDistinctKeys(const catalog::Table& table, const hot::Batch& batch) {
  if (batch.rows.size() < 2 || table.type == TableType::kStream) return {};
  std::unordered_set<std::string_view> keys;
  keys.reserve(batch.rows.size());
  for (const hot::RowOp& op : batch.rows) {
    if (!keys.insert(op.key).second) return Fail(tables::DuplicateKeyError(table, op, true));
  }
  return {};
}

Result<Prepared> PrepareInsert(const Plan& plan, const BindContext& context) {
  const auto& insert = std::get<DirectInsert>(plan.direct);
  const catalog::Table& table = *plan.target;
  const int64_t rows_max = context.services.settings.limits.max_insert_rows;
  if (static_cast<int64_t>(insert.rows.size()) > rows_max) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format("INSERT has {} rows; the limit is {} (limits.max_insert_rows). Split the statement",
                    insert.rows.size(), rows_max));
  }
  PreparedWrite write = StartWrite(plan, OutcomeKind::kInserted);
  write.batch.rows.reserve(insert.rows.size());
  tables::RowBuilder builder(
      table, insert.columns, tables::ScopePrefix(table, context.principal.user_id),
      {context.services.snowflake, context.services.random, context.now_micros, context.principal.user_id});
  std::vector<Value> values(insert.columns.size());
  for (const auto& row : insert.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      KALAM_ASSIGN(const auto value,
                   WrittenValue(row[i], table.schema().columns[insert.columns[i]], context));
      if (!value) return Prepared();
      values[i] = *value;
    }
    KALAM_TRY(builder.Add(values, write.batch));
  }
  KALAM_TRY(CheckDistinctKeys(table, write.batch));
  return Prepared(std::move(write));
}

// One operation per row that matches now. The transform looks at the row again when it is committed, so a row
// that another writer changes in between is judged by its newest version. Rows that start to match in between
// are not part of this statement. False = the engine must run it (a key comparison that has no key form).
Result<bool> AddChanges(const catalog::Table& table, hot::RowOpKind kind,
                        const std::vector<tables::Condition>& conditions,
                        std::shared_ptr<const hot::RowTransform> transform, const BindContext& context,
                        int64_t deadline_nanos, hot::Batch& batch) {
  tables::KeyRange range =
      tables::ScopeRange(table, context.principal.user_id, context.services.clock.WallMillis());
  const auto key = tables::KeyOrdinal(table);
  for (const tables::Condition& condition : conditions) {
    if (condition.ordinal == key && condition.op != engine::CompareOp::kIsNull &&
        condition.op != engine::CompareOp::kIsNotNull) {
      const Status narrowed = condition.op == engine::CompareOp::kIn
                                  ? range.NarrowToList(condition.list)
                                  : range.Narrow(condition.op, condition.constant);
      if (!narrowed) return false;
    }
  }
  if (range.empty()) return true;
  const auto add = [&](std::string_view row_key) {
    hot::RowOp& op = batch.rows.emplace_back();
    op.kind = kind;
    op.prefix_size = static_cast<uint32_t>(range.prefix_size());
    op.key = row_key;
    op.transform = transform;
  };
  if (const auto keys = range.keys()) {
    for (const std::string& one : *keys) add(one);
    return true;
  }
  auto cursor = context.view.Scan(range.begin(), range.end());
  if (context.view.MayHaveColdRows(table)) return false;
  for (int64_t seen = 1; cursor.Valid(); cursor.Next(), ++seen) {
    if (seen % kDeadlineCheckRows == 0 && context.services.clock.MonotonicNanos() > deadline_nanos) {
      return Fail(ErrorCode::kDeadline, "Handler execution exceeded its timeout");
    }
    KALAM_ASSIGN(const hot::RowView row, table.codec->Open(cursor.value()));
    if (!row.deleted() && tables::Matches(conditions, row)) add(cursor.key());
  }
  KALAM_TRY(cursor.status());
  return true;
}

Result<Prepared> PrepareUpdate(const Plan& plan, const BindContext& context, int64_t deadline_nanos) {
  using Form = engine::SimpleUpdate::Assignment::Form;
  const auto& update = std::get<DirectUpdate>(plan.direct);
  const TableSchema& schema = plan.target->schema();
  const auto conditions = BindWhere(update.where, schema, context);
  if (!conditions) return Prepared();
  std::vector<tables::Assignment> assignments;
  for (const DirectUpdate::Item& item : update.assignments) {
    tables::Assignment& assignment = assignments.emplace_back();
    assignment.ordinal = item.ordinal;
    assignment.source_ordinal = item.source_ordinal;
    if (item.form != Form::kOperand) {
      const std::optional<Value> raw = RawValue(item.value, context);
      if (!raw || raw->is_null || raw->kind != TypeKind::kBigInt) return Prepared();
      assignment.form =
          item.form == Form::kColumnPlus ? tables::Assignment::Form::kPlus : tables::Assignment::Form::kMinus;
      assignment.constant = OwnedValue(*raw);
      continue;
    }
    KALAM_ASSIGN(const auto value, WrittenValue(item.value, schema.columns[item.ordinal], context));
    if (!value) return Prepared();
    assignment.constant = OwnedValue(*value);
  }
  PreparedWrite write = StartWrite(plan, OutcomeKind::kUpdated);
  const auto change =
      std::make_shared<tables::UpdateChange>(plan.target, std::move(assignments), *conditions);
  KALAM_ASSIGN(const bool direct, AddChanges(*plan.target, hot::RowOpKind::kUpdate, *conditions, change,
                                             context, deadline_nanos, write.batch));
  return direct ? Prepared(std::move(write)) : Prepared();
}

Result<Prepared> PrepareDelete(const Plan& plan, const BindContext& context, int64_t deadline_nanos) {
  const auto& del = std::get<DirectDelete>(plan.direct);
  const auto conditions = BindWhere(del.where, plan.target->schema(), context);
  if (!conditions) return Prepared();
  PreparedWrite write = StartWrite(plan, OutcomeKind::kDeleted);
  // Rows of STREAM tables never change, so they need no second look, and leave without a tombstone.
  const bool stream = plan.target->type == TableType::kStream;
  const auto kind = stream ? hot::RowOpKind::kErase : hot::RowOpKind::kDelete;
  const auto change = stream ? nullptr : std::make_shared<tables::DeleteChange>(plan.target, *conditions);
  KALAM_ASSIGN(const bool direct,
               AddChanges(*plan.target, kind, *conditions, change, context, deadline_nanos, write.batch));
  return direct ? Prepared(std::move(write)) : Prepared();
}

// So many rows at most are named by their keys that nothing needs to be looked for.
bool NamesKeys(const std::vector<PlannedComparison>& where, const catalog::Table& table) {
  const auto key = tables::KeyOrdinal(table);
  if (!key) return false;
  for (const PlannedComparison& comparison : where) {
    if (comparison.ordinal != key) continue;
    if (comparison.op == engine::CompareOp::kEqual || comparison.op == engine::CompareOp::kIn) return true;
  }
  return false;
}

}  // namespace

DirectCost CostOfWrite(const Plan& plan) {
  if (const auto* insert = std::get_if<DirectInsert>(&plan.direct)) {
    return insert->rows.size() <= kInlineInsertRowsMax ? DirectCost::kShort : DirectCost::kScan;
  }
  if (const auto* update = std::get_if<DirectUpdate>(&plan.direct)) {
    return NamesKeys(update->where, *plan.target) ? DirectCost::kShort : DirectCost::kScan;
  }
  if (const auto* del = std::get_if<DirectDelete>(&plan.direct)) {
    return NamesKeys(del->where, *plan.target) ? DirectCost::kShort : DirectCost::kScan;
  }
  return DirectCost::kEngine;
}

Result<std::optional<PreparedWrite>> PrepareWrite(const Plan& plan, const BindContext& context,
                                                  int64_t deadline_nanos) {
  if (std::holds_alternative<DirectInsert>(plan.direct)) return PrepareInsert(plan, context);
  if (std::holds_alternative<DirectUpdate>(plan.direct)) return PrepareUpdate(plan, context, deadline_nanos);
  if (std::holds_alternative<DirectDelete>(plan.direct)) return PrepareDelete(plan, context, deadline_nanos);
  return Prepared();
}

Result<Outcome> StageWrite(tables::Transaction& transaction, const catalog::TablePtr& table, OutcomeKind kind,
                           hot::Batch batch) {
  KALAM_ASSIGN(const int64_t rows, transaction.Stage(table, std::move(batch)));
  return Outcome{kind, rows, {}};
}

Status AddColdRows(const catalog::Table& table, const tables::ReadView& newest, hot::Batch& batch) {
  if (!newest.MayHaveColdRows(table)) return {};
  const tables::ReadView view = newest.AtSnapshot();
  std::vector<hot::RowOp> rows;
  tables::RowBuffer buffer;
  for (hot::RowOp& op : batch.rows) {
    if (op.kind == hot::RowOpKind::kInsert || !op.transform) {
      rows.push_back(std::move(op));
      continue;
    }
    KALAM_ASSIGN(const auto stored, view.Get(table, op.key, op.prefix_size, buffer));
    if (buffer.is_cold) {
      KALAM_ASSIGN(const auto effect, op.transform->Apply(*stored, op.value));
      if (effect == hot::RowTransform::Effect::kUnchanged) continue;
      op.seen = hot::RowSeq(*stored);
      op.cold_before = *stored;
    }
    rows.push_back(std::move(op));
  }
  batch.rows = std::move(rows);
  return {};
}

Result<Outcome> FinishWrite(const catalog::Table& table, OutcomeKind kind, hot::CommitResult result) {
  if (result.status) return Outcome{kind, result.applied, {}};
  if (result.failed_op && result.status.error().code == ErrorCode::kAlreadyExists) {
    hot::RowOp op;
    op.key = std::move(result.failed_key);
    op.prefix_size = static_cast<uint32_t>(hot::PrefixSize(op.key, table.has_private_rows()));
    return Fail(tables::DuplicateKeyError(table, op, false));
  }
  return Fail(std::move(result.status).error());
}

}  // namespace kalam::sql
