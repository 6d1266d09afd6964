// Transactions, whose rows may move to files between their statements and their commit.
#include <gtest/gtest.h>

#include <string>

#include "live/hub_for_test.h"
#include "tables/transaction.h"

namespace kalam::live {
namespace {

class HubTransactionTest : public HubTest {
 protected:
  std::unique_ptr<tables::Transaction> Begin(tables::Conflicts conflicts) {
    tables::TransactionOptions options;
    options.conflicts = conflicts;
    return std::make_unique<tables::Transaction>("t", "root", *db_.store, db_.cold_tier.get(), list_,
                                                 db_.clock, options);
  }
  void Stage(tables::Transaction& transaction, hot::RowOp op) {
    hot::Batch batch;
    batch.rows.push_back(std::move(op));
    const auto staged = transaction.Stage(db_.Table("notes"), std::move(batch));
    ASSERT_TRUE(staged.has_value()) << staged.error().message;
  }
  hot::RowOp SetN(int64_t id, int64_t n) {
    return db_.UpdateOp("notes", "", id, "n", Value::Integer(TypeKind::kInt, n));
  }

  tables::TransactionList list_;
};

// Whoever follows the table is told of the rows as they were, also of one that changed and moved meanwhile.
TEST_F(HubTransactionTest, RowsThatMoveBeforeTheCommitLeaveTheirResults) {
  for (int64_t id = 1; id <= 4; ++id) db_.Insert(id, "r", 10);
  const Client client = db_.Connect("ann", Role::kService);
  db_.Subscribe(client, "s", "SELECT * FROM app.notes WHERE n > 5");
  EXPECT_EQ(Loaded(client).at("rows").as_array().size(), 4U);
  const auto transaction = Begin(tables::Conflicts::kLastCommitWins);
  Stage(*transaction, db_.DeleteOp("notes", "", 1));
  Stage(*transaction, SetN(2, 0));
  Stage(*transaction, SetN(3, 31));
  Stage(*transaction, SetN(4, 0));
  db_.Flush("notes");
  db_.Commit(SetN(4, 41));
  ExpectChange(client, "update");
  db_.Flush("notes");
  ASSERT_TRUE(transaction->Commit());
  for (const char* id : {"1", "2"}) {
    const object gone = ExpectChange(client, "delete");
    EXPECT_EQ(Text(gone.at("old_values").as_array()[0].as_object(), "id"), id);
  }
  ExpectChange(client, "update");
  const object last = ExpectChange(client, "delete");
  EXPECT_EQ(last.at("old_values").as_array()[0].as_object().at("n").to_number<int64_t>(), 41);
  ExpectQuiet(client);
}

// A flush is no other writer.
TEST_F(HubTransactionTest, AFlushIsNoConflictWhereTheFirstCommitWins) {
  db_.Insert(1, "r", 10);
  db_.Insert(2, "r", 10);
  const Client client = db_.Connect("ann", Role::kService);
  db_.Subscribe(client, "s", "SELECT * FROM app.notes");
  Loaded(client);
  const auto transaction = Begin(tables::Conflicts::kFirstCommitWins);
  const auto loser = Begin(tables::Conflicts::kFirstCommitWins);
  Stage(*transaction, SetN(1, 11));
  Stage(*loser, SetN(2, 11));
  db_.Commit(SetN(2, 12));
  ExpectChange(client, "update");
  db_.Flush("notes");
  ASSERT_TRUE(transaction->Commit());
  ExpectChange(client, "update");
  const Status refused = loser->Commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace kalam::live
