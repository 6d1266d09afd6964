// system.manifest: what the cold tier has of each scope, and whether hot rows wait to be flushed.
#include <fmt/format.h>

#include <array>
#include <unordered_map>

#include "cold/cold_tier.h"
#include "hot/key_codec.h"
#include "system/tables.h"
#include "tables/read_view.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 10> kColumns = {
      {{"cache_key", Type(TypeKind::kText), true, true},
       {"namespace_id", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"scope", Type(TypeKind::kText), false, true},
       {"etag", Type(TypeKind::kText), false, false},
       {"last_refreshed", Type(TypeKind::kTimestamp), false, true},
       {"last_accessed", Type(TypeKind::kTimestamp), false, true},
       {"in_memory", Type(TypeKind::kBoolean), false, true},
       {"sync_state", Type(TypeKind::kText), false, true},
       {"manifest_json", Type(TypeKind::kJson), false, true}}};
  return kColumns;
}

// Live hot rows of the scope wait for a flush.
Result<bool> HasHotRows(const hot::Store& store, std::string_view prefix) {
  auto cursor = store.Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (cursor->value().size() >= hot::kRowHeaderSize && !hot::RowDeleted(cursor->value())) return true;
  }
  KALAM_TRY(cursor->status());
  return false;
}

Status Emit(const SystemContext& context, const catalog::Table& table, std::string_view prefix,
            const std::vector<cold::SegmentPtr>& segments, RowSink& out) {
  const hot::Store& store = context.cold.store();
  const cold::TableShape shape = tables::ShapeOf(table);
  const std::string user = cold::UserOf(shape, prefix);
  hot::PinnedBytes bytes;
  cold::ManifestRecord record;
  const std::string record_key = fmt::format("{}{}", cold::kManifestKeys, prefix);
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, record_key, bytes));
  if (found) {
    KALAM_ASSIGN(record, cold::DecodeManifest(bytes.bytes()));
  }
  bool writing = false;
  for (const cold::SegmentPtr& segment : segments) {
    writing = writing || segment->status == cold::SegmentStatus::kWriting;
  }
  KALAM_ASSIGN(const bool hot, HasHotRows(store, prefix));
  const std::string scope = table.has_private_rows() ? user : "shared";
  const std::string key = fmt::format("{}:{}:{}", table.ns, table.name, scope);
  const std::string json = cold::ManifestJson(shape, user, segments, record);
  const Value refreshed = cells::Millis(record.updated_at_ms);
  const std::array<Value, 10> row = {
      Value::Text(key),
      Value::Text(table.ns),
      Value::Text(table.name),
      Value::Text(scope),
      record.etag.empty() ? Value::Null(TypeKind::kText) : Value::Text(record.etag),
      refreshed,
      refreshed,
      Value::Boolean(false),
      Value::Text(writing                      ? "syncing"
                  : found && !record.published ? "stale"
                  : hot                        ? "pending_write"
                                               : "in_sync"),
      Value::Bytes(TypeKind::kJson, json)};
  return out.Row(row);
}

Status Rows(const SystemContext& context, RowSink& out) {
  KALAM_ASSIGN(const auto segments, cold::ReadSegments(context.cold.store(), {}));
  std::unordered_map<TableId, catalog::TablePtr> tables;
  for (const catalog::TablePtr& table : context.catalog.Snapshot()->Tables()) tables[table->id] = table;
  for (size_t begin = 0; begin < segments.size();) {
    const std::string& prefix = segments[begin]->prefix;
    std::vector<cold::SegmentPtr> scope;
    size_t end = begin;
    for (; end < segments.size() && segments[end]->prefix == prefix; ++end) {
      if (segments[end]->status != cold::SegmentStatus::kRemoved) scope.push_back(segments[end]);
    }
    begin = end;
    // A dropped table waits for its clean-up; it is not shown.
    const auto table = tables.find(hot::TableOf(prefix));
    if (table != tables.end()) KALAM_TRY(Emit(context, *table->second, prefix, scope, out));
  }
  return {};
}

}  // namespace

SystemTable ManifestTable() { return {"system", "manifest", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
