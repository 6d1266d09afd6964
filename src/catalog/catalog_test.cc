#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/record.h"
#include "hot/key_codec.h"

namespace kalam::catalog {
namespace {

using ::testing::ElementsAre;

Column MakeColumn(std::string name, TypeKind kind, bool primary_key = false) {
  Column column;
  column.name = std::move(name);
  column.type = Type(kind);
  column.nullable = !primary_key;
  column.primary_key = primary_key;
  column.initial_default = OwnedValue(Value::Null(kind));
  return column;
}

Table Draft(std::string ns, std::string name) {
  Table table;
  table.ns = std::move(ns);
  table.name = std::move(name);
  table.versions.resize(1);
  table.versions[0].columns = {MakeColumn("id", TypeKind::kBigInt, true),
                               MakeColumn("body", TypeKind::kText)};
  return table;
}

class CatalogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            ("kalam_catalog_" + std::string(info->name()) + "_" + std::to_string(getpid()));
    std::filesystem::remove_all(path_);
    Open();
  }
  void TearDown() override {
    Close();
    std::filesystem::remove_all(path_);
  }
  void Open() {
    hot::StoreOptions options;
    options.path = path_.string();
    options.durability = hot::Durability::kOs;
    options.block_cache_bytes = 8 << 20;
    auto store = hot::Store::Open(options, clock_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
    auto catalog = Catalog::Open(*store_, clock_);
    ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
    catalog_ = std::move(*catalog);
  }
  void Close() {
    catalog_.reset();
    if (store_ != nullptr) store_->Stop();
    store_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }
  // Writes one row as the tables module does, with the table's version as guard.
  hot::CommitResult WriteRow(const Table& table, int64_t id, uint32_t version) {
    std::string key = hot::SharedPrefix(table.id);
    const auto prefix = static_cast<uint32_t>(key.size());
    EXPECT_TRUE(hot::AppendPrimaryKey(Value::BigInt(id), key).has_value());
    std::vector<Value> values = {Value::BigInt(id)};
    while (values.size() < table.schema().columns.size()) values.push_back(Value::Null());
    std::string row;
    EXPECT_TRUE(table.codec->Encode(values, row).has_value());
    hot::Batch batch;
    batch.rows.push_back({hot::RowOpKind::kInsert, prefix, key, row, Seq(), nullptr});
    batch.guards.push_back({table.id, version});
    return store_->Commit(std::move(batch));
  }
  size_t CountKeys(hot::Space space, std::string_view prefix) {
    size_t count = 0;
    const auto cursor = store_->Scan(space, prefix, hot::PrefixEnd(prefix));
    for (; cursor->Valid(); cursor->Next()) ++count;
    return count;
  }

  std::filesystem::path path_;
  ManualClock clock_{1'800'000'000'000'000};
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<Catalog> catalog_;
};

std::vector<std::string> Names(const std::vector<NamespacePtr>& namespaces) {
  std::vector<std::string> names;
  for (const auto& ns : namespaces) names.push_back(ns->name);
  return names;
}
std::vector<std::string> Names(const std::vector<TablePtr>& tables) {
  std::vector<std::string> names;
  for (const auto& table : tables) names.push_back(table->full_name());
  return names;
}

TEST_F(CatalogTest, AnEmptyStoreGetsTheFirstNamespaces) {
  EXPECT_THAT(Names(catalog_->Snapshot()->Namespaces()), ElementsAre("dba", "default", "system"));
  EXPECT_EQ(catalog_->Snapshot()->version(), catalog_->version());
  Reopen();
  EXPECT_THAT(Names(catalog_->Snapshot()->Namespaces()), ElementsAre("dba", "default", "system"));
}

TEST_F(CatalogTest, NamespacesAreCreatedAlteredAndDropped) {
  const uint64_t before = catalog_->version();
  ASSERT_TRUE(catalog_->CreateNamespace("app").has_value());
  EXPECT_GT(catalog_->version(), before);
  EXPECT_EQ(catalog_->Snapshot()->version(), catalog_->version());
  const Status again = catalog_->CreateNamespace("app");
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(again.error().message, "Already exists: Namespace 'app' already exists");

  const auto merge = [](const std::string& old) -> Result<std::string> {
    return old == "{}" ? R"({"a":1})" : R"({"a":2})";
  };
  ASSERT_TRUE(catalog_->AlterNamespace("app", merge).has_value());
  EXPECT_EQ(catalog_->AlterNamespace("none", merge).error().message, "Namespace 'none' not found");
  const auto refuse = [](const std::string&) -> Result<std::string> {
    return Fail(ErrorCode::kInvalidInput, "no");
  };
  EXPECT_EQ(catalog_->AlterNamespace("app", refuse).error().message, "no");
  Reopen();
  EXPECT_EQ(catalog_->Snapshot()->FindNamespace("app")->options_json, R"({"a":1})");
  EXPECT_EQ(catalog_->Snapshot()->FindNamespace("app")->created_at_ms, 1'800'000'000'000);

  ASSERT_TRUE(catalog_->DropNamespace("app", false).has_value());
  EXPECT_EQ(catalog_->DropNamespace("app", false).error().code, ErrorCode::kNotFoundNamespace);
  EXPECT_EQ(catalog_->DropNamespace("default", true).error().code, ErrorCode::kInvalidOperation);
  Reopen();
  EXPECT_EQ(catalog_->Snapshot()->FindNamespace("app"), nullptr);
}

TEST_F(CatalogTest, CreatedTableIsFoundBeforeAndAfterReopen) {
  const auto created = catalog_->CreateTable(Draft("default", "t"));
  ASSERT_TRUE(created.has_value()) << created.error().message;
  EXPECT_EQ((*created)->id.value, 1U);
  EXPECT_EQ((*created)->schema().version, 1U);
  EXPECT_EQ((*created)->schema().columns[1].id.value, 2U);
  EXPECT_EQ((*created)->next_column_id, 3U);
  EXPECT_EQ((*created)->created_at_ms, 1'800'000'000'000);
  EXPECT_EQ(catalog_->Snapshot()->FindTable("default", "t"), *created);
  EXPECT_EQ(catalog_->Snapshot()->FindTable("default", "T"), nullptr);
  EXPECT_EQ(catalog_->Snapshot()->FindTable("t", "default"), nullptr);

  const auto again = catalog_->CreateTable(Draft("default", "t"));
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(again.error().message, "Already exists: Table default.t already exists");
  const auto nowhere = catalog_->CreateTable(Draft("app", "t"));
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFoundNamespace);
  EXPECT_EQ(nowhere.error().message,
            "Namespace 'app' does not exist. Create it first with CREATE NAMESPACE app");

  Reopen();
  const TablePtr table = catalog_->Snapshot()->FindTable("default", "t");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->schema().columns[0].name, "id");
  EXPECT_TRUE(table->schema().columns[0].primary_key);
  EXPECT_TRUE(WriteRow(*table, 1, 1).status.has_value()) << "the committer knows the version after a restart";
  EXPECT_EQ(WriteRow(*table, 2, 2).status.error().code, ErrorCode::kConflict);
}

TEST_F(CatalogTest, TableIdsAreNeverReused) {
  ASSERT_TRUE(catalog_->CreateTable(Draft("default", "a")).has_value());
  ASSERT_TRUE(catalog_->DropTable("default", "a").has_value());
  Reopen();
  EXPECT_EQ(catalog_->CreateTable(Draft("default", "a")).value()->id.value, 2U);
}

TEST_F(CatalogTest, AlterTableAddsAVersion) {
  const TablePtr before = catalog_->CreateTable(Draft("default", "t")).value();
  ASSERT_TRUE(WriteRow(*before, 1, 1).status.has_value());
  clock_.AdvanceMicros(5'000'000);
  const auto add = [](Table& table) -> Result<bool> {
    TableSchema next = table.schema();
    next.columns.erase(next.columns.begin() + 1);
    next.columns.push_back(MakeColumn("body", TypeKind::kInt));
    table.versions.push_back(next);
    return true;
  };
  const TablePtr after = catalog_->AlterTable("default", "t", add).value();
  EXPECT_EQ(after->schema().version, 2U);
  EXPECT_EQ(after->schema().columns[1].id.value, 3U) << "a column that is added again gets a new id";
  EXPECT_EQ(after->updated_at_ms, 1'800'000'005'000);
  EXPECT_EQ(before->versions.size(), 1U) << "readers keep what they had";
  EXPECT_EQ(WriteRow(*before, 2, 1).status.error().code, ErrorCode::kConflict) << "the old version is over";
  EXPECT_TRUE(WriteRow(*after, 2, 2).status.has_value());
  Reopen();
  const TablePtr loaded = catalog_->Snapshot()->FindTable("default", "t");
  ASSERT_EQ(loaded->versions.size(), 2U);
  EXPECT_EQ(loaded->next_column_id, 4U);
  EXPECT_EQ(loaded->versions[0].columns[1].type.kind, TypeKind::kText);
  EXPECT_EQ(loaded->versions[1].columns[1].type.kind, TypeKind::kInt);
}

TEST_F(CatalogTest, AlterTableWithoutVersion) {
  const TablePtr before = catalog_->CreateTable(Draft("default", "t")).value();
  const auto open = [](Table& table) -> Result<bool> {
    table.access_level = AccessLevel::kPublic;
    table.versions[0].columns[0].name = "forged";
    return true;
  };
  const TablePtr after = catalog_->AlterTable("default", "t", open).value();
  EXPECT_EQ(after->access_level, AccessLevel::kPublic);
  EXPECT_EQ(after->versions.size(), 1U);
  EXPECT_EQ(after->schema().columns[0].name, "id") << "stored versions do not change";
  EXPECT_TRUE(WriteRow(*before, 1, 1).status.has_value());

  const uint64_t version = catalog_->version();
  const auto nothing = [](Table&) -> Result<bool> { return false; };
  EXPECT_EQ(catalog_->AlterTable("default", "t", nothing).value(), after);
  const auto refuse = [](Table&) -> Result<bool> { return Fail(ErrorCode::kInvalidOperation, "no"); };
  EXPECT_EQ(catalog_->AlterTable("default", "t", refuse).error().message, "no");
  EXPECT_EQ(catalog_->AlterTable("default", "x", nothing).error().message,
            "Table 'x' not found in namespace 'default'");
  EXPECT_EQ(catalog_->version(), version);
  Reopen();
  EXPECT_EQ(catalog_->Snapshot()->FindTable("default", "t")->access_level, AccessLevel::kPublic);
}

TEST_F(CatalogTest, DropTableRemovesDefinitionAndRows) {
  const TablePtr table = catalog_->CreateTable(Draft("default", "t")).value();
  const TablePtr other = catalog_->CreateTable(Draft("default", "u")).value();
  for (int64_t id = 0; id < 10; ++id) {
    ASSERT_TRUE(WriteRow(*table, id, 1).status.has_value());
    ASSERT_TRUE(WriteRow(*other, id, 1).status.has_value());
  }
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  EXPECT_EQ(catalog_->Snapshot()->FindTable("default", "t"), nullptr);
  EXPECT_EQ(CountKeys(hot::Space::kRows, hot::SharedPrefix(table->id)), 0U);
  EXPECT_EQ(CountKeys(hot::Space::kBySeq, hot::SharedPrefix(table->id)), 0U);
  EXPECT_EQ(CountKeys(hot::Space::kRows, hot::SharedPrefix(other->id)), 10U);
  EXPECT_EQ(CountKeys(hot::Space::kMeta, kSchemaPrefix), 1U);
  EXPECT_EQ(WriteRow(*table, 11, 1).status.error().code, ErrorCode::kConflict)
      << "a late writer finds the table gone";
  EXPECT_EQ(catalog_->DropTable("default", "t").error().code, ErrorCode::kNotFoundTable);
  Reopen();
  EXPECT_THAT(Names(catalog_->Snapshot()->Tables()), ElementsAre("default.u"));
}

TEST_F(CatalogTest, DropNamespaceWithTables) {
  ASSERT_TRUE(catalog_->CreateNamespace("app").has_value());
  ASSERT_TRUE(catalog_->CreateNamespace("apq").has_value());
  ASSERT_TRUE(catalog_->CreateTable(Draft("app", "b")).has_value());
  ASSERT_TRUE(catalog_->CreateTable(Draft("app", "a")).has_value());
  ASSERT_TRUE(catalog_->CreateTable(Draft("apq", "a")).has_value());
  EXPECT_EQ(catalog_->DropNamespace("app", false).error().message,
            "Cannot drop namespace 'app': namespace contains 2 table(s). Drop all tables first.");
  EXPECT_THAT(Names(catalog_->Snapshot()->TablesIn("app")), ElementsAre("app.a", "app.b"));
  EXPECT_THAT(Names(catalog_->DropNamespace("app", true).value()), ElementsAre("app.a", "app.b"));
  EXPECT_THAT(Names(catalog_->Snapshot()->Tables()), ElementsAre("apq.a"));
  EXPECT_EQ(catalog_->CreateTable(Draft("app", "a")).error().code, ErrorCode::kNotFoundNamespace);
  Reopen();
  EXPECT_THAT(Names(catalog_->Snapshot()->Tables()), ElementsAre("apq.a"));
}

TEST_F(CatalogTest, SnapshotsDoNotChange) {
  const SnapshotPtr before = catalog_->Snapshot();
  ASSERT_TRUE(catalog_->CreateTable(Draft("default", "t")).has_value());
  EXPECT_EQ(before->FindTable("default", "t"), nullptr);
  EXPECT_NE(catalog_->Snapshot()->FindTable("default", "t"), nullptr);
}

TEST_F(CatalogTest, DamagedRecordsAreNamedAtOpen) {
  const TablePtr table = catalog_->CreateTable(Draft("default", "t")).value();
  hot::Batch batch;
  batch.meta.push_back({SchemaKey(table->id, 1), std::nullopt});
  ASSERT_TRUE(store_->Commit(std::move(batch)).status.has_value());
  catalog_.reset();
  const auto opened = Catalog::Open(*store_, clock_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
  EXPECT_EQ(opened.error().message, "Catalog record 'table/0000000001': it has no schema record");
}

TEST_F(CatalogTest, ConcurrentChangesAreAllKept) {
  constexpr int kThreads = 4;
  constexpr int kTables = 25;
  ASSERT_TRUE(catalog_->CreateTable(Draft("default", "shared")).has_value());
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const SnapshotPtr snapshot = catalog_->Snapshot();
      for (const TablePtr& table : snapshot->Tables()) {
        if (snapshot->FindTable(table->ns, table->name) != table) ADD_FAILURE() << table->full_name();
      }
    }
  });
  const auto add_column = [](int number) {
    return [number](Table& table) -> Result<bool> {
      TableSchema next = table.schema();
      next.columns.push_back(MakeColumn("c" + std::to_string(number), TypeKind::kInt));
      table.versions.push_back(next);
      return true;
    };
  };
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kTables; ++i) {
        const std::string name = "t" + std::to_string(t) + "_" + std::to_string(i);
        EXPECT_TRUE(catalog_->CreateTable(Draft("default", name)).has_value());
        EXPECT_NE(catalog_->Snapshot()->FindTable("default", name), nullptr)
            << "own changes are visible at once";
        EXPECT_TRUE(catalog_->AlterTable("default", "shared", add_column(t * kTables + i)).has_value());
        if (i % 5 == 0) {
          EXPECT_TRUE(catalog_->DropTable("default", name).has_value());
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  reader.join();
  Reopen();
  const SnapshotPtr snapshot = catalog_->Snapshot();
  EXPECT_EQ(snapshot->Tables().size(), 1U + kThreads * kTables * 4 / 5);
  const TablePtr shared = snapshot->FindTable("default", "shared");
  EXPECT_EQ(shared->schema().version, 1U + kThreads * kTables);
  std::set<uint32_t> ids;
  for (const Column& column : shared->schema().columns) ids.insert(column.id.value);
  EXPECT_EQ(ids.size(), 2U + kThreads * kTables);
}

Result<bool> DropBody(Table& table) {
  TableSchema next = table.schema();
  next.columns.erase(next.columns.begin() + 1);
  table.versions.push_back(std::move(next));
  return true;
}

View ViewOf(std::string name, std::string table) {
  View view;
  view.ns = "default";
  view.name = std::move(name);
  view.query = "SELECT id FROM " + table;
  view.query_namespace = "default";
  view.columns.push_back({"id", "id", Type(TypeKind::kBigInt)});
  view.references.push_back({"default", table});
  view.words = {"body", "from", "id", "select", table};
  return view;
}

// What a view reads survives a restart; records that do not say it keep every column that they name.
TEST_F(CatalogTest, ViewsKeepWhatTheyRead) {
  ASSERT_TRUE(catalog_->CreateTable(Draft("default", "exact")).has_value());
  ASSERT_TRUE(catalog_->CreateTable(Draft("default", "old")).has_value());
  View exact = ViewOf("v", "exact");
  exact.reads = {{{"default", "exact"}, {"id"}}};
  ASSERT_TRUE(catalog_->CreateView(exact, *catalog_->Snapshot(), false).has_value());
  ASSERT_TRUE(catalog_->CreateView(ViewOf("w", "old"), *catalog_->Snapshot(), false).has_value());
  Reopen();
  EXPECT_TRUE(catalog_->AlterTable("default", "exact", DropBody).has_value());
  const auto refused = catalog_->AlterTable("default", "old", DropBody);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(
      refused.error().message,
      "Cannot change column 'body' of table 'default.old': view 'default.w' reads it. Drop the view first");
}

// All of it or nothing, and others hear of the commit before they can see it.
TEST_F(CatalogTest, ImportIsOneStep) {
  const auto content = [&](std::string storage_folder) {
    CatalogImport import;
    import.namespaces.push_back({.name = "app"});
    Table table = Draft("app", "t");
    table.id = *catalog_->ReserveTableId([](TableId) { return hot::MetaOp{"note", std::string("1")}; });
    table.versions[0].version = 1;
    table.versions[0].columns[0].id = ColumnId(1);
    table.versions[0].columns[1].id = ColumnId(2);
    table.next_column_id = 3;
    table.options.storage_id = "side";
    import.tables.push_back(std::move(table));
    View view = ViewOf("v", "t");
    view.ns = view.query_namespace = view.references[0].ns = "app";
    import.views.push_back(std::move(view));
    import.storages.push_back({.id = "side", .base_directory = std::move(storage_folder)});
    return import;
  };
  CatalogImport homeless = content("/a");
  homeless.storages.clear();
  const auto refused = catalog_->Import(std::move(homeless), false, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidOperation);
  CatalogImport circle = content("/a");
  circle.views.push_back(circle.views[0]);
  circle.views[0].references = {{"app", "w"}};
  circle.views[1].name = "w";
  circle.views[1].references = {{"app", "v"}};
  EXPECT_EQ(catalog_->Import(std::move(circle), false, {}).error().code, ErrorCode::kInvalidOperation);
  EXPECT_EQ(catalog_->Snapshot()->FindNamespace("app"), nullptr);
  EXPECT_EQ(catalog_->Snapshot()->FindStorage("side"), nullptr);

  bool told = false;
  const auto committed = [&] {
    told = true;
    EXPECT_EQ(catalog_->Snapshot()->FindTable("app", "t"), nullptr);
  };
  ASSERT_TRUE(catalog_->Import(content("/a"), false, {}, committed).has_value());
  EXPECT_TRUE(told);
  EXPECT_EQ(catalog_->Import(content("/a"), false, {}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(catalog_->Import(content("/b"), true, {}).error().code, ErrorCode::kInvalidOperation);
  EXPECT_EQ(catalog_->Import(content("/a"), true, {})->size(), 1U);
  Reopen();
  EXPECT_NE(catalog_->Snapshot()->FindView("app", "v"), nullptr);
  EXPECT_NE(catalog_->Snapshot()->FindStorage("side"), nullptr);
  EXPECT_EQ(catalog_->Snapshot()->FindTable("app", "t")->versions.size(), 1U);
}

// The costs that the header promises, with room for a slow machine: a copy of everything would be far above.
TEST_F(CatalogTest, CostDoesNotGrowWithTheNumberOfTables) {
  constexpr int kTables = 2'000;
  using Clock = std::chrono::steady_clock;
  const auto create = [&](int from, int to) {
    const auto start = Clock::now();
    for (int i = from; i < to; ++i) {
      ASSERT_TRUE(catalog_->CreateTable(Draft("default", "t" + std::to_string(i))).has_value());
    }
    RecordProperty("create_micros_per_table_" + std::to_string(to),
                   std::to_string((Clock::now() - start) / std::chrono::microseconds(1) / (to - from)));
  };
  create(0, kTables);
  create(kTables, kTables + 100);
  const SnapshotPtr snapshot = catalog_->Snapshot();
  constexpr int kLookups = 100'000;
  const auto start = Clock::now();
  for (int i = 0; i < kLookups; ++i) ASSERT_NE(snapshot->FindTable("default", "t77"), nullptr);
  const auto nanos = (Clock::now() - start) / std::chrono::nanoseconds(1) / kLookups;
  RecordProperty("lookup_nanos", std::to_string(nanos));
  EXPECT_LT(nanos, 20'000);
}

}  // namespace
}  // namespace kalam::catalog
