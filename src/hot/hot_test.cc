#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "base/clock.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/store.h"

namespace kalam::hot {
namespace {

constexpr TableId kTable(9);

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-hot-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TableSchema MakeSchema() {
  TableSchema schema;
  uint32_t id = 0;
  for (const auto& [name, kind] : {std::pair{"id", TypeKind::kBigInt}, {"n", TypeKind::kInt}, {"body", TypeKind::kText}}) {
    Column column;
    column.id = ColumnId(++id);
    column.name = name;
    column.type = Type(kind);
    column.primary_key = id == 1;
    schema.columns.push_back(column);
  }
  return schema;
}

std::string KeyOf(int64_t id) {
  std::string key = SharedPrefix(kTable);
  EXPECT_TRUE(AppendPrimaryKey(Value::BigInt(id), key));
  return key;
}

std::string RowOf(const RowCodec& codec, int64_t id, int64_t n, std::string_view body) {
  std::string row;
  const std::vector<Value> values = {Value::BigInt(id), Value::Integer(TypeKind::kInt, n), Value::Text(body)};
  EXPECT_TRUE(codec.Encode(values, row));
  return row;
}

RowOp Insert(const RowCodec& codec, int64_t id, int64_t n) {
  RowOp op;
  op.prefix_size = 4;
  op.key = KeyOf(id);
  op.value = RowOf(codec, id, n, "x");
  return op;
}

class Add final : public RowTransform {
 public:
  Add(const RowCodec& codec, int64_t delta) : codec_(codec), delta_(delta) {}
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    if (!current || RowDeleted(*current)) return Effect::kUnchanged;
    const RowView row = codec_.Open(*current).value();
    const std::vector<Value> values = {row.Get(0), Value::Integer(TypeKind::kInt, row.Get(1).integer + delta_), row.Get(2)};
    KALAM_TRY(codec_.Encode(values, next));
    return Effect::kWrite;
  }

 private:
  const RowCodec& codec_;
  int64_t delta_;
};

class Remove final : public RowTransform {
 public:
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override {
    if (!current || RowDeleted(*current)) return Effect::kUnchanged;
    next.assign(*current);
    PatchDeleted(true, next);
    return Effect::kWrite;
  }
};

RowOp Change(RowOpKind kind, int64_t id, std::shared_ptr<const RowTransform> transform) {
  RowOp op;
  op.kind = kind;
  op.prefix_size = 4;
  op.key = KeyOf(id);
  op.transform = std::move(transform);
  return op;
}

CommitResult CommitOne(Store& store, RowOp op) {
  Batch batch;
  batch.rows.push_back(std::move(op));
  return store.Commit(std::move(batch));
}

// by_seq has exactly one entry per entry of rows, with the row's sequence and key.
void ExpectBySeqMatchesRows(const Store& store) {
  std::map<std::string, std::string> expected;
  const std::string prefix = SharedPrefix(kTable);
  auto rows = store.Scan(Space::kRows, prefix, PrefixEnd(prefix));
  for (; rows->Valid(); rows->Next()) {
    std::string seq_key = prefix;
    AppendSeq(RowSeq(rows->value()), seq_key);
    expected[seq_key] = std::string(rows->key().substr(prefix.size()));
  }
  std::map<std::string, std::string> found;
  auto by_seq = store.Scan(Space::kBySeq, prefix, PrefixEnd(prefix));
  for (; by_seq->Valid(); by_seq->Next()) found[std::string(by_seq->key())] = std::string(by_seq->value());
  EXPECT_EQ(found, expected);
}

TEST(KeyCodecTest, PreservesOrderAndRoundTrips) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const auto a = static_cast<int64_t>(random());
    const auto b = static_cast<int64_t>(random() >> (random() % 64));
    EXPECT_EQ(KeyOf(a) < KeyOf(b), a < b);
    EXPECT_EQ(DecodePrimaryKey(Type(TypeKind::kBigInt), std::string_view(KeyOf(a)).substr(4))->integer, a);
    const double x = std::bit_cast<double>(random());
    const double y = static_cast<double>(static_cast<int64_t>(random())) / 1e6;
    std::string kx, ky;
    if (x != x) continue;
    ASSERT_TRUE(AppendPrimaryKey(Value::Real(TypeKind::kDouble, x), kx));
    ASSERT_TRUE(AppendPrimaryKey(Value::Real(TypeKind::kDouble, y), ky));
    EXPECT_EQ(kx < ky, x < y);
  }
}

TEST(KeyCodecTest, ScopesAreNotPrefixesOfEachOther) {
  const std::vector<std::string> users = {"", "a", "ab", "b", std::string("a\0", 2), std::string("a\0b", 3), "a\x01", "\xFF"};
  for (const std::string& a : users) {
    const std::string pa = UserPrefix(kTable, a);
    EXPECT_EQ(DecodeScope(pa + "key").value(), a);
    EXPECT_EQ(PrefixSize(pa + "key", true), pa.size());
    for (const std::string& b : users) {
      const std::string pb = UserPrefix(kTable, b);
      EXPECT_EQ(pb.starts_with(pa), a == b);
      EXPECT_EQ(pa < pb, a < b);
    }
  }
}

TEST(RowCodecTest, OldRowsReadThroughTheNewestSchema) {
  TableSchema v1 = MakeSchema();
  const RowCodec old_codec({v1});
  const std::string row = RowOf(old_codec, 7, 8, "hello");

  TableSchema v2 = v1;
  v2.version = 2;
  v2.columns[1].type = Type(TypeKind::kBigInt);  // widened
  v2.columns[2].name = "text";                   // renamed
  Column added;
  added.id = ColumnId(4);
  added.name = "extra";
  added.type = Type(TypeKind::kText);
  added.initial_default = OwnedValue(Value::Text("later"));
  v2.columns.push_back(added);
  TableSchema v3 = v2;
  v3.version = 3;
  v3.columns.erase(v3.columns.begin() + 2);  // dropped
  const RowCodec codec({v1, v2, v3});
  const RowView view = codec.Open(row).value();
  EXPECT_EQ(view.Get(0).integer, 7);
  EXPECT_EQ(view.Get(1).kind, TypeKind::kBigInt);
  EXPECT_EQ(view.Get(1).integer, 8);
  EXPECT_EQ(view.Get(2).text(), "later");
}

TEST(RowCodecTest, EveryTypeRoundTripsAndCutRowsAreCorrupt) {
  TableSchema schema;
  const std::vector<std::pair<DataType, Value>> cells = {
      {Type(TypeKind::kBoolean), Value::Boolean(true)},
      {Type(TypeKind::kSmallInt), Value::Integer(TypeKind::kSmallInt, -7)},
      {Type(TypeKind::kText), Value::Text("")},
      {Type(TypeKind::kInt), Value::Integer(TypeKind::kInt, -8)},
      {Type(TypeKind::kBigInt), Value::Null(TypeKind::kBigInt)},
      {Type(TypeKind::kFloat), Value::Real(TypeKind::kFloat, 0.5)},
      {Type(TypeKind::kText), Value::Text("abc")},
      {Type(TypeKind::kDouble), Value::Real(TypeKind::kDouble, 0.1)},
      {DataType{TypeKind::kDecimal, 10, 2, 0}, Value::Wide(TypeKind::kDecimal, -12345, 2)},
      {Type(TypeKind::kUuid), Value::Wide(TypeKind::kUuid, Int128{1} << 100)},
      {Type(TypeKind::kBytes), Value::Bytes(TypeKind::kBytes, std::string_view("\0\1", 2))},
      {Type(TypeKind::kTimestamp), Value::Integer(TypeKind::kTimestamp, -1)},
  };
  std::vector<Value> values;
  for (const auto& [type, value] : cells) {
    Column column;
    column.id = ColumnId(static_cast<uint32_t>(schema.columns.size() + 1));
    column.type = type;
    schema.columns.push_back(column);
    values.push_back(value);
  }
  const RowCodec codec({schema});
  std::string row;
  ASSERT_TRUE(codec.Encode(values, row));
  const RowView view = codec.Open(row).value();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(Identical(view.Get(i), values[i])) << i;
  for (size_t size = 0; size < row.size(); ++size) EXPECT_FALSE(codec.Open(std::string_view(row).substr(0, size))) << size;
}

class StoreTest : public testing::TestWithParam<Durability> {
 protected:
  void Open() {
    store_.reset();
    StoreOptions options;
    options.path = folder_.path() + "/db";
    options.durability = GetParam();
    auto opened = Store::Open(options, clock_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }
  void SetUp() override { Open(); }

  std::optional<std::string> Read(int64_t id) {
    PinnedBytes bytes;
    if (!store_->Get(Space::kRows, KeyOf(id), bytes).value()) return std::nullopt;
    return std::string(bytes.bytes());
  }

  TempFolder folder_;
  ManualClock clock_{1'750'000'000'000'000};
  RowCodec codec_{{MakeSchema()}};
  std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, InsertRefusesALiveKeyAndAcceptsADeletedOne) {
  EXPECT_TRUE(CommitOne(*store_, Insert(codec_, 1, 1)).status);
  const CommitResult again = CommitOne(*store_, Insert(codec_, 1, 2));
  ASSERT_FALSE(again.status);
  EXPECT_EQ(again.status.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(again.failed_op, 0u);
  EXPECT_EQ(again.failed_key, KeyOf(1));
  EXPECT_EQ(CommitOne(*store_, Change(RowOpKind::kDelete, 1, std::make_shared<Remove>())).applied, 1);
  EXPECT_EQ(CommitOne(*store_, Change(RowOpKind::kDelete, 1, std::make_shared<Remove>())).applied, 0);
  EXPECT_TRUE(CommitOne(*store_, Insert(codec_, 1, 3)).status);
  ExpectBySeqMatchesRows(*store_);
}

TEST_P(StoreTest, ARefusedBatchLeavesNothing) {
  ASSERT_TRUE(CommitOne(*store_, Insert(codec_, 5, 1)).status);
  Batch batch;
  batch.rows.push_back(Insert(codec_, 4, 1));
  batch.rows.push_back(Insert(codec_, 5, 1));
  batch.meta.push_back({"x", "y"});
  EXPECT_FALSE(store_->Commit(std::move(batch)).status);
  EXPECT_FALSE(Read(4).has_value());
  PinnedBytes bytes;
  EXPECT_FALSE(store_->Get(Space::kMeta, "x", bytes).value());
  Batch doubled;
  doubled.rows.push_back(Insert(codec_, 6, 1));
  doubled.rows.push_back(Insert(codec_, 6, 2));
  EXPECT_EQ(store_->Commit(std::move(doubled)).failed_op, 1u);
  EXPECT_FALSE(Read(6).has_value());
  ExpectBySeqMatchesRows(*store_);
}

TEST_P(StoreTest, AStaleUpdateWithoutTransformConflicts) {
  ASSERT_TRUE(CommitOne(*store_, Insert(codec_, 1, 1)).status);
  RowOp op = Insert(codec_, 1, 2);
  op.kind = RowOpKind::kUpdate;
  op.seen = Seq(1);
  EXPECT_EQ(CommitOne(*store_, std::move(op)).status.error().code, ErrorCode::kConflict);
  RowOp fresh = Insert(codec_, 1, 2);
  fresh.kind = RowOpKind::kUpdate;
  fresh.seen = RowSeq(*Read(1));
  EXPECT_TRUE(CommitOne(*store_, std::move(fresh)).status);
  EXPECT_EQ(codec_.Open(*Read(1))->Get(1).integer, 2);
}

TEST_P(StoreTest, ConcurrentIncrementsLoseNothing) {
  ASSERT_TRUE(CommitOne(*store_, Insert(codec_, 1, 0)).status);
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_EQ(CommitOne(*store_, Change(RowOpKind::kUpdate, 1, std::make_shared<Add>(codec_, 1))).applied, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(codec_.Open(*Read(1))->Get(1).integer, kThreads * kEach);
  ExpectBySeqMatchesRows(*store_);
}

TEST_P(StoreTest, RacingInsertsOfOneKeyHaveOneWinner) {
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t id = 0; id < 100; ++id) winners += CommitOne(*store_, Insert(codec_, id, t)).status ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(winners, 100);
}

TEST_P(StoreTest, SequencesAscendAcrossRestartAndClockSteps) {
  Seq last;
  for (int round = 0; round < 4; ++round) {
    for (int64_t i = 0; i < 20; ++i) {
      const CommitResult result = CommitOne(*store_, Insert(codec_, round * 100 + i, 0));
      ASSERT_TRUE(result.status);
      EXPECT_GT(result.last_seq, last);
      last = result.last_seq;
      clock_.StepWallMicros(round % 2 == 0 ? 700 : -5'000'000);
    }
    // Even when the newest row is gone, its sequence is not used again.
    ASSERT_TRUE(CommitOne(*store_, Change(RowOpKind::kDelete, round * 100, std::make_shared<Remove>())).status);
    last = store_->last_seq();
    Open();
  }
  ExpectBySeqMatchesRows(*store_);
}

TEST_P(StoreTest, SchemaGuardsAndDroppedTables) {
  store_->SetSchemaVersion(kTable, 1);
  Batch good;
  good.guards.push_back({kTable, 1});
  good.rows.push_back(Insert(codec_, 1, 1));
  EXPECT_TRUE(store_->Commit(std::move(good)).status);
  Batch drop;
  drop.new_versions.push_back({kTable, 0});
  drop.dropped_tables.push_back(kTable);
  EXPECT_TRUE(store_->Commit(std::move(drop)).status);
  EXPECT_FALSE(Read(1).has_value());
  ExpectBySeqMatchesRows(*store_);
  Batch late;
  late.guards.push_back({kTable, 1});
  late.rows.push_back(Insert(codec_, 2, 1));
  const CommitResult refused = store_->Commit(std::move(late));
  EXPECT_EQ(refused.status.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(refused.failed_op.has_value());
}

TEST_P(StoreTest, CursorsRespectBoundsDirectionAndSnapshot) {
  for (int64_t id = 0; id < 10; ++id) ASSERT_TRUE(CommitOne(*store_, Insert(codec_, id, 0)).status);
  const Snapshot snapshot = store_->TakeSnapshot();
  ASSERT_TRUE(CommitOne(*store_, Insert(codec_, 100, 0)).status);
  const auto ids = [&](Direction direction, const Snapshot* at, int64_t begin, int64_t end) {
    std::vector<int64_t> found;
    auto cursor = store_->Scan(Space::kRows, KeyOf(begin), KeyOf(end), direction, at);
    for (; cursor->Valid(); cursor->Next()) found.push_back(codec_.Open(cursor->value())->Get(0).integer);
    EXPECT_TRUE(cursor->status());
    return found;
  };
  EXPECT_EQ(ids(Direction::kForward, nullptr, 3, 6), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(ids(Direction::kBackward, nullptr, 3, 6), (std::vector<int64_t>{5, 4, 3}));
  EXPECT_EQ(ids(Direction::kForward, &snapshot, 8, 200), (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(ids(Direction::kForward, nullptr, 8, 200), (std::vector<int64_t>{8, 9, 100}));
  EXPECT_TRUE(ids(Direction::kForward, nullptr, 5, 5).empty());
}

TEST_P(StoreTest, StoppedStoreRefusesWrites) {
  store_->Stop();
  EXPECT_EQ(CommitOne(*store_, Insert(codec_, 1, 1)).status.error().code, ErrorCode::kUnavailable);
}

INSTANTIATE_TEST_SUITE_P(Durability, StoreTest, testing::Values(Durability::kSync, Durability::kOs),
                         [](const auto& test) { return test.param == Durability::kSync ? "sync" : "os"; });

}  // namespace
}  // namespace kalam::hot
