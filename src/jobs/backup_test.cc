// Backup and restore on a real store: what comes back, what is refused, and that a restore is all or nothing.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "jobs/backup/manifest.h"
#include "jobs/backup/row_file.h"
#include "jobs/backup/target.h"
#include "jobs/executors_for_test.h"

namespace kalam::jobs {
namespace {

class BackupTest : public ExecutorsTest {
 protected:
  std::string Folder(const std::string& name) { return folder_.path() + "/" + name; }

  JobRequest Request(JobType type, const std::string& path, std::string ns = "", std::string table = "") {
    JobRequest request;
    request.type = type;
    if (!ns.empty()) request.parameters.Set("namespace_id", ns);
    if (!table.empty()) request.parameters.Set("table_name", table);
    request.parameters.Set("path", path);
    if (type == JobType::kRestore) request.parameters.SetFlag("overwrite", false);
    request.idempotency_key = "";
    return request;
  }
  Job Run(JobRequest request) {
    const auto job = scheduler_->Create(std::move(request));
    EXPECT_TRUE(job.has_value()) << job.error().message;
    return End((*job)->id);
  }
  Job Backup(const std::string& path, std::string ns = "", std::string table = "") {
    return Run(Request(JobType::kBackup, path, std::move(ns), std::move(table)));
  }
  Job Restore(const std::string& path, bool overwrite = false, std::string ns = "", std::string table = "") {
    JobRequest request = Request(JobType::kRestore, path, std::move(ns), std::move(table));
    request.parameters.SetFlag("overwrite", overwrite);
    return Run(std::move(request));
  }
  catalog::TablePtr Find(std::string_view name) { return catalog_->Snapshot()->FindTable("default", name); }

  // Rows by key without table id, with their values but without their _seq.
  std::map<std::string, int64_t> Rows(const catalog::Table& table) {
    std::map<std::string, int64_t> rows;
    const std::string prefix = hot::SharedPrefix(table.id);
    auto cursor = store_->Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
    for (; cursor->Valid(); cursor->Next()) {
      const auto row = table.codec->Open(cursor->value());
      EXPECT_TRUE(row.has_value());
      if (!row->deleted()) rows[std::string(cursor->key().substr(4))] = row->Get(0).integer;
    }
    return rows;
  }
  // Rows of tables that the catalog does not know.
  int64_t StrayRows() {
    std::map<uint32_t, bool> known;
    for (const auto& table : catalog_->Snapshot()->Tables()) known[table->id.value] = true;
    int64_t stray = 0;
    auto cursor = store_->Scan(hot::Space::kRows, "", "");
    for (; cursor->Valid(); cursor->Next()) {
      uint32_t id = 0;
      for (size_t i = 0; i < 4; ++i) id = id << 8 | static_cast<uint8_t>(cursor->key()[i]);
      if (!known.contains(id)) ++stray;
    }
    return stray;
  }
  void Damage(const std::string& file, size_t at) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(bytes.good()) << file;
    bytes.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(bytes.get());
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put(static_cast<char>(old ^ 0x10));
  }
};

TEST_F(BackupTest, DatabaseComesBackAfterItsTablesWereDropped) {
  const auto notes = CreateTable(TableType::kUser, "notes");
  const auto shared = CreateTable(TableType::kShared, "shared");
  const auto events = CreateTable(TableType::kStream, "events");
  Write(*notes, "alice", hot::RowOpKind::kInsert, 1, 2'500);
  Write(*notes, "bob", hot::RowOpKind::kInsert, 1, 3);
  Write(*shared, "", hot::RowOpKind::kInsert, 1, 10);
  Write(*shared, "", hot::RowOpKind::kDelete, 4, 6, true);
  Write(*events, "alice", hot::RowOpKind::kAppend, 1, 4);
  clock_.AdvanceMicros(12'000'000);                      // sequences may be a second ahead of the clock
  Write(*events, "bob", hot::RowOpKind::kAppend, 1, 2);  // alice's have expired
  const auto notes_rows = Rows(*notes);
  const auto shared_rows = Rows(*shared);
  scheduler_->Start({});
  const Job backup = Backup(Folder("b"));
  ASSERT_EQ(backup.status, JobStatus::kCompleted) << backup.message;
  EXPECT_EQ(backup.metrics.Number("rows_backed_up"), 2'503 + 7 + 2);
  EXPECT_GT(backup.metrics.Number("snapshot_size_bytes"), 2'503 * 20);
  EXPECT_TRUE(backup.message.starts_with("Backup completed: '"));
  for (const char* name : {"notes", "shared", "events"}) {
    ASSERT_TRUE(catalog_->DropTable("default", name).has_value());
  }
  const Job restore = Restore(Folder("b"));
  ASSERT_EQ(restore.status, JobStatus::kCompleted) << restore.message;
  EXPECT_EQ(restore.metrics.Number("rows_restored"), 2'512);
  EXPECT_EQ(Rows(*Find("notes")), notes_rows);
  EXPECT_EQ(Rows(*Find("shared")), shared_rows);
  EXPECT_EQ(CountRows(*Find("events")), 2);
  EXPECT_NE(Find("notes")->id, notes->id);
  EXPECT_EQ(StrayRows(), 0);
  // Writers go on with the table's rules.
  Write(*Find("shared"), "", hot::RowOpKind::kInsert, 4, 4);
  EXPECT_EQ(Rows(*Find("shared")).size(), 8u);
}

TEST_F(BackupTest, SchemaVersionsComeBack) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 5);
  const auto altered = catalog_->AlterTable("default", "t", [](catalog::Table& t) -> Result<bool> {
    TableSchema next = t.schema();
    Column column;
    column.name = "n";
    column.type = Type(TypeKind::kBigInt);
    column.initial_default = OwnedValue(Value::BigInt(42));
    next.columns.push_back(column);
    t.versions.push_back(next);
    return true;
  });
  ASSERT_TRUE(altered.has_value());
  scheduler_->Start({});
  ASSERT_EQ(Backup(Folder("b"), "default", "t").status, JobStatus::kCompleted);
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  ASSERT_EQ(Restore(Folder("b")).status, JobStatus::kCompleted);
  const auto back = Find("t");
  ASSERT_EQ(back->versions.size(), 2u);
  EXPECT_EQ(back->schema().columns[1].id, (*altered)->schema().columns[1].id);
  const std::string prefix = hot::SharedPrefix(back->id);
  auto cursor = store_->Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(back->codec->Open(cursor->value())->Get(1).integer, 42) << "the old rows read the default";
}

// One namespace's backup holds that only; a table can be taken out of a larger backup.
TEST_F(BackupTest, ScopesAreKept) {
  ASSERT_TRUE(catalog_->CreateNamespace("app"));
  const auto inside = CreateTable(TableType::kShared, "a", "app");
  CreateTable(TableType::kShared, "b", "app");
  CreateTable(TableType::kShared, "c");
  Write(*inside, "", hot::RowOpKind::kInsert, 1, 5);
  scheduler_->Start({});
  EXPECT_EQ(Backup(Folder("ns"), "app").metrics.Number("tables_backed_up"), 2);
  EXPECT_EQ(Backup(Folder("missing"), "app", "nothing").status, JobStatus::kFailed);
  ASSERT_TRUE(catalog_->DropNamespace("app", true).has_value());
  const Job table = Restore(Folder("ns"), false, "app", "a");
  ASSERT_EQ(table.status, JobStatus::kCompleted) << table.message;
  EXPECT_EQ(table.metrics.Number("tables_restored"), 1);
  EXPECT_NE(catalog_->Snapshot()->FindTable("app", "a"), nullptr) << "its namespace came with it";
  EXPECT_EQ(catalog_->Snapshot()->FindTable("app", "b"), nullptr);
  const Job wrong = Restore(Folder("ns"), false, "default", "c");
  EXPECT_EQ(wrong.status, JobStatus::kFailed);
  EXPECT_EQ(wrong.message, "Table 'default.c' is not in the backup");
}

TEST_F(BackupTest, ExistingTablesAreReplacedOnlyWhenTold) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 5);
  const auto rows = Rows(*table);
  scheduler_->Start({});
  ASSERT_EQ(Backup(Folder("b")).status, JobStatus::kCompleted);
  Write(*table, "", hot::RowOpKind::kInsert, 6, 9);
  const Job refused = Restore(Folder("b"));
  EXPECT_EQ(refused.status, JobStatus::kFailed);
  EXPECT_EQ(refused.message, "Table default.t exists; add OVERWRITE to replace it by the backup's");
  EXPECT_EQ(Rows(*table).size(), 9u);
  const Job told = Restore(Folder("b"), true);
  ASSERT_EQ(told.status, JobStatus::kCompleted) << told.message;
  EXPECT_EQ(Rows(*Find("t")), rows);
  EXPECT_EQ(CountRows(*table), 0) << "the old rows went with the old table";
  // What the old table left in the cold tier is a cleanup job's business.
  EXPECT_TRUE(std::ranges::any_of(scheduler_->List(),
                                  [](const JobPtr& job) { return job->type == JobType::kCleanup; }));
}

TEST_F(BackupTest, IncompatibleTableIsRefused) {
  CreateTable(TableType::kShared, "t");
  scheduler_->Start({});
  ASSERT_EQ(Backup(Folder("b")).status, JobStatus::kCompleted);
  ASSERT_TRUE(catalog_->DropTable("default", "t").has_value());
  const auto other = CreateTable(TableType::kUser, "t");
  const Job job = Restore(Folder("b"), true);
  EXPECT_EQ(job.status, JobStatus::kFailed);
  EXPECT_EQ(
      job.message,
      "Table default.t of the backup is incompatible with the existing one: it has another type. Drop that "
      "first");
  EXPECT_EQ(Find("t")->id, other->id);
}

// Flips one bit of every file, one file after the other.
TEST_F(BackupTest, DamageIsFoundAndNothingChanges) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 500);
  const auto rows = Rows(*table);
  scheduler_->Start({});
  const std::string rows_file = "/tables/default/t/rows-0001.kl";
  for (const size_t at : {size_t{3}, size_t{10}, size_t{2'000}}) {
    const std::string folder = Folder(fmt::format("b{}", at));
    ASSERT_EQ(Backup(folder).status, JobStatus::kCompleted);
    Damage(folder + rows_file, at);
    const Job job = Restore(folder, true);
    EXPECT_EQ(job.status, JobStatus::kFailed);
    EXPECT_EQ(
        job.message,
        "File 'tables/default/t/rows-0001.kl' of the backup is damaged: its SHA-256 is not the one of the "
        "manifest");
  }
  const std::string cut = Folder("cut");
  ASSERT_EQ(Backup(cut).status, JobStatus::kCompleted);
  std::filesystem::resize_file(cut + rows_file, 100);
  EXPECT_EQ(Restore(cut, true).status, JobStatus::kFailed);
  std::filesystem::remove(cut + rows_file);
  EXPECT_EQ(Restore(cut, true).status, JobStatus::kFailed);
  const std::string manifest = Folder("manifest");
  ASSERT_EQ(Backup(manifest).status, JobStatus::kCompleted);
  std::filesystem::resize_file(manifest + "/backup.json", 50);
  EXPECT_EQ(Restore(manifest, true).message, "backup.json is damaged: it is not JSON");
  std::filesystem::remove(manifest + "/backup.json");
  EXPECT_TRUE(Restore(manifest, true).message.ends_with("holds no complete backup: backup.json is missing"));
  EXPECT_EQ(Find("t")->id, table->id);
  EXPECT_EQ(Rows(*table), rows);
  EXPECT_EQ(StrayRows(), 0);
}

// The manifest's hashes fit, but a row is none: found while staging, and what was staged goes.
TEST_F(BackupTest, FailureWhileStagingLeavesTheOldState) {
  const auto first = CreateTable(TableType::kShared, "a");
  const auto second = CreateTable(TableType::kShared, "b");
  Write(*first, "", hot::RowOpKind::kInsert, 1, 100);
  Write(*second, "", hot::RowOpKind::kInsert, 1, 100);
  scheduler_->Start({});
  const std::string folder = Folder("b");
  ASSERT_EQ(Backup(folder).status, JobStatus::kCompleted);
  std::stringstream text;
  text << std::ifstream(folder + "/backup.json").rdbuf();
  BackupManifest manifest = *DecodeManifest(text.str());
  BackupFile& file = manifest.tables.at(1).files.at(0);
  Damage(folder + "/" + file.path, 8 + 4 + 8 + 4);  // the format byte of the first row
  std::stringstream bytes;
  bytes << std::ifstream(folder + "/" + file.path, std::ios::binary).rdbuf();
  Sha256 hash;
  hash.Add(bytes.str());
  file.sha256 = hash.Hex();
  std::ofstream(folder + "/backup.json") << EncodeManifest(manifest);
  const Job job = Restore(folder, true);
  EXPECT_EQ(job.status, JobStatus::kFailed);
  EXPECT_EQ(Find("a")->id, first->id);
  EXPECT_EQ(Rows(*first).size(), 100u);
  EXPECT_EQ(Rows(*second).size(), 100u);
  EXPECT_EQ(StrayRows(), 0);
}

// A server that died while it staged: the next start sweeps.
TEST_F(BackupTest, StagedRowsOfADeadServerAreSwept) {
  const auto id =
      catalog_->ReserveTableId([](TableId t) { return hot::MetaOp{StagingKey(t), std::string("1")}; });
  ASSERT_TRUE(id.has_value());
  hot::Batch batch;
  hot::RowOp& op = batch.rows.emplace_back();
  op.kind = hot::RowOpKind::kInsert;
  op.key = hot::SharedPrefix(*id) + "key";
  op.prefix_size = 4;
  op.value = std::string(hot::kRowHeaderSize, '\0');
  ASSERT_TRUE(store_->Commit(std::move(batch)).status);
  EXPECT_EQ(StrayRows(), 1);
  Close();
  Open();
  EXPECT_EQ(StrayRows(), 0);
  EXPECT_GT(CreateTable(TableType::kShared, "t")->id, *id) << "the id is never given again";
}

// Somebody writes 1, 2, 3, ... while the backup runs: it holds a prefix of that, whatever it read first.
TEST_F(BackupTest, IsOfOneMomentWhileOthersWrite) {
  const auto left = CreateTable(TableType::kShared, "left");
  const auto right = CreateTable(TableType::kShared, "right");
  scheduler_->Start({});
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    // Each batch writes the same id to both tables.
    for (int64_t id = 1; !stop; ++id) {
      hot::Batch batch;
      for (const auto& table : {left, right}) {
        hot::RowOp& op = batch.rows.emplace_back();
        op.kind = hot::RowOpKind::kInsert;
        op.key = hot::SharedPrefix(table->id);
        op.prefix_size = static_cast<uint32_t>(op.key.size());
        const Value value = Value::BigInt(id);
        (void)hot::AppendPrimaryKey(value, op.key);
        (void)table->codec->Encode({&value, 1}, op.value);
      }
      ASSERT_TRUE(store_->Commit(std::move(batch)).status);
    }
  });
  std::vector<std::string> folders;
  for (int i = 0; i < 5; ++i) {
    folders.push_back(Folder(fmt::format("b{}", i)));
    EXPECT_EQ(Backup(folders.back()).status, JobStatus::kCompleted);
  }
  stop = true;
  writer.join();
  for (const std::string& folder : folders) {
    const Job job = Restore(folder, true);
    ASSERT_EQ(job.status, JobStatus::kCompleted) << job.message;
    const auto left_rows = Rows(*Find("left"));
    EXPECT_EQ(left_rows, Rows(*Find("right")));
    if (!left_rows.empty()) {
      EXPECT_EQ(left_rows.rbegin()->second, static_cast<int64_t>(left_rows.size()));
    }
  }
}

TEST_F(BackupTest, ColdRowsAreInside) {
  const auto table = CreateTable(TableType::kShared, "t");
  Write(*table, "", hot::RowOpKind::kInsert, 1, 5);
  services_->read_cold = [&](const catalog::Table& of, const hot::Snapshot&, const RowFn& fn) -> Status {
    EXPECT_EQ(of.id, table->id);
    for (int64_t id = 100; id < 103; ++id) {
      const Value value = Value::BigInt(id);
      std::string key = hot::SharedPrefix(of.id);
      std::string row;
      KALAM_TRY(hot::AppendPrimaryKey(value, key));
      KALAM_TRY(of.codec->Encode({&value, 1}, row));
      KALAM_TRY(fn(key, row));
    }
    return {};
  };
  scheduler_->Start({});
  EXPECT_EQ(Backup(Folder("b")).metrics.Number("rows_backed_up"), 8);
  ASSERT_EQ(Restore(Folder("b"), true).status, JobStatus::kCompleted);
  EXPECT_EQ(Rows(*Find("t")).size(), 8u);
}

TEST_F(BackupTest, AFolderTakesOneBackup) {
  scheduler_->Start({});
  ASSERT_EQ(Backup(Folder("b")).status, JobStatus::kCompleted);
  EXPECT_EQ(Backup(Folder("b")).message,
            fmt::format("'{}' already holds a backup; choose another path", Folder("b")));
}

TEST(BackupTargetTest, BadPathsAreRefused) {
  for (const std::string_view path : {"", "relative", "/a/../b", "/etc", "/etc/x", "//etc//x", "/proc/1",
                                      "/var/log/x", "storage://", "storage:///x"}) {
    const Status checked = CheckTarget(path);
    EXPECT_FALSE(checked) << path;
    if (!checked) {
      EXPECT_EQ(checked.error().code, ErrorCode::kInvalidInput) << path;
    }
  }
  EXPECT_TRUE(CheckTarget("/srv/backups/today"));
  EXPECT_TRUE(CheckTarget("/etcetera"));
  EXPECT_TRUE(CheckTarget("storage://s3-main/backups/today"));
  EXPECT_EQ(CheckTarget("/etc/x").error().message, "Backup path cannot write to sensitive directory: /etc/");
}

TEST(RowFileTest, PiecesOfAnySize) {
  std::string file = "KLROWS01";
  const auto add = [&](std::string_view part) {
    for (size_t i = 0; i < 4; ++i) file += static_cast<char>(part.size() >> (8 * i) & 0xFF);
    file += part;
  };
  for (int i = 0; i < 20; ++i) {
    add(std::string(static_cast<size_t>(i), 'k'));
    add(std::string(static_cast<size_t>(300 - i), 'r'));
  }
  for (size_t piece = 1; piece <= file.size(); piece = piece * 2 + 1) {
    RowFileParser parser;
    size_t rows = 0;
    for (size_t at = 0; at < file.size(); at += piece) {
      parser.Feed(std::string_view(file).substr(at, piece));
      while (true) {
        const auto row = parser.Next();
        ASSERT_TRUE(row.has_value()) << row.error().message;
        if (!*row) break;
        EXPECT_EQ((*row)->key.size(), rows);
        EXPECT_EQ((*row)->row.size(), 300 - rows);
        ++rows;
      }
    }
    EXPECT_EQ(rows, 20u);
    EXPECT_TRUE(parser.AtRowEnd());
  }
  RowFileParser wrong;
  wrong.Feed("KLROWS02....");
  EXPECT_EQ(wrong.Next().error().code, ErrorCode::kCorruption);
  RowFileParser cut;
  cut.Feed(std::string_view(file).substr(0, file.size() - 1));
  while (true) {
    const auto row = cut.Next();
    if (!row || !*row) break;
  }
  EXPECT_FALSE(cut.AtRowEnd());
}

}  // namespace
}  // namespace kalam::jobs
