// Sources with Parquet files: written by ParquetWriter, read together with the source's own rows.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "duckdb.hpp"
#include "engine/engine.h"
#include "engine/memory_source_for_test.h"
#include "engine/parquet_writer.h"

namespace kalam::engine {
namespace {

Value Int(int64_t n) { return Value::Integer(TypeKind::kInt, n); }

class DeadSet final : public DeadRows {
 public:
  explicit DeadSet(std::set<uint32_t> rows) : rows_(std::move(rows)) {}
  size_t Alive(uint32_t start, size_t count, uint32_t* out) const override {
    size_t alive = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (!rows_.contains(start + i)) out[alive++] = i;
    }
    return alive;
  }

 private:
  std::set<uint32_t> rows_;
};

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<const MemorySource> own, std::shared_ptr<FileSet> set, bool has_own = true)
      : own_(std::move(own)), set_(std::move(set)), has_own_(has_own) {
    columns_.assign(own_->columns().begin(), own_->columns().end());
  }
  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<SourceScan>> Scan(const ScanRequest& request) const override {
    return own_->Scan(request);
  }
  std::string Describe() const override { return "table with files"; }
  std::shared_ptr<const FileSet> files() const override { return set_; }
  bool has_own_rows() const override { return has_own_; }
  std::vector<ResultColumn> columns_;

 private:
  std::shared_ptr<const MemorySource> own_;
  std::shared_ptr<FileSet> set_;
  bool has_own_;
};

// Objects in one folder.
class FolderFiles final : public ObjectFiles {
 public:
  Result<std::unique_ptr<ObjectFile>> Open(std::string_view storage_id, std::string_view path,
                                           std::optional<uint64_t>, const ReadLimits&) const override {
    ++opened;
    EXPECT_EQ(storage_id, "local");
    std::ifstream in(folder + "/" + std::string(path), std::ios::binary);
    if (!in) return Fail(ErrorCode::kIo, "no such object");
    return std::make_unique<Bytes>(std::string(std::istreambuf_iterator<char>(in), {}));
  }
  std::string folder;
  mutable std::atomic<int> opened = 0;

 private:
  class Bytes final : public ObjectFile {
   public:
    explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
    uint64_t size() const override { return bytes_.size(); }
    bool is_local() const override { return true; }
    Status Read(uint64_t offset, std::span<char> out, const ReadLimits&) const override {
      if (offset + out.size() > bytes_.size()) return Fail(ErrorCode::kCorruption, "object is cut");
      std::copy_n(bytes_.data() + offset, out.size(), out.data());
      return {};
    }

   private:
    std::string bytes_;
  };
};

class Rows final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    std::string line;
    for (const Value& value : values) {
      const bool is_long = !value.is_null && value.kind == TypeKind::kText && value.text().size() > 60;
      line += (line.empty() ? "" : "|") + (is_long ? std::string(value.text()) : ToDisplay(value));
    }
    rows.push_back(line);
    return {};
  }
  std::vector<std::string> rows;
};

class ColdScanTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-cold-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    object_files_.folder = folder_;
    EngineOptions options;
    options.files = &object_files_;
    auto opened = Engine::Open(options, clock_, random_);
    ASSERT_TRUE(opened.has_value());
    engine_ = std::move(*opened);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::vector<ResultColumn> Columns() {
    return {{"id", Type(TypeKind::kBigInt), true, true},
            {"body", Type(TypeKind::kText), false, false},
            {"n", Type(TypeKind::kInt), false, false},
            {"_seq", Type(TypeKind::kBigInt), false, true},
            {"_deleted", Type(TypeKind::kBoolean), false, true}};
  }
  static std::vector<FileColumn> Ids() {
    std::vector<FileColumn> columns(5);
    columns[0].field_id = 1;
    columns[1].field_id = 2;
    columns[2].field_id = 3;
    columns[3].field_id = kSeqField;
    columns[4].field_id = kDeletedField;
    columns[4].when_absent = OwnedValue(Value::Boolean(false));
    return columns;
  }
  // Rows [from, to) in a file.
  DataFile Write(int64_t from, int64_t to, size_t row_group = 2048) {
    std::vector<std::vector<OwnedValue>> rows;
    for (int64_t id = from; id < to; ++id) {
      rows.push_back({OwnedValue(Value::BigInt(id)), OwnedValue(Value::Text("row " + std::to_string(id))),
                      OwnedValue(id % 3 == 0 ? Value::Null(TypeKind::kInt) : Int(id % 10)),
                      OwnedValue(Value::BigInt(1000 + id)), OwnedValue(Value::Boolean(false))});
    }
    ParquetWrite write;
    write.path = folder_ + "/" + std::to_string(++files_) + ".parquet";
    write.source = std::make_shared<MemorySource>(Columns(), std::move(rows));
    write.columns = Ids();
    write.row_group_rows = row_group;
    const Status written = writer_.Write(write);
    EXPECT_TRUE(written.has_value()) << written.error().message;
    DataFile file;
    file.path = FileName("local", std::to_string(files_) + ".parquet");
    file.size = std::filesystem::file_size(write.path);
    file.rows = file.visible_rows = static_cast<uint32_t>(to - from);
    file.key_min = OwnedValue(Value::BigInt(from));
    file.key_max = OwnedValue(Value::BigInt(to - 1));
    file.seq_min = 1000 + from;
    file.seq_max = 1000 + to - 1;
    return file;
  }
  static std::shared_ptr<FileSet> SetOf(std::vector<DataFile> files) {
    auto set = std::make_shared<FileSet>();
    set->files = std::move(files);
    set->columns = Ids();
    set->key_column = 0;
    set->seq_column = 3;
    return set;
  }
  static std::shared_ptr<MemorySource> Own(int64_t from, int64_t to) {
    std::vector<std::vector<OwnedValue>> rows;
    for (int64_t id = from; id < to; ++id) {
      rows.push_back({OwnedValue(Value::BigInt(id)), OwnedValue(Value::Text("hot " + std::to_string(id))),
                      OwnedValue(Int(7)), OwnedValue(Value::BigInt(1000 + id)),
                      OwnedValue(Value::Boolean(false))});
    }
    return std::make_shared<MemorySource>(Columns(), std::move(rows));
  }

  std::vector<std::string> Run(std::string_view sql, std::shared_ptr<const Source> source,
                               std::vector<Value> parameters = {}) {
    auto statement = engine_->Parse(sql);
    EXPECT_TRUE(statement.has_value()) << statement.error().message;
    RunRequest request;
    request.statement = *statement;
    const std::vector<std::shared_ptr<const Source>> sources(request.statement->tables().size(), source);
    request.sources = sources;
    request.parameters = parameters;
    Rows sink;
    const auto count = engine_->Run(request, sink);
    EXPECT_TRUE(count.has_value()) << count.error().message;
    return sink.rows;
  }

  SystemClock clock_;
  SystemRandom random_;
  std::string folder_;
  FolderFiles object_files_;
  int files_ = 0;
  std::unique_ptr<Engine> engine_;
  ParquetWriter writer_{random_, 64u << 20};
};

using Lines = std::vector<std::string>;

TEST_F(ColdScanTest, OwnRowsAndFilesAreOneTable) {
  const auto source = std::make_shared<FileSource>(Own(10, 13), SetOf({Write(0, 5), Write(5, 10)}));
  EXPECT_EQ(Run("SELECT id FROM t WHERE id BETWEEN 4 AND 11", source),
            (Lines{"4", "5", "6", "7", "8", "9", "10", "11"}));
  EXPECT_EQ(Run("SELECT COUNT(*), SUM(n), COUNT(n), MIN(_seq), MAX(_seq) FROM t", source),
            (Lines{"13|48|9|1000|1012"}));
  EXPECT_EQ(Run("SELECT * FROM t WHERE id = 4", source), (Lines{"4|'row 4'|4|1004|false"}));
  EXPECT_EQ(Run("SELECT * FROM t WHERE id = $1", source, {Value::BigInt(6)}),
            (Lines{"6|'row 6'|NULL|1006|false"}));
  EXPECT_EQ(Run("SELECT a.id, b.id FROM t a JOIN t b ON a.id + 6 = b.id WHERE a.id > 3 ORDER BY 1", source),
            (Lines{"4|10", "5|11", "6|12"}));
  EXPECT_EQ(Run("WITH x AS (SELECT id FROM t WHERE _deleted = false) SELECT COUNT(*) FROM x WHERE id IN "
                "(SELECT id FROM t WHERE body LIKE 'hot%')",
                source),
            (Lines{"3"}));
}

TEST_F(ColdScanTest, DeadAndInvisibleRowsDoNotCount) {
  DataFile first = Write(0, 5000);
  first.dead = std::make_shared<DeadSet>(std::set<uint32_t>{0, 1, 2, 2047, 2048, 4999});
  DataFile second = Write(5000, 10000);
  second.visible_rows = 2049;
  const auto source = std::make_shared<FileSource>(Own(0, 1), SetOf({first, second}));
  EXPECT_EQ(Run("SELECT COUNT(*) FROM t", source), Lines{std::to_string(1 + 4994 + 2049)});
  EXPECT_EQ(Run("SELECT COUNT(body) FROM t", source), Lines{std::to_string(1 + 4994 + 2049)});
  EXPECT_EQ(Run("SELECT id FROM t WHERE id < 5 ORDER BY id", source), (Lines{"0", "3", "4"}));
  EXPECT_EQ(Run("SELECT id FROM t WHERE id IN (2046, 2047, 2048, 2049, 4998, 4999, 7048, 7049)", source),
            (Lines{"2046", "2049", "4998", "7048"}));
  EXPECT_EQ(Run("SELECT MAX(id) FROM t", source), Lines{"7048"});
}

TEST_F(ColdScanTest, FilesThatCannotMatchAreLeftOut) {
  const auto source = std::make_shared<FileSource>(
      Own(100, 101), SetOf({Write(0, 10), Write(10, 20), Write(20, 30), Write(30, 40)}));
  const auto plan = [&](const std::string& where) {
    std::string text;
    for (const std::string& line : Run("EXPLAIN SELECT * FROM t WHERE " + where, source)) text += line;
    return text;
  };
  EXPECT_NE(plan("id = 15").find("1 of 4"), std::string::npos) << plan("id = 15");
  EXPECT_NE(plan("id > 15 AND id < 25").find("2 of 4"), std::string::npos);
  EXPECT_NE(plan("_seq > 1029").find("1 of 4"), std::string::npos);
  EXPECT_NE(plan("n = 1").find("4 of 4"), std::string::npos);
  // A file that cannot be read is not opened when it is left out.
  std::filesystem::remove(folder_ + "/4.parquet");
  EXPECT_EQ(Run("SELECT COUNT(*) FROM t WHERE id < 30", source), Lines{"30"});
  EXPECT_EQ(Run("SELECT COUNT(*) FROM t WHERE id = $1", source, {Value::BigInt(99)}), Lines{"0"});
}

TEST_F(ColdScanTest, TimesOfAFileAreCutToTheirRange) {
  const std::vector<ResultColumn> columns = {{"id", Type(TypeKind::kBigInt), true, true},
                                             {"ti", Type(TypeKind::kTime), false, false},
                                             {"_seq", Type(TypeKind::kBigInt), false, true}};
  const std::vector<int64_t> stored = {-5, 3'723'000'000, 360'000'000'000, 360'000'000'000'000'000};
  {
    duckdb::DuckDB database(nullptr);
    duckdb::Connection connection(database);
    connection.Query("CREATE TABLE t (id BIGINT, ti TIME, _seq BIGINT)");
    duckdb::Appender appender(connection, "t");
    for (size_t i = 0; i < stored.size(); ++i) {
      const auto id = static_cast<int64_t>(i);
      appender.AppendRow(id, duckdb::Value::TIME(duckdb::dtime_t(stored[i])), 1000 + id);
    }
    appender.Close();
    const auto copied = connection.Query("COPY t TO '" + folder_ +
                                         "/times.parquet' (FORMAT parquet, FIELD_IDS {id: 1, ti: 2, _seq: " +
                                         std::to_string(kSeqField) + "})");
    ASSERT_FALSE(copied->HasError()) << copied->GetError();
  }
  DataFile file;
  file.path = FileName("local", "times.parquet");
  file.size = std::filesystem::file_size(folder_ + "/times.parquet");
  file.rows = file.visible_rows = static_cast<uint32_t>(stored.size());
  file.key_min = OwnedValue(Value::BigInt(0));
  file.key_max = OwnedValue(Value::BigInt(3));
  file.seq_min = 1000;
  file.seq_max = 1003;
  auto set = SetOf({file});
  set->columns.resize(3);
  set->columns[2] = {kSeqField, {}};
  set->seq_column = 2;
  const auto source = std::make_shared<FileSource>(
      std::make_shared<MemorySource>(columns, std::vector<std::vector<OwnedValue>>{}), std::move(set));
  EXPECT_EQ(Run("SELECT id, ti::TEXT FROM t ORDER BY id", source),
            (Lines{"0|'00:00:00'", "1|'01:02:03'", "2|'24:00:00'", "3|'24:00:00'"}));
  EXPECT_EQ(Run("SELECT id FROM t WHERE ti = '01:02:03'", source), (Lines{"1"}));
}

TEST_F(ColdScanTest, OldFilesReadAsTheColumnsOfToday) {
  auto set = SetOf({Write(0, 3)});
  // `n` was dropped and another `n` added, `extra` is new with a default, `wide` is the old `id` renamed...
  std::vector<ResultColumn> columns = {
      {"key", Type(TypeKind::kDouble), true, true},   {"n", Type(TypeKind::kText), false, false},
      {"body", Type(TypeKind::kText), false, false},  {"extra", Type(TypeKind::kInt), false, false},
      {"_seq", Type(TypeKind::kBigInt), false, true}, {"_deleted", Type(TypeKind::kBoolean), false, true}};
  set->columns.resize(6);
  set->columns[0].field_id = 1;
  set->columns[1] = {7, OwnedValue(Value::Null(TypeKind::kText))};
  set->columns[2] = {2, {}};
  set->columns[3] = {8, OwnedValue(Int(42))};
  set->columns[4] = {kSeqField, {}};
  set->columns[5] = {kDeletedField, OwnedValue(Value::Boolean(false))};
  set->key_column.reset();
  set->seq_column = 4;
  auto source = std::make_shared<FileSource>(Own(0, 0), set, false);
  source->columns_ = columns;
  EXPECT_EQ(Run("SELECT * FROM t ORDER BY key", source),
            (Lines{"0|NULL|'row 0'|42|1000|false", "1|NULL|'row 1'|42|1001|false",
                   "2|NULL|'row 2'|42|1002|false"}));
  EXPECT_EQ(Run("SELECT body FROM t WHERE extra = 42 AND key = 1", source), (Lines{"'row 1'"}));
  EXPECT_EQ(Run("SELECT COUNT(*) FROM t WHERE extra = 41 OR n IS NOT NULL", source), Lines{"0"});
}

TEST_F(ColdScanTest, RowNumbersComeInOrder) {
  auto set = SetOf({Write(0, 20'000)});
  set->columns.push_back({kRowNumberField, {}});
  auto source = std::make_shared<FileSource>(Own(0, 0), set, false);
  source->columns_.push_back({"_row", Type(TypeKind::kBigInt), false, true});
  const auto rows = Run("SELECT id, _row FROM t", source);
  ASSERT_EQ(rows.size(), 20'000u);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i], std::to_string(i) + "|" + std::to_string(i));
  }
}

TEST_F(ColdScanTest, StatementsCannotNameTheFunctions) {
  const std::string path = Write(0, 3).path;
  EXPECT_EQ(path, "kalam://local/1.parquet");
  const std::string tables[] = {"cold_scan('0')",
                                "hot_scan(0)",
                                "scan(0)",
                                "read_parquet('" + path + "')",
                                "parquet_scan('" + path + "')",
                                "parquet_metadata('" + path + "')",
                                "'" + path + "'"};
  for (const std::string& table : tables) {
    const auto parsed = engine_->Parse("SELECT * FROM " + table);
    if (!parsed) continue;
    // A quoted path parses as the name of a table, which the catalog does not have.
    EXPECT_EQ((*parsed)->tables().size(), 1u) << table;
  }
}

}  // namespace
}  // namespace kalam::engine
