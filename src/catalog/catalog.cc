#include "catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "catalog/load.h"
#include "catalog/record.h"
#include "catalog/view_rules.h"

namespace kalam::catalog {
namespace {

QualifiedName KeyOf(const Namespace& ns) { return {ns.name, {}}; }
QualifiedName KeyOf(const Table& table) { return {table.ns, table.name}; }

std::unexpected<Error> NamespaceNotFound(std::string_view name) {
  return Fail(Error(ErrorCode::kNotFoundNamespace, fmt::format("Namespace '{}' not found", name))
                  .With("namespace", std::string(name)));
}

std::unexpected<Error> TableNotFound(std::string_view ns, std::string_view name) {
  return Fail(
      Error(ErrorCode::kNotFoundTable, fmt::format("Table '{}' not found in namespace '{}'", name, ns))
          .With("table_name", std::string(name))
          .With("namespace", std::string(ns)));
}

// Columns that are new in the newest version get the next ids; ids are never given twice in a table's life.
Status AssignColumnIds(Table& table) {
  if (table.versions.back().columns.size() > limits::kColumnsMax) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("Table {} has more than {} columns", table.full_name(), limits::kColumnsMax));
  }
  for (Column& column : table.versions.back().columns) {
    if (column.id.value == 0) column.id = ColumnId(table.next_column_id++);
  }
  return {};
}

bool IsNewNotNull(const TableSchema& before, const Column& column) {
  if (column.nullable) return false;
  const auto same = [&](const Column& old) { return old.id == column.id; };
  const auto old = std::find_if(before.columns.begin(), before.columns.end(), same);
  return old == before.columns.end() || old->nullable;
}

bool HasNewNotNull(const TableSchema& before, const TableSchema& after) {
  const auto is_new = [&](const Column& column) { return IsNewNotNull(before, column); };
  return std::any_of(after.columns.begin(), after.columns.end(), is_new);
}

// `after` with the columns that `before` let be NULL, or did not have, nullable.
TableSchema Relaxed(const TableSchema& before, TableSchema after) {
  for (Column& column : after.columns) column.nullable = column.nullable || IsNewNotNull(before, column);
  return after;
}

void AddRemoval(const Table& table, hot::Batch& batch) {
  batch.meta.push_back({TableKey(table.id), std::nullopt});
  for (const TableSchema& schema : table.versions) {
    batch.meta.push_back({SchemaKey(table.id, schema.version), std::nullopt});
  }
  batch.new_versions.push_back({table.id, 0});
  batch.dropped_tables.push_back(table.id);
}

}  // namespace

NamespacePtr CatalogSnapshot::FindNamespace(std::string_view name) const {
  return namespaces_.Find({name, {}});
}

TablePtr CatalogSnapshot::FindTable(std::string_view ns, std::string_view name) const {
  return tables_.Find({ns, name});
}

std::vector<NamespacePtr> CatalogSnapshot::Namespaces() const {
  std::vector<NamespacePtr> all;
  namespaces_.ForEach([&](const NamespacePtr& ns) { all.push_back(ns); });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return all;
}

std::vector<TablePtr> CatalogSnapshot::Tables() const {
  std::call_once(sorted_->once, [this] {
    std::vector<TablePtr>& all = sorted_->tables;
    all.reserve(tables_.size());
    tables_.ForEach([&](const TablePtr& table) { all.push_back(table); });
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::tie(a->ns, a->name) < std::tie(b->ns, b->name);
    });
  });
  return sorted_->tables;
}

std::vector<TablePtr> CatalogSnapshot::TablesIn(std::string_view ns) const {
  std::vector<TablePtr> all;
  tables_.ForEach([&](const TablePtr& table) {
    if (table->ns == ns) all.push_back(table);
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return all;
}

Catalog::Catalog(hot::Store& store, const Clock& clock, CatalogSnapshot first, uint32_t next_table_id)
    : store_(store),
      clock_(clock),
      next_table_id_(next_table_id),
      published_(std::make_shared<const CatalogSnapshot>(std::move(first))) {}

Result<std::unique_ptr<Catalog>> Catalog::Open(hot::Store& store, const Clock& clock) {
  KALAM_TRY(CreateOnEmptyStore(store, clock));
  KALAM_ASSIGN(Definitions loaded, LoadDefinitions(store));
  CatalogSnapshot first;
  first.version_ = 1;
  std::vector<std::pair<QualifiedName, NamespacePtr>> namespaces;
  namespaces.reserve(loaded.namespaces.size());
  for (NamespacePtr& ns : loaded.namespaces) namespaces.emplace_back(KeyOf(*ns), std::move(ns));
  first.namespaces_.Fill(namespaces);
  std::vector<std::pair<QualifiedName, TablePtr>> tables;
  tables.reserve(loaded.tables.size());
  for (TablePtr& table : loaded.tables) {
    store.SetSchemaVersion(table->id, table->schema().version);
    tables.emplace_back(KeyOf(*table), std::move(table));
  }
  first.tables_.Fill(tables);
  for (ViewPtr& view : loaded.views) first.views_.Set({view->ns, view->name}, view);
  for (StoragePtr& storage : loaded.storages) first.storages_.emplace(storage->id, std::move(storage));
  return std::unique_ptr<Catalog>(new Catalog(store, clock, std::move(first), loaded.next_table_id));
}

Status Catalog::CommitAndPublish(hot::Batch batch, CatalogSnapshot next,
                                 const std::function<void()>& committed) {
  const hot::CommitResult result = store_.Commit(std::move(batch));
  if (!result.status.has_value()) return result.status;
  if (committed) committed();
  next.version_ = published_.version() + 1;
  next.sorted_ = std::make_shared<CatalogSnapshot::Sorted>();
  published_.Set(std::make_shared<const CatalogSnapshot>(std::move(next)));
  changes_.Tell();
  return {};
}

Status Catalog::CreateNamespace(std::string_view name, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  if (current->FindNamespace(name) != nullptr) {
    return Fail(ErrorCode::kAlreadyExists,
                fmt::format("Already exists: Namespace '{}' already exists", name));
  }
  auto ns =
      std::make_shared<Namespace>(Namespace{.name = std::string(name), .created_at_ms = clock_.WallMillis()});
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({NamespaceKey(name), EncodeNamespace(*ns)});
  CatalogSnapshot next = *current;
  next.namespaces_.Set(KeyOf(*ns), ns);
  return CommitAndPublish(std::move(batch), std::move(next));
}

Status Catalog::AlterNamespace(std::string_view name,
                               const std::function<Result<std::string>(const std::string&)>& merge,
                               std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  const NamespacePtr old = current->FindNamespace(name);
  if (old == nullptr) return NamespaceNotFound(name);
  auto changed = std::make_shared<Namespace>(*old);
  KALAM_ASSIGN(changed->options_json, merge(old->options_json));
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({NamespaceKey(name), EncodeNamespace(*changed)});
  CatalogSnapshot next = *current;
  next.namespaces_.Set(KeyOf(*changed), changed);
  return CommitAndPublish(std::move(batch), std::move(next));
}

Result<std::vector<TablePtr>> Catalog::DropNamespace(std::string_view name, bool cascade,
                                                     std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  if (current->FindNamespace(name) == nullptr) return NamespaceNotFound(name);
  if (name == "default" || name == "system") {
    // They could not be created again: their names are reserved.
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Cannot drop namespace '{}': it is reserved", name));
  }
  std::vector<TablePtr> tables = current->TablesIn(name);
  if (!tables.empty() && !cascade) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("Cannot drop namespace '{}': namespace contains {} table(s). Drop all tables first.",
                    name, tables.size()));
  }
  const std::vector<ViewPtr> views = current->ViewsIn(name);
  if (!views.empty() && !cascade) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("Cannot drop namespace '{}': namespace contains {} view(s). Drop all views first.", name,
                    views.size()));
  }
  KALAM_TRY(NoViewElsewhereReads(*current, name));
  hot::Batch batch;
  batch.meta = std::move(also);
  CatalogSnapshot next = *current;
  batch.meta.push_back({NamespaceKey(name), std::nullopt});
  next.namespaces_.Erase({name, {}});
  for (const TablePtr& table : tables) {
    AddRemoval(*table, batch);
    next.tables_.Erase(KeyOf(*table));
  }
  for (const ViewPtr& view : views) {
    batch.meta.push_back({ViewKey(view->ns, view->name), std::nullopt});
    next.views_.Erase({view->ns, view->name});
  }
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next)));
  return tables;
}

Result<TablePtr> Catalog::CreateTable(Table draft, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  if (current->FindNamespace(draft.ns) == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundNamespace,
                      fmt::format("Namespace '{0}' does not exist. Create it first with CREATE NAMESPACE {0}",
                                  draft.ns))
                    .With("namespace", draft.ns));
  }
  if (current->FindTable(draft.ns, draft.name) != nullptr) {
    return Fail(ErrorCode::kAlreadyExists,
                fmt::format("Already exists: Table {} already exists", draft.full_name()));
  }
  KALAM_TRY(NotAView(*current, draft.ns, draft.name));
  if (current->FindStorage(draft.options.storage_id) == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundStorage,
                      fmt::format("Storage '{}' does not exist", draft.options.storage_id))
                    .With("storage_id", draft.options.storage_id)
                    .With("operation", std::string("CREATE TABLE")));
  }
  if (draft.versions.size() != 1)
    return Fail(ErrorCode::kInternal, "CreateTable needs exactly one schema version");
  if (next_table_id_ == std::numeric_limits<uint32_t>::max()) {
    return Fail(ErrorCode::kLimitExceeded, "No table id is left");
  }
  auto table = std::make_shared<Table>(std::move(draft));
  table->id = TableId(next_table_id_++);
  table->created_at_ms = table->updated_at_ms = clock_.WallMillis();
  table->versions[0].version = 1;
  table->versions[0].created_at_ms = table->created_at_ms;
  table->next_column_id = 1;
  for (Column& column : table->versions[0].columns) column.id = ColumnId();
  KALAM_TRY(AssignColumnIds(*table));
  table->codec = std::make_shared<const hot::RowCodec>(table->versions);

  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({std::string(kNextTableIdKey), fmt::format("{}", next_table_id_)});
  batch.meta.push_back({TableKey(table->id), EncodeTable(*table)});
  batch.meta.push_back({SchemaKey(table->id, 1), EncodeSchema(table->id, table->schema())});
  batch.new_versions.push_back({table->id, 1});
  CatalogSnapshot next = *current;
  next.tables_.Set(KeyOf(*table), table);
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next)));
  return table;
}

Result<TablePtr> Catalog::AlterTable(std::string_view ns, std::string_view name,
                                     const std::function<Result<bool>(Table&)>& change,
                                     std::vector<hot::MetaOp> also,
                                     const std::function<Status(const Table&)>& verify) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  TablePtr old = current->FindTable(ns, name);
  if (old == nullptr) KALAM_TRY(RefuseView(*current, ns, name, "use CREATE OR REPLACE VIEW"));
  if (old == nullptr) return TableNotFound(ns, name);
  auto table = std::make_shared<Table>(*old);
  KALAM_ASSIGN(const bool changed, change(*table));
  if (!changed) return old;

  const bool version_added = table->versions.size() == old->versions.size() + 1;
  if (!version_added && table->versions.size() != old->versions.size()) {
    return Fail(ErrorCode::kInternal, "AlterTable may add one schema version and remove none");
  }
  table->id = old->id;
  table->ns = old->ns;
  table->name = old->name;
  table->updated_at_ms = clock_.WallMillis();
  hot::Batch batch;
  batch.guards.push_back({table->id, old->schema().version});
  // Stored versions never change: rows refer to them.
  std::copy(old->versions.begin(), old->versions.end(), table->versions.begin());
  const bool strict = verify && version_added && HasNewNotNull(old->schema(), table->schema());
  std::vector<hot::MetaOp> with_strict_form;
  (strict ? with_strict_form : batch.meta) = std::move(also);
  if (version_added) {
    TableSchema& schema = table->versions.back();
    schema.version = old->schema().version + 1;
    schema.created_at_ms = table->updated_at_ms;
    KALAM_TRY(AssignColumnIds(*table));
    KALAM_TRY(NoViewReadsChangedColumns(*current, *old, schema));
    table->codec = std::make_shared<const hot::RowCodec>(table->versions);
    batch.meta.push_back({SchemaKey(table->id, schema.version),
                          EncodeSchema(table->id, strict ? Relaxed(old->schema(), schema) : schema)});
    batch.new_versions.push_back({table->id, schema.version});
  } else {
    table->next_column_id = old->next_column_id;
    table->codec = old->codec;
  }
  batch.meta.push_back({TableKey(table->id), EncodeTable(*table)});
  CatalogSnapshot next = *current;
  next.tables_.Set(KeyOf(*table), table);
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next)));
  if (!strict) return table;
  return FinishStrict(*old, table, verify, std::move(with_strict_form));
}

// From here on writers see the columns as NOT NULL, and the committer refuses what they prepared before.
// Stored is the version with nullable columns, so a crash leaves nothing that a stored NULL could contradict.
Result<TablePtr> Catalog::FinishStrict(const Table& old, const TablePtr& strict,
                                       const std::function<Status(const Table&)>& verify,
                                       std::vector<hot::MetaOp> also) {
  hot::Batch batch;
  const Status verified = verify(*strict);
  if (verified.has_value()) {
    batch.meta = std::move(also);
    batch.meta.push_back(
        {SchemaKey(strict->id, strict->schema().version), EncodeSchema(strict->id, strict->schema())});
    KALAM_TRY(store_.Commit(std::move(batch)).status);
    return strict;
  }
  auto table = std::make_shared<Table>(*strict);
  TableSchema& schema = table->versions.emplace_back(old.schema());
  schema.version = strict->schema().version + 1;
  schema.created_at_ms = clock_.WallMillis();
  table->codec = std::make_shared<const hot::RowCodec>(table->versions);
  batch.guards.push_back({table->id, strict->schema().version});
  batch.new_versions.push_back({table->id, schema.version});
  batch.meta.push_back({SchemaKey(table->id, schema.version), EncodeSchema(table->id, schema)});
  batch.meta.push_back({TableKey(table->id), EncodeTable(*table)});
  CatalogSnapshot next = *published_.Get();
  next.tables_.Set(KeyOf(*table), table);
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next)));
  return std::unexpected(verified.error());
}

Result<TablePtr> Catalog::DropTable(std::string_view ns, std::string_view name,
                                    std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  TablePtr table = current->FindTable(ns, name);
  if (table == nullptr) KALAM_TRY(RefuseView(*current, ns, name, "use DROP VIEW"));
  if (table == nullptr) return TableNotFound(ns, name);
  KALAM_TRY(NoViewReads(*current, ns, name, "table"));
  hot::Batch batch;
  batch.meta = std::move(also);
  AddRemoval(*table, batch);
  CatalogSnapshot next = *current;
  next.tables_.Erase(KeyOf(*table));
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next)));
  return table;
}

Result<TableId> Catalog::ReserveTableId(const std::function<hot::MetaOp(TableId)>& note) {
  std::lock_guard lock(write_mu_);
  if (next_table_id_ == std::numeric_limits<uint32_t>::max())
    return Fail(ErrorCode::kLimitExceeded, "No table id is left");
  const TableId id(next_table_id_);
  hot::Batch batch;
  batch.meta.push_back({std::string(kNextTableIdKey), fmt::format("{}", next_table_id_ + 1)});
  batch.meta.push_back(note(id));
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  ++next_table_id_;
  return id;
}

Result<std::vector<TablePtr>> Catalog::ImportTables(std::vector<Table> tables, bool replace,
                                                    const CatalogSnapshot& current, CatalogSnapshot& next,
                                                    hot::Batch& batch) const {
  std::vector<TablePtr> replaced;
  for (Table& incoming : tables) {
    if (next.FindNamespace(incoming.ns) == nullptr) return NamespaceNotFound(incoming.ns);
    const auto& storage = incoming.options.storage_id;
    if (next.FindStorage(storage) == nullptr) {
      return Fail(Error(ErrorCode::kInvalidOperation,
                        fmt::format("Table {} belongs to storage '{}', which does not exist here. Create it "
                                    "first: CREATE STORAGE {} ...",
                                    incoming.full_name(), storage, storage))
                      .With("storage_id", std::string(storage)));
    }
    if (TablePtr old = current.FindTable(incoming.ns, incoming.name); old != nullptr) {
      if (!replace) {
        return Fail(ErrorCode::kAlreadyExists,
                    fmt::format("Already exists: Table {} already exists", old->full_name()));
      }
      AddRemoval(*old, batch);
      replaced.push_back(std::move(old));
    }
    KALAM_TRY(NotAView(current, incoming.ns, incoming.name));
    auto table = std::make_shared<Table>(std::move(incoming));
    table->updated_at_ms = clock_.WallMillis();
    table->codec = std::make_shared<const hot::RowCodec>(table->versions);
    batch.meta.push_back({TableKey(table->id), EncodeTable(*table)});
    for (const TableSchema& schema : table->versions) {
      batch.meta.push_back({SchemaKey(table->id, schema.version), EncodeSchema(table->id, schema)});
    }
    batch.new_versions.push_back({table->id, table->schema().version});
    next.tables_.Set(KeyOf(*table), table);
  }
  return replaced;
}

Result<std::vector<TablePtr>> Catalog::Import(CatalogImport content, bool replace,
                                              std::vector<hot::MetaOp> also,
                                              const std::function<void()>& committed) {
  std::lock_guard lock(write_mu_);
  const SnapshotPtr current = published_.Get();
  hot::Batch batch;
  batch.meta = std::move(also);
  CatalogSnapshot next = *current;
  for (Namespace& ns : content.namespaces) {
    if (current->FindNamespace(ns.name) != nullptr) continue;
    batch.meta.push_back({NamespaceKey(ns.name), EncodeNamespace(ns)});
    auto shown = std::make_shared<const Namespace>(std::move(ns));
    next.namespaces_.Set(KeyOf(*shown), shown);
  }
  KALAM_TRY(ImportStorages(std::move(content.storages), next, batch));
  KALAM_ASSIGN(std::vector<TablePtr> replaced,
               ImportTables(std::move(content.tables), replace, *current, next, batch));
  KALAM_TRY(ImportViews(std::move(content.views), replace, next, batch));
  KALAM_TRY(ViewsThatStayCanRead(*current, next, replaced));
  KALAM_TRY(CommitAndPublish(std::move(batch), std::move(next), committed));
  return replaced;
}

}  // namespace kalam::catalog
