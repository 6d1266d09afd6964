// A scan with the column cache gives the rows that one without it gives at the same snapshot, whatever
// happens in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "base/random.h"
#include "engine/engine.h"
#include "hot/store_for_test.h"
#include "tables/cached_scan.h"
#include "tables/column_cache.h"
#include "tables/row_source.h"

namespace kalam::tables {
namespace {

using hot::BatchOf;
using hot::kTestTable;
using hot::RowOpKind;

constexpr int64_t kIds = 12'000;

class RowTexts final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    std::string& row = rows.emplace_back();
    for (const Value& value : values) {
      row += value.is_null                   ? "NULL"
             : value.kind == TypeKind::kText ? std::string(value.text())
                                             : std::to_string(value.integer);
      row += '|';
    }
    return {};
  }
  std::vector<std::string> rows;
};

class CachedScanTest : public hot::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->AddColdTable(kTestTable);
    engine::EngineOptions options;
    options.threads = 2;
    engine_ = std::move(engine::Engine::Open(options, system_clock_, random_)).value();
    auto table = std::make_shared<catalog::Table>();
    table->id = kTestTable;
    table->ns = "app";
    table->name = "t";
    table->type = TableType::kShared;
    table->versions = {hot::MakeSchema()};
    table->codec = std::make_shared<hot::RowCodec>(table->versions);
    table_ = std::move(table);
  }

  ReadView Now() {
    ReadView view;
    view.store = store_.get();
    return view.AtSnapshot();
  }

  std::vector<std::string> Rows(ReadView view, ColumnCache* cache, std::string_view sql) const {
    view.column_cache = cache;
    const std::shared_ptr<const engine::Source> sources[] = {
        RowSource::Make(view, table_, "", false, 0).value()};
    engine::RunRequest request;
    request.statement = engine_->Parse(sql).value();
    request.sources = sources;
    request.default_order = false;
    request.context.principal = &principal_;
    RowTexts sink;
    const auto count = engine_->Run(request, sink);
    EXPECT_TRUE(count.has_value()) << count.error().message;
    std::ranges::sort(sink.rows);
    return sink.rows;
  }

  // The number of rows.
  size_t ExpectSame(const ReadView& view, std::string_view sql) {
    const auto expected = Rows(view, nullptr, sql);
    const auto rows = Rows(view, &cache_, sql);
    EXPECT_EQ(rows.size(), expected.size()) << sql;
    EXPECT_TRUE(rows == expected) << sql;
    return rows.size();
  }

  void Fill(int64_t from, int64_t to) {
    hot::Batch batch;
    for (int64_t id = from; id < to; ++id) batch.rows.push_back(hot::Insert(id, id % 100));
    ASSERT_TRUE(Commit(std::move(batch)).status);
  }

  static hot::RowOp MoveTo(int64_t id, Seq seen, uint32_t row) {
    hot::RowOp op = hot::MakeOp(RowOpKind::kMove, id, kTestTable);
    op.seen = seen;
    op.to = {7, row};
    op.from_hot = true;
    return op;
  }

  // A random commit: many of the kinds that a table sees.
  void Change(std::mt19937_64& random, uint32_t& moved) {
    const auto pick = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
    const int64_t around = pick(kIds);
    hot::Batch batch;
    const int64_t kind = pick(20);
    const int64_t count = 1 + pick(kind < 3 ? 3000 : kind < 10 ? 200 : 5);
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < count; ++i) ids.push_back(pick(2) == 0 ? pick(kIds) : (around + i) % kIds);
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const int64_t id : ids) {
      const auto row = Read(id);
      const bool live = row && !hot::RowDeleted(*row);
      if (kind == 19 && row && !live) {
        hot::RowOp purge = hot::MakeOp(RowOpKind::kPurge, id, kTestTable);
        purge.seen = hot::RowSeq(*row);
        batch.rows.push_back(std::move(purge));
      } else if (kind == 18 && live) {
        batch.rows.push_back(MoveTo(id, hot::RowSeq(*row), moved++));
      } else if (!live) {
        batch.rows.push_back(hot::Insert(id, pick(100)));
      } else if (pick(3) == 0) {
        batch.rows.push_back(hot::Remove(id));
      } else {
        batch.rows.push_back(hot::Replace(id, pick(1000), hot::RowSeq(*row)));
      }
    }
    if (kind == 17 && pick(4) == 0) {
      batch.rows.clear();
      batch.dropped_hot_rows.push_back(hot::SharedPrefix(kTestTable));
    }
    (void)Commit(std::move(batch));  // some ids have a cold row and are refused: nothing changes then
  }

  std::string AnyQuery(std::mt19937_64& random) const {
    static constexpr std::string_view kQueries[] = {
        "SELECT id, n, body, _seq FROM t", "SELECT n, count(*) FROM t GROUP BY n", "SELECT count(*) FROM t",
        "SELECT id, _seq FROM t WHERE n < 50", "SELECT n FROM t LIMIT 100000"};
    const uint64_t at = random() % 7;
    if (at < std::size(kQueries)) return std::string(kQueries[at]);
    const auto first = random() % kIds;
    return "SELECT id, n FROM t WHERE id >= " + std::to_string(first) + " AND id < " +
           std::to_string(first + random() % kIds);
  }

  SystemClock system_clock_;
  SeededRandom random_{7};
  Principal principal_{"ann", Role::kUser};
  std::unique_ptr<engine::Engine> engine_;
  catalog::TablePtr table_;
  ColumnCache cache_{64u << 20};
};

TEST_P(CachedScanTest, TheSecondScanFillsItAndTheThirdUsesIt) {
  Fill(0, kIds);
  constexpr std::string_view kSql = "SELECT id, n FROM t";
  EXPECT_EQ(ExpectSame(Now(), kSql), static_cast<size_t>(kIds));
  EXPECT_EQ(cache_.bytes(), 0u);
  ExpectSame(Now(), kSql);
  const size_t bytes = cache_.bytes();
  EXPECT_GT(bytes, static_cast<size_t>(kIds) * 20);
  EXPECT_LT(bytes, static_cast<size_t>(kIds) * 80);
  EXPECT_EQ(cache_.hits(), 0u);
  ExpectSame(Now(), kSql);
  EXPECT_EQ(cache_.hits(), 1u);
  // A column that is not there: all of it is read again, once.
  ExpectSame(Now(), "SELECT body FROM t");
  EXPECT_GT(cache_.bytes(), bytes);
  ExpectSame(Now(), kSql);
}

TEST_P(CachedScanTest, AnEarlierSnapshotSeesNothingOfLaterRows) {
  Fill(0, kIds);
  const ReadView early = Now();
  ASSERT_TRUE(Commit(BatchOf(hot::Remove(5), hot::Add(6, 1), hot::Insert(kIds, 1))).status);
  for (int i = 0; i < 3; ++i) ExpectSame(Now(), "SELECT id, n FROM t");
  ASSERT_GT(cache_.hits(), 0u);
  ExpectSame(early, "SELECT id, n FROM t");
}

TEST_P(CachedScanTest, WhatIsTooLargeIsNotKept) {
  ColumnCache small(100 << 10);
  Fill(0, kIds);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Rows(Now(), &small, "SELECT id, n FROM t").size(), static_cast<size_t>(kIds));
    EXPECT_EQ(small.bytes(), 0u);
  }
  EXPECT_EQ(small.hits(), 0u);
}

TEST_P(CachedScanTest, RandomChangesAndQueries) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  uint32_t moved = 0;
  Fill(0, kIds / 2);
  for (int round = 0; round < 150 && !HasFailure(); ++round) {
    const ReadView before = Now();
    for (uint64_t i = random() % 4; i > 0; --i) Change(random, moved);
    ExpectSame(Now(), AnyQuery(random));
    if (random() % 8 == 0) ExpectSame(before, AnyQuery(random));
  }
  EXPECT_GT(cache_.hits(), 20u);
}

TEST_P(CachedScanTest, QueriesBesideAWriter) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Fill(0, kIds);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::mt19937_64 random(seed);
    uint32_t moved = 0;
    while (!stop) Change(random, moved);
  });
  std::vector<std::thread> readers;
  for (uint64_t i = 1; i <= 2; ++i) {
    readers.emplace_back([&, i] {
      std::mt19937_64 random(seed + i);
      for (int round = 0; round < 40; ++round) ExpectSame(Now(), AnyQuery(random));
    });
  }
  for (std::thread& reader : readers) reader.join();
  stop = true;
  writer.join();
}

INSTANTIATE_TEST_SUITE_P(, CachedScanTest, testing::Values(hot::Durability::kOs), hot::DurabilityName);

}  // namespace
}  // namespace kalam::tables
