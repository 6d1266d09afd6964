// system.tables: the latest version of each table.
#include "system/tables.h"

#include <array>
#include <boost/json.hpp>

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 9> kColumns = {
      {{"namespace_id", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"table_type", Type(TypeKind::kText), false, true},
       {"storage_id", Type(TypeKind::kText), false, false},
       {"version", Type(TypeKind::kBigInt), false, true},
       {"options", Type(TypeKind::kText), false, false},
       {"comment", Type(TypeKind::kText), false, false},
       {"updated_at", Type(TypeKind::kTimestamp), false, true},
       {"created_at", Type(TypeKind::kTimestamp), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) {
    const std::string options = TableOptionsJson(*table);
    const std::array<Value, 9> row = {
        Value::Text(table->ns),
        Value::Text(table->name),
        Value::Text(TableTypeName(table->type)),
        Value::Text(table->options.storage_id),
        Value::BigInt(table->schema().version),
        Value::Text(options),
        table->comment.empty() ? Value::Null(TypeKind::kText) : Value::Text(table->comment),
        cells::Millis(table->updated_at_ms),
        cells::Millis(table->created_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

std::string TableOptionsJson(const catalog::Table& table) {
  boost::json::object options;
  const auto upper = [](std::string_view name) {
    std::string text(name);
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return text;
  };
  options["table_type"] = upper(TableTypeName(table.type));
  options["storage_id"] = table.options.storage_id;
  if (table.type == TableType::kUser) options["use_user_storage"] = table.options.use_user_storage;
  if (table.type == TableType::kShared)
    options["access_level"] = std::string(AccessLevelName(table.access_level));
  boost::json::object policy;
  if (table.options.flush_rows) policy["row_limit"] = *table.options.flush_rows;
  if (table.options.flush_interval_seconds)
    policy["interval_seconds"] = *table.options.flush_interval_seconds;
  if (!policy.empty()) {
    const bool both = policy.size() == 2;
    policy["type"] = both ? "combined" : table.options.flush_rows ? "row_limit" : "time_interval";
  }
  options["flush_policy"] = policy.empty() ? boost::json::value(nullptr) : boost::json::value(policy);
  if (table.options.ttl_seconds) options["ttl_seconds"] = *table.options.ttl_seconds;
  if (table.type == TableType::kStream) {
    options["eviction_strategy"] = "time_based";
    options["max_stream_size_bytes"] = table.options.max_stream_size_bytes.value_or(0);
  }
  if (table.options.deleted_retention_hours)
    options["deleted_retention_hours"] = *table.options.deleted_retention_hours;
  return boost::json::serialize(options);
}

SystemTable TablesTable() { return {"system", "tables", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
