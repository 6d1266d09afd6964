#include "catalog/load.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "catalog/record.h"
#include "hot/key_codec.h"

namespace kalam::catalog {
namespace {

std::unexpected<Error> Corrupt(std::string_view key, std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("Catalog record '{}': {}", key, what));
}

// Calls `use(key, value)` for each record below `prefix` and puts the key into its errors.
Status ForEachRecord(const hot::Store& store, std::string_view prefix,
                     const std::function<Status(std::string_view, std::string_view)>& use) {
  const auto cursor = store.Scan(hot::Space::kMeta, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    if (const Status used = use(cursor->key(), cursor->value()); !used.has_value()) {
      return Corrupt(cursor->key(), used.error().message);
    }
  }
  return cursor->status();
}

Result<std::vector<NamespacePtr>> LoadNamespaces(const hot::Store& store) {
  std::vector<NamespacePtr> namespaces;
  KALAM_TRY(
      ForEachRecord(store, kNamespacePrefix, [&](std::string_view key, std::string_view value) -> Status {
        KALAM_ASSIGN(Namespace ns, DecodeNamespace(value));
        if (NamespaceKey(ns.name) != key) return Fail(ErrorCode::kCorruption, "key and name differ");
        namespaces.push_back(std::make_shared<const Namespace>(std::move(ns)));
        return {};
      }));
  return namespaces;
}

Result<std::vector<ViewPtr>> LoadViews(const hot::Store& store, const std::set<std::string>& namespaces) {
  std::vector<ViewPtr> views;
  KALAM_TRY(ForEachRecord(store, kViewPrefix, [&](std::string_view key, std::string_view value) -> Status {
    KALAM_ASSIGN(View view, DecodeView(value));
    if (ViewKey(view.ns, view.name) != key) return Fail(ErrorCode::kCorruption, "key and name differ");
    if (!namespaces.contains(view.ns))
      return Fail(ErrorCode::kCorruption, fmt::format("namespace '{}' is missing", view.ns));
    views.push_back(std::make_shared<const View>(std::move(view)));
    return {};
  }));
  return views;
}

Result<std::vector<StoragePtr>> LoadStorages(const hot::Store& store) {
  std::vector<StoragePtr> storages;
  KALAM_TRY(ForEachRecord(store, kStoragePrefix, [&](std::string_view key, std::string_view value) -> Status {
    KALAM_ASSIGN(Storage storage, DecodeStorage(value));
    if (StorageKey(storage.id) != key) return Fail(ErrorCode::kCorruption, "key and id differ");
    storages.push_back(std::make_shared<const Storage>(std::move(storage)));
    return {};
  }));
  return storages;
}

Status CreateLocalStorage(hot::Store& store, const Clock& clock) {
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, StorageKey(kLocalStorage), bytes));
  if (found) return {};
  Storage local;
  local.id = kLocalStorage;
  local.name = "Local Filesystem";
  local.description = "Default local filesystem storage";
  local.created_at_ms = local.updated_at_ms = clock.WallMillis();
  hot::Batch batch;
  batch.meta.push_back({StorageKey(local.id), EncodeStorage(local)});
  return store.Commit(std::move(batch)).status;
}

using TablesById = std::map<TableId, TableRecord>;

Result<TablesById> LoadTables(const hot::Store& store) {
  TablesById tables;
  KALAM_TRY(ForEachRecord(store, kTablePrefix, [&](std::string_view key, std::string_view value) -> Status {
    KALAM_ASSIGN(TableRecord record, DecodeTable(value));
    if (TableKey(record.table.id) != key) return Fail(ErrorCode::kCorruption, "key and id differ");
    tables.emplace(record.table.id, std::move(record));
    return {};
  }));
  // Keys ascend by table and version, so versions arrive in order.
  KALAM_TRY(ForEachRecord(store, kSchemaPrefix, [&](std::string_view key, std::string_view value) -> Status {
    KALAM_ASSIGN(SchemaRecord record, DecodeSchema(value));
    if (SchemaKey(record.table, record.schema.version) != key) {
      return Fail(ErrorCode::kCorruption, "key and content differ");
    }
    const auto table = tables.find(record.table);
    if (table == tables.end()) return Fail(ErrorCode::kCorruption, "its table is missing");
    table->second.table.versions.push_back(std::move(record.schema));
    return {};
  }));
  return tables;
}

// What must hold between records, whoever wrote them.
Status CheckTable(const TableRecord& record, const std::set<std::string>& namespaces,
                  uint32_t next_table_id) {
  const Table& table = record.table;
  const std::string key = TableKey(table.id);
  if (table.versions.empty()) return Corrupt(key, "it has no schema record");
  if (table.schema().version != record.last_version)
    return Corrupt(key, "its newest schema record is missing");
  if (table.id.value >= next_table_id) return Corrupt(key, "its id is not below catalog/next_table_id");
  if (!namespaces.contains(table.ns)) return Corrupt(key, fmt::format("namespace '{}' is missing", table.ns));
  for (const Column& column : table.schema().columns) {
    if (column.id.value >= table.next_column_id)
      return Corrupt(key, "a column id is not below next_column_id");
  }
  return {};
}

// 0 when the store has no catalog.
Result<uint32_t> ReadNextTableId(const hot::Store& store) {
  hot::PinnedBytes bytes;
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, kNextTableIdKey, bytes));
  if (!found) return 0U;
  const std::string_view text = bytes.bytes();
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) {
    return Corrupt(kNextTableIdKey, "is not a number above 0");
  }
  return id;
}

}  // namespace

Status CreateOnEmptyStore(hot::Store& store, const Clock& clock) {
  KALAM_TRY(CreateLocalStorage(store, clock));
  KALAM_ASSIGN(const uint32_t next_table_id, ReadNextTableId(store));
  if (next_table_id != 0) return {};
  hot::Batch batch;
  batch.meta.push_back({std::string(kNextTableIdKey), "1"});
  for (const char* name : {"default", "system", "dba"}) {
    const Namespace ns{.name = name, .created_at_ms = clock.WallMillis()};
    batch.meta.push_back({NamespaceKey(name), EncodeNamespace(ns)});
  }
  return store.Commit(std::move(batch)).status;
}

Result<Definitions> LoadDefinitions(const hot::Store& store) {
  Definitions loaded;
  KALAM_ASSIGN(loaded.next_table_id, ReadNextTableId(store));
  KALAM_ASSIGN(loaded.namespaces, LoadNamespaces(store));
  KALAM_ASSIGN(loaded.storages, LoadStorages(store));
  std::set<std::string> names;
  for (const NamespacePtr& ns : loaded.namespaces) names.insert(ns->name);
  KALAM_ASSIGN(loaded.views, LoadViews(store, names));
  KALAM_ASSIGN(TablesById tables, LoadTables(store));
  for (auto& [id, record] : tables) {
    KALAM_TRY(CheckTable(record, names, loaded.next_table_id));
    record.table.codec = std::make_shared<const hot::RowCodec>(record.table.versions);
    loaded.tables.push_back(std::make_shared<const Table>(std::move(record.table)));
  }
  return loaded;
}

}  // namespace kalam::catalog
