// system.tables: the latest version of each table, and the views.
#include "system/tables.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <tuple>

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

bool SameOptions(const catalog::Table& a, const catalog::Table& b) {
  const auto parts = [](const catalog::Table& table) {
    const TableOptions& o = table.options;
    return std::tie(table.type, table.access_level, o.storage_id, o.use_user_storage, o.flush_rows,
                    o.flush_interval_seconds, o.deleted_retention_hours, o.ttl_seconds,
                    o.max_stream_size_bytes);
  };
  return parts(a) == parts(b);
}

Status Rows(const SystemContext& context, RowSink& out) {
  // Most tables of a server have the same options, so the text of the last one mostly fits.
  const catalog::Table* described = nullptr;
  std::string options;
  const catalog::SnapshotPtr snapshot = context.catalog.Snapshot();
  for (const catalog::TablePtr& table : snapshot->Tables()) {
    if (described == nullptr || !SameOptions(*described, *table)) options = TableOptionsJson(*table);
    described = table.get();
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
  const Value none = Value::Null(TypeKind::kText);
  for (const catalog::ViewPtr& view : snapshot->Views()) {
    const std::array<Value, 9> row = {Value::Text(view->ns),
                                      Value::Text(view->name),
                                      Value::Text("view"),
                                      none,
                                      Value::BigInt(1),
                                      none,
                                      none,
                                      cells::Millis(view->updated_at_ms),
                                      cells::Millis(view->created_at_ms)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

// Written by hand: readers of system.tables ask for it once per table.
std::string TableOptionsJson(const catalog::Table& table) {
  std::string json = R"({"table_type":")";
  for (const char c : TableTypeName(table.type)) json += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  json += R"(","storage_id":)" + boost::json::serialize(boost::json::string(table.options.storage_id));
  if (table.type == TableType::kUser)
    json += table.options.use_user_storage ? R"(,"use_user_storage":true)" : R"(,"use_user_storage":false)";
  if (table.type == TableType::kShared)
    json.append(R"(,"access_level":")").append(AccessLevelName(table.access_level)).append("\"");
  const auto& rows = table.options.flush_rows;
  const auto& seconds = table.options.flush_interval_seconds;
  json += R"(,"flush_policy":)";
  if (rows && seconds) {
    json += fmt::format(R"({{"row_limit":{},"interval_seconds":{},"type":"combined"}})", *rows, *seconds);
  } else if (rows) {
    json += fmt::format(R"({{"row_limit":{},"type":"row_limit"}})", *rows);
  } else if (seconds) {
    json += fmt::format(R"({{"interval_seconds":{},"type":"time_interval"}})", *seconds);
  } else {
    json += "null";
  }
  if (table.options.ttl_seconds) json += fmt::format(R"(,"ttl_seconds":{})", *table.options.ttl_seconds);
  if (table.type == TableType::kStream) {
    json += fmt::format(R"(,"eviction_strategy":"time_based","max_stream_size_bytes":{})",
                        table.options.max_stream_size_bytes.value_or(0));
  }
  if (table.options.deleted_retention_hours)
    json += fmt::format(R"(,"deleted_retention_hours":{})", *table.options.deleted_retention_hours);
  return json + "}";
}

SystemTable TablesTable() { return {"system", "tables", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
