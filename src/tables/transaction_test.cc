#include "tables/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "hot/store_for_test.h"
#include "tables/transaction_list.h"

namespace kalam::tables {
namespace {

using hot::KeyOf;
using hot::kTestTable;
using hot::RowOf;
using ::testing::HasSubstr;

class TransactionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    hot::StoreOptions options;
    options.path = folder_.path();
    options.durability = hot::Durability::kOs;
    auto store = hot::Store::Open(options, clock_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto table = std::make_shared<catalog::Table>();
    table->id = kTestTable;
    table->ns = "app";
    table->name = "t";
    table->versions = {hot::MakeSchema()};
    table->versions[0].version = 1;
    table->codec = std::make_shared<hot::RowCodec>(table->versions);
    table_ = table;
    store_->SetSchemaVersion(kTestTable, 1);
  }
  void TearDown() override { store_->Stop(); }

  std::unique_ptr<Transaction> Begin(TransactionOptions options = {}) {
    return std::make_unique<Transaction>("tx-" + std::to_string(++begun_), "sql-req-1", *store_, nullptr,
                                         list_, clock_, options);
  }

  static hot::RowOp Op(hot::RowOpKind kind, int64_t id, std::string row) {
    hot::RowOp op;
    op.kind = kind;
    op.prefix_size = 4;
    op.key = KeyOf(id);
    op.value = std::move(row);
    return op;
  }
  static hot::RowOp Insert(int64_t id, int64_t n) { return Op(hot::RowOpKind::kInsert, id, RowOf(id, n)); }
  static hot::RowOp Update(int64_t id, int64_t n) { return Op(hot::RowOpKind::kUpdate, id, RowOf(id, n)); }
  static hot::RowOp Delete(int64_t id) {
    std::string row = RowOf(id, 0);
    hot::PatchDeleted(true, row);
    return Op(hot::RowOpKind::kDelete, id, std::move(row));
  }

  Result<int64_t> Stage(Transaction& transaction, hot::RowOp op) {
    hot::Batch batch;
    batch.rows.push_back(std::move(op));
    return transaction.Stage(table_, std::move(batch));
  }
  // Autocommit, over whatever the row is now.
  void Write(hot::RowOp op) {
    Transaction direct("direct", "test", *store_, nullptr, list_, clock_, {});
    ASSERT_TRUE(Stage(direct, std::move(op)));
    ASSERT_TRUE(direct.Commit());
  }

  // Live rows as id -> n.
  std::map<int64_t, int64_t> Rows(const ReadView& view, hot::Direction direction = hot::Direction::kForward) {
    std::map<int64_t, int64_t> rows;
    const std::string begin = hot::SharedPrefix(kTestTable);
    std::optional<int64_t> last;
    auto cursor = view.Scan(begin, hot::PrefixEnd(begin), direction);
    for (; cursor.Valid(); cursor.Next()) {
      const hot::RowView row = table_->codec->Open(cursor.value()).value();
      const int64_t id = row.Get(0).integer;
      EXPECT_EQ(cursor.key(), KeyOf(id));
      if (last) {
        EXPECT_TRUE(direction == hot::Direction::kForward ? id > *last : id < *last);
      }
      last = id;
      if (!row.deleted()) rows[id] = row.Get(1).integer;
    }
    EXPECT_TRUE(cursor.status());
    return rows;
  }
  std::map<int64_t, int64_t> Committed() { return Rows({store_.get()}); }

  hot::TempFolder folder_;
  ManualClock clock_{1'767'225'600'000'000};
  std::unique_ptr<hot::Store> store_;
  TransactionList list_;
  catalog::TablePtr table_;
  int begun_ = 0;
};

using Map = std::map<int64_t, int64_t>;

TEST_F(TransactionTest, ReadsItsOwnWritesOverTheSnapshotAndOthersSeeThemAtCommit) {
  Write(Insert(1, 10));
  Write(Insert(2, 20));
  auto transaction = Begin();
  Write(Insert(9, 90));  // after BEGIN: not seen
  EXPECT_EQ(Stage(*transaction, Insert(3, 30)).value(), 1);
  EXPECT_EQ(Stage(*transaction, Update(1, 11)).value(), 1);
  EXPECT_EQ(Stage(*transaction, Delete(2)).value(), 1);
  EXPECT_EQ(Rows(transaction->view()), (Map{{1, 11}, {3, 30}}));
  EXPECT_EQ(Rows(transaction->view(), hot::Direction::kBackward), (Map{{1, 11}, {3, 30}}));
  EXPECT_EQ(Committed(), (Map{{1, 10}, {2, 20}, {9, 90}}));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(Committed(), (Map{{1, 11}, {3, 30}, {9, 90}}));
}

TEST_F(TransactionTest, LeavesNothingWithoutCommit) {
  {
    auto transaction = Begin();
    ASSERT_TRUE(Stage(*transaction, Insert(1, 1)));
    EXPECT_EQ(list_.List().at(0).state, TransactionState::kOpenWrite);
    EXPECT_EQ(list_.List().at(0).write_count, 1);
  }
  EXPECT_EQ(Committed(), Map{});
  EXPECT_EQ(list_.size(), 0u);
}

TEST_F(TransactionTest, RowsThatComeAndGoInsideCommitAsNothing) {
  auto transaction = Begin();
  ASSERT_TRUE(Stage(*transaction, Insert(1, 1)));
  ASSERT_TRUE(Stage(*transaction, Delete(1)));
  ASSERT_TRUE(Stage(*transaction, Insert(2, 2)));
  ASSERT_TRUE(Stage(*transaction, Delete(2)));
  ASSERT_TRUE(Stage(*transaction, Insert(2, 22)));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(Committed(), (Map{{2, 22}}));
  hot::PinnedBytes bytes;
  EXPECT_FALSE(store_->Get(hot::Space::kRows, KeyOf(1), bytes).value());
}

TEST_F(TransactionTest, DuplicateKeysAreRefusedAtOnceAndAtTheCommit) {
  Write(Insert(1, 1));
  auto stored = Begin();
  EXPECT_THAT(Stage(*stored, Insert(1, 2)).error().message,
              HasSubstr("value '1' already exists in column 'id'"));
  auto twice = Begin();
  ASSERT_TRUE(Stage(*twice, Insert(5, 1)));
  EXPECT_THAT(Stage(*twice, Insert(5, 2)).error().message,
              HasSubstr("value '5' appears multiple times in the transaction batch for column 'id'"));
  auto late = Begin();
  ASSERT_TRUE(Stage(*late, Insert(7, 1)));
  ASSERT_TRUE(Stage(*late, Insert(8, 1)));
  Write(Insert(7, 70));
  const Status refused = late->Commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(Committed(), (Map{{1, 1}, {7, 70}}));  // all or nothing
}

TEST_F(TransactionTest, TheLaterCommitWinsByDefault) {
  Write(Insert(1, 1));
  Write(Insert(2, 2));
  Write(Insert(3, 3));
  auto transaction = Begin();
  ASSERT_TRUE(Stage(*transaction, Update(1, 100)));
  ASSERT_TRUE(Stage(*transaction, Delete(2)));
  ASSERT_TRUE(Stage(*transaction, Delete(3)));
  Write(Update(1, 5));
  Write(Delete(2));
  Write(Update(3, 6));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(Committed(), (Map{{1, 100}}));
}

TEST_F(TransactionTest, TheFirstCommitWinsWhenConfigured) {
  Write(Insert(1, 1));
  Write(Insert(2, 2));
  auto transaction = Begin({.conflicts = Conflicts::kFirstCommitWins});
  ASSERT_TRUE(Stage(*transaction, Update(1, 100)));
  ASSERT_TRUE(Stage(*transaction, Update(2, 200)));
  Write(Update(2, 5));
  const Status refused = transaction->Commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("row '2' of table 'app.t'"));
  EXPECT_EQ(Committed(), (Map{{1, 1}, {2, 5}}));
}

TEST_F(TransactionTest, TablesThatChangedRefuseTheCommit) {
  auto transaction = Begin();
  ASSERT_TRUE(Stage(*transaction, Insert(1, 1)));
  store_->SetSchemaVersion(kTestTable, 2);
  EXPECT_EQ(transaction->Commit().error().code, ErrorCode::kConflict);
}

TEST_F(TransactionTest, MemoryIsBounded) {
  auto transaction = Begin({.bytes_max = 1'000});
  Result<int64_t> staged = 0;
  int64_t id = 0;
  while (staged && id < 1'000) staged = Stage(*transaction, Insert(++id, 1));
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::kLimitExceeded);
  EXPECT_THAT(staged.error().message, HasSubstr("exceeded buffer limit of 1000 bytes and was aborted"));
  EXPECT_EQ(list_.List().at(0).state, TransactionState::kAborted);
}

TEST_F(TransactionTest, TimesOutBetweenStatements) {
  auto transaction = Begin({.timeout_nanos = 2'000'000'000});
  clock_.AdvanceMicros(1'500'000);
  EXPECT_TRUE(transaction->Use("continue"));  // and starts the time again
  clock_.AdvanceMicros(1'500'000);
  EXPECT_TRUE(transaction->Use("continue"));
  clock_.AdvanceMicros(2'500'000);
  const Status late = transaction->Use("commit");
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message,
              HasSubstr("cannot commit transaction 'tx-1' because it timed out and was aborted"));
  EXPECT_FALSE(transaction->Use("continue"));
  EXPECT_EQ(list_.List().at(0).state, TransactionState::kTimedOut);
}

// Random statements against a plain map; both directions and random ranges must agree with it.
TEST_F(TransactionTest, CursorsMergeLikeOneMap) {
  const uint64_t seed = 20'261'125;
  SeededRandom random(seed);
  const auto next = [&](int64_t below) {
    uint8_t bytes[4];
    random.Fill(bytes);
    return static_cast<int64_t>((bytes[0] << 16 | bytes[1] << 8 | bytes[2]) % below);
  };
  Map model;
  for (int64_t id = 0; id < 40; id += 2) {
    Write(Insert(id, id));
    model[id] = id;
  }
  auto transaction = Begin();
  for (int step = 0; step < 400; ++step) {
    const int64_t id = next(40);
    if (!model.contains(id)) {
      ASSERT_TRUE(Stage(*transaction, Insert(id, step))) << "seed " << seed << " step " << step;
      model[id] = step;
    } else if (next(2) == 0) {
      ASSERT_TRUE(Stage(*transaction, Update(id, step)));
      model[id] = step;
    } else {
      ASSERT_TRUE(Stage(*transaction, Delete(id)));
      model.erase(id);
    }
    ASSERT_EQ(Rows(transaction->view()), model) << "seed " << seed << " step " << step;
    ASSERT_EQ(Rows(transaction->view(), hot::Direction::kBackward), model) << "seed " << seed;
    const int64_t low = next(40);
    const int64_t high = next(40);
    Map part;
    auto cursor = transaction->view().Scan(KeyOf(low), KeyOf(high));
    for (; cursor.Valid(); cursor.Next()) {
      const hot::RowView row = table_->codec->Open(cursor.value()).value();
      if (!row.deleted()) part[row.Get(0).integer] = row.Get(1).integer;
    }
    const Map expected(model.lower_bound(low), low < high ? model.lower_bound(high) : model.lower_bound(low));
    ASSERT_EQ(part, expected) << "seed " << seed << " range " << low << " to " << high;
  }
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(Committed(), model);
}

}  // namespace
}  // namespace kalam::tables
