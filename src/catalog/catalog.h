// Catalog: namespaces, tables with their schema versions, views, and storages. Immutable snapshots, O(1)
// lookup, changes through the commit pipeline.
//
// Owner: main(). Threads: every method is thread-safe; changes are serialised by one lock, durable before
// they return, and visible to every later Snapshot() call. A callback (`merge`, `change`) runs under that
// lock and must not call the catalog. Records live in the meta space of the store; docs/catalog-format.md
// describes them. Errors: kNotFoundNamespace, kNotFoundTable, kNotFoundStorage, kAlreadyExists,
// kConflict, kInvalidOperation, kLimitExceeded (table ids, columns), and the store's; texts are the
// protocol's. Cost: a change copies a fixed number of pointers and one shard of names, whatever the number of
// tables.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/change_listeners.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/published.h"
#include "catalog/name_map.h"
#include "hot/row_codec.h"
#include "hot/store.h"
#include "model/schema.h"
#include "model/storage.h"

namespace kalam::catalog {

struct Namespace {
  std::string name;
  int64_t created_at_ms = 0;
  std::string options_json = "{}";  // object
};
using NamespacePtr = std::shared_ptr<const Namespace>;

// One table as of one catalog version.
struct Table {
  TableId id;
  std::string ns;
  std::string name;
  TableType type = TableType::kShared;
  AccessLevel access_level = AccessLevel::kPrivate;  // SHARED only
  TableOptions options;
  std::vector<TableSchema> versions;  // ascending, never empty
  uint32_t next_column_id = 1;
  std::string comment;
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
  std::shared_ptr<const hot::RowCodec> codec;  // for `versions`

  const TableSchema& schema() const { return versions.back(); }
  std::string full_name() const { return ns + "." + name; }
  bool has_private_rows() const { return type == TableType::kUser || type == TableType::kStream; }
};
using TablePtr = std::shared_ptr<const Table>;

// A stored SELECT. It has no rows and gives no rights: whoever reads it reads the tables it names as itself.
struct View {
  struct ViewColumn {
    std::string name;
    std::string source;  // what the query calls it
    DataType type;       // as of the view's creation
  };
  struct Reference {
    std::string ns;
    std::string name;
    friend bool operator==(const Reference&, const Reference&) = default;
  };
  struct ColumnUse {
    Reference table;
    std::vector<std::string> columns;
  };
  std::string ns;
  std::string name;
  std::string query;
  std::string query_namespace;        // of names in `query` without one
  std::vector<ViewColumn> columns;    // never empty, names unique
  std::vector<Reference> references;  // the tables and views that `query` names itself
  std::vector<std::string> words;     // every identifier in `query`, lower case
  // The columns that `query` reads of the tables it names itself. nullopt in records of servers that did not
  // note them: then all columns that `words` names count.
  std::optional<std::vector<ColumnUse>> reads;
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;

  std::string full_name() const { return ns + "." + name; }
};
using ViewPtr = std::shared_ptr<const View>;

// What a backup brings back.
struct CatalogImport {
  std::vector<Namespace> namespaces;
  std::vector<Table> tables;  // with reserved ids, whose rows are there already; column ids are kept
  std::vector<View> views;
  std::vector<Storage> storages;
};

class CatalogSnapshot {
 public:
  uint64_t version() const { return version_; }
  // Names must be lower case. nullptr when absent. Constant time.
  NamespacePtr FindNamespace(std::string_view name) const;
  TablePtr FindTable(std::string_view ns, std::string_view name) const;
  std::vector<NamespacePtr> Namespaces() const;               // by name
  std::vector<TablePtr> Tables() const;                       // by (ns, name); sorted by the first call
  std::vector<TablePtr> TablesIn(std::string_view ns) const;  // by name
  ViewPtr FindView(std::string_view ns, std::string_view name) const;
  std::vector<ViewPtr> Views() const;                       // by (ns, name)
  std::vector<ViewPtr> ViewsIn(std::string_view ns) const;  // by name
  StoragePtr FindStorage(std::string_view id) const;        // nullptr when absent; case counts
  std::vector<StoragePtr> Storages() const;                 // `local` first, then by id
  size_t table_count() const { return tables_.size(); }

 private:
  friend class Catalog;
  struct Sorted {
    std::once_flag once;
    std::vector<TablePtr> tables;
  };
  uint64_t version_ = 0;
  std::shared_ptr<Sorted> sorted_ = std::make_shared<Sorted>();  // of this version
  NameMap<NamespacePtr> namespaces_;
  NameMap<TablePtr> tables_;
  NameMap<ViewPtr> views_;                                   // no name is in both
  std::map<std::string, StoragePtr, std::less<>> storages_;  // a few
};
using SnapshotPtr = std::shared_ptr<const CatalogSnapshot>;

class Catalog {
 public:
  // Loads everything; on an empty store creates the namespaces `default`, `system` and `dba`, and wherever it
  // is missing the storage `local`.
  static Result<std::unique_ptr<Catalog>> Open(hot::Store& store, const Clock& clock);

  SnapshotPtr Snapshot() const { return published_.Get(); }
  uint64_t version() const { return published_.version(); }
  // Told after each change of the version.
  ChangeListeners& changes() { return changes_; }

  // `Already exists: Namespace 'x' already exists`.
  // `also` is written in the same batch, here and below; not when nothing changes.
  Status CreateNamespace(std::string_view name, std::vector<hot::MetaOp> also = {});
  // Replaces the options object by `merge(current)`.
  Status AlterNamespace(std::string_view name,
                        const std::function<Result<std::string>(const std::string&)>& merge,
                        std::vector<hot::MetaOp> also = {});
  // Refuses a non-empty one unless cascade: "Cannot drop namespace 'x': namespace contains 2 table(s). Drop
  // all tables first." `default` and `system` stay. Returns the dropped tables.
  Result<std::vector<TablePtr>> DropNamespace(std::string_view name, bool cascade,
                                              std::vector<hot::MetaOp> also = {});

  // Sets the times. kAlreadyExists.
  Status CreateStorage(Storage storage, std::vector<hot::MetaOp> also = {});
  // Replaces `seen` by `changed`; kConflict when the storage is another one by now. Id, type, base directory
  // and creation time stay.
  Status AlterStorage(const StoragePtr& seen, Storage changed, std::vector<hot::MetaOp> also = {});
  // "Cannot drop storage 's': 2 table(s) still using it". `local` stays.
  Status DropStorage(std::string_view id, std::vector<hot::MetaOp> also = {});

  // `draft`: everything but ids, times and codec; one version whose columns have no ids yet. Returns the
  // stored table.
  Result<TablePtr> CreateTable(Table draft, std::vector<hot::MetaOp> also = {});
  // Gives `change` a copy of the table to modify (columns without id get one, `versions` may get one more
  // entry, whose number is set here). Stored when `change` returns true, nothing happens on false; edits of
  // `versions` that are stored already are undone. Returns the table afterwards.
  // `verify` is for changes that make a column NOT NULL. Rows can be committed between a look at them in
  // `change` and the change itself, so `verify` looks again when no writer can store a NULL any more. When it
  // refuses, the columns are as before (in one version more) and its error is the answer.
  Result<TablePtr> AlterTable(std::string_view ns, std::string_view name,
                              const std::function<Result<bool>(Table&)>& change,
                              std::vector<hot::MetaOp> also = {},
                              const std::function<Status(const Table&)>& verify = nullptr);
  // For tables that are filled before they are shown: an id that is never given again, and `note(id)` written
  // in the batch that takes it.
  Result<TableId> ReserveTableId(const std::function<hot::MetaOp(TableId)>& note);
  // Shows everything in `content`, all in one batch with `also`. Namespaces and storages that exist stay as
  // they are; a storage must lie where the existing one does. Tables and views of the same name are dropped
  // when `replace`, else kAlreadyExists. kInvalidOperation for a table without storage, or a view in the way.
  // `committed` is called when the batch is durable, before anything of it can be seen. Returns the dropped
  // tables.
  Result<std::vector<TablePtr>> Import(CatalogImport content, bool replace, std::vector<hot::MetaOp> also,
                                       const std::function<void()>& committed = nullptr);
  // Tables and views share their names. `seen`: the snapshot that the view was bound in; kConflict when
  // something that it refers to is another one by now. `replace`: of a view, and only if nothing that reads
  // the old one asks for a column that is gone. kAlreadyExists.
  Status CreateView(View view, const CatalogSnapshot& seen, bool replace, std::vector<hot::MetaOp> also = {});
  // Refuses while another view reads it.
  Status DropView(std::string_view ns, std::string_view name, std::vector<hot::MetaOp> also = {});

  // Removes the definition and, in the same batch, all hot rows. Refuses while a view reads the table, as
  // DropNamespace does for views of other namespaces and AlterTable for columns that views name.
  Result<TablePtr> DropTable(std::string_view ns, std::string_view name, std::vector<hot::MetaOp> also = {});

 private:
  Catalog(hot::Store& store, const Clock& clock, CatalogSnapshot first, uint32_t next_table_id);

  // The second half of AlterTable with `verify`: see catalog.cc.
  Result<TablePtr> FinishStrict(const Table& old, const TablePtr& strict,
                                const std::function<Status(const Table&)>& verify,
                                std::vector<hot::MetaOp> also);
  // The parts of Import; `write_mu_` is held. `current` is without what is imported, `next` with it.
  static Status ImportStorages(std::vector<Storage> storages, CatalogSnapshot& next, hot::Batch& batch);
  Result<std::vector<TablePtr>> ImportTables(std::vector<Table> tables, bool replace,
                                             const CatalogSnapshot& current, CatalogSnapshot& next,
                                             hot::Batch& batch) const;
  static Status ImportViews(std::vector<View> views, bool replace, CatalogSnapshot& next, hot::Batch& batch);
  // Commits the batch, then makes `next` visible. Nothing is visible when the commit fails.
  Status CommitAndPublish(hot::Batch batch, CatalogSnapshot next,
                          const std::function<void()>& committed = nullptr);

  hot::Store& store_;
  const Clock& clock_;
  std::mutex write_mu_;     // serialises changes; held while a change commits
  uint32_t next_table_id_;  // guarded by write_mu_
  Published<CatalogSnapshot> published_;
  ChangeListeners changes_;
};

// For statements that need a table: kInvalidOperation "'a.v' is a view: <advice>" when it is one.
Status RefuseView(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name,
                  std::string_view advice);

// The name rules of namespaces, tables and columns (reference sql 6.2), in the protocol's words and order.
// kInvalidOperation on failure; the caller adds "Invalid column name 'c': " and the like.
Status ValidateName(std::string_view name);
Status ValidateNamespaceName(std::string_view name);  // also reserved namespaces
Status ValidateColumnName(std::string_view name);     // also reserved column names

}  // namespace kalam::catalog
