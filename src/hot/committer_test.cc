#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

using CommitterTest = StoreTest;

void RunThreads(int count, const std::function<void(int)>& run) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int t = 0; t < count; ++t) threads.emplace_back(run, t);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(CommitterTest, InsertRefusesALiveKeyAndAcceptsADeletedOne) {
  EXPECT_TRUE(Commit(Insert(1, 1)).status);
  const CommitResult again = Commit(Insert(1, 2));
  EXPECT_EQ(CodeOf(again), ErrorCode::kAlreadyExists);
  EXPECT_EQ(again.failed_op, 0u);
  EXPECT_EQ(again.failed_key, KeyOf(1));
  EXPECT_EQ(Commit(Remove(1)).applied, 1);
  EXPECT_EQ(Commit(Remove(1)).applied, 0);
  EXPECT_TRUE(Commit(Insert(1, 3)).status);
  EXPECT_EQ(N(1), 3);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, AStaleUpdateConflictsOrIsTransformed) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  EXPECT_EQ(CodeOf(Commit(Replace(1, 2, Seq(1)))), ErrorCode::kConflict);
  EXPECT_TRUE(Commit(Replace(1, 2, RowSeq(*Read(1)))).status);
  EXPECT_EQ(N(1), 2);
  RowOp stale = Replace(1, 9, Seq(1));
  stale.transform = std::make_shared<AddTransform>(10);
  EXPECT_EQ(Commit(std::move(stale)).applied, 1);
  EXPECT_EQ(N(1), 12);
  // A version that is not there cannot have been seen.
  EXPECT_EQ(CodeOf(Commit(Replace(2, 1, Seq(1)))), ErrorCode::kConflict);
  EXPECT_EQ(Commit(Add(2, 1)).applied, 0);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, ARefusedBatchLeavesNothing) {
  ASSERT_TRUE(Commit(BatchOf(Insert(5, 1), Insert(7, 1))).status);
  Batch batch = BatchOf(Insert(4, 1), Add(5, 1), Add(5, 1), Insert(7, 1));
  batch.meta.push_back({"x", "y"});
  const CommitResult refused = Commit(std::move(batch));
  EXPECT_EQ(refused.failed_op, 3u);
  EXPECT_EQ(refused.applied, 0);
  EXPECT_EQ(refused.last_seq, Seq());
  EXPECT_FALSE(Read(4).has_value());
  EXPECT_EQ(N(5), 1);
  EXPECT_FALSE(Meta("x").has_value());
  EXPECT_EQ(Commit(BatchOf(Insert(6, 1), Insert(6, 2))).failed_op, 1u);
  EXPECT_FALSE(Read(6).has_value());
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, TheTransformsErrorRefusesTheBatch) {
  ASSERT_TRUE(Commit(Insert(1, 999'999)).status);
  const CommitResult refused = Commit(BatchOf(Insert(2, 1), Add(1, 5)));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kConstraint);
  EXPECT_EQ(refused.failed_op, 1u);
  EXPECT_FALSE(Read(2).has_value());
}

TEST_P(CommitterTest, BatchesOfAGroupSeeEachOther) {
  ASSERT_TRUE(Commit(Insert(1, 0)).status);
  const Seq seen = RowSeq(*Read(1));
  std::vector<Batch> batches;
  batches.push_back(BatchOf(Replace(1, 10, seen)));                // 0: applies
  batches.push_back(BatchOf(Replace(1, 20, seen)));                // 1: stale
  batches.push_back(BatchOf(Add(1, 1), Insert(2, 1)));             // 2: 11
  batches.push_back(BatchOf(Insert(3, 1), Insert(2, 5)));          // 3: refused, and 3 is free again
  batches.push_back(BatchOf(Insert(3, 7)));                        // 4
  batches.push_back(BatchOf(Remove(2), Insert(2, 8), Add(2, 1)));  // 5
  batches.push_back(BatchOf(Add(4, 1)));                           // 6: no such row
  const std::vector<CommitResult> results = CommitTogether(std::move(batches));
  EXPECT_TRUE(results[0].status);
  EXPECT_EQ(CodeOf(results[1]), ErrorCode::kConflict);
  EXPECT_EQ(results[2].applied, 2);
  EXPECT_EQ(CodeOf(results[3]), ErrorCode::kAlreadyExists);
  EXPECT_EQ(results[3].failed_op, 1u);
  EXPECT_EQ(results[4].applied, 1);
  EXPECT_EQ(results[5].applied, 3);
  EXPECT_TRUE(results[6].status);
  EXPECT_EQ(results[6].applied, 0);
  EXPECT_EQ(N(1), 11);
  EXPECT_EQ(N(2), 9);
  EXPECT_EQ(N(3), 7);
  EXPECT_EQ(RowSeq(*Read(2)), results[5].last_seq);
  EXPECT_LT(results[0].last_seq, results[2].last_seq);
  EXPECT_LT(results[2].last_seq, results[4].last_seq);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, ConcurrentIncrementsLoseNothing) {
  ASSERT_TRUE(Commit(Insert(1, 0)).status);
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  RunThreads(kThreads, [&](int) {
    for (int i = 0; i < kEach; ++i) EXPECT_EQ(Commit(Add(1, 1)).applied, 1);
  });
  EXPECT_EQ(N(1), kThreads * kEach);
  ExpectBySeqMatchesRows();
}

// Writers that read, compute and try again on a conflict; the versions they saw are judged without a read
// where possible.
TEST_P(CommitterTest, OptimisticIncrementsLoseNothing) {
  constexpr int kThreads = 6;
  constexpr int kEach = 40;
  constexpr int64_t kRows = 3;
  for (int64_t id = 0; id < kRows; ++id) ASSERT_TRUE(Commit(Insert(id, 0)).status);
  RunThreads(kThreads, [&](int t) {
    for (int done = 0; done < kEach;) {
      const int64_t id = (t + done) % kRows;
      Batch batch;
      batch.read_at = store_->last_seq();
      const std::string row = *Read(id);
      batch.rows.push_back(Replace(id, TestCodec().Open(row)->Get(1).integer + 1, RowSeq(row)));
      const CommitResult result = Commit(std::move(batch));
      if (result.status) ++done;
      EXPECT_TRUE(result.status || CodeOf(result) == ErrorCode::kConflict);
    }
  });
  int64_t sum = 0;
  for (int64_t id = 0; id < kRows; ++id) sum += *N(id);
  EXPECT_EQ(sum, kThreads * kEach);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, RacingInsertsOfOneKeyHaveOneWinner) {
  std::atomic<int> winners{0};
  RunThreads(8, [&](int t) {
    for (int64_t id = 0; id < 50; ++id) {
      Batch batch = BatchOf(Insert(id, t));
      if (t % 2 == 0) batch.read_at = store_->last_seq();  // means nothing for an insert that read nothing
      winners += Commit(std::move(batch)).status ? 1 : 0;
    }
  });
  EXPECT_EQ(winners, 50);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, AnOldReadAtProvesNothing) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  const Seq before = store_->last_seq();
  const Seq seen = RowSeq(*Read(1));
  ASSERT_TRUE(Commit(Add(1, 1)).status);
  Batch late = BatchOf(Replace(1, 50, seen));
  late.read_at = before;
  EXPECT_EQ(CodeOf(Commit(std::move(late))), ErrorCode::kConflict);
  Batch insert = BatchOf(Insert(2, 1));
  insert.read_at = store_->last_seq();
  ASSERT_TRUE(Commit(Insert(2, 2)).status);
  EXPECT_EQ(CodeOf(Commit(std::move(insert))), ErrorCode::kAlreadyExists);
  // From the last run of the server, or what the table held before it was emptied.
  Batch drop;
  drop.dropped_tables.push_back(kTestTable);
  Batch stale = BatchOf(Replace(1, 60, RowSeq(*Read(1))));
  stale.read_at = store_->last_seq();
  ASSERT_TRUE(Commit(std::move(drop)).status);
  EXPECT_EQ(CodeOf(Commit(std::move(stale))), ErrorCode::kConflict);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, AnInsertOverASeenTombstoneIsStillChecked) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  Batch wrong = BatchOf(Insert(1, 2));  // its writer took a live row for a tombstone
  wrong.rows[0].seen = RowSeq(*Read(1));
  wrong.read_at = store_->last_seq();
  EXPECT_EQ(CodeOf(Commit(std::move(wrong))), ErrorCode::kAlreadyExists);
  ASSERT_TRUE(Commit(Remove(1)).status);
  Batch right = BatchOf(Insert(1, 2));
  right.rows[0].seen = RowSeq(*Read(1));
  right.read_at = store_->last_seq();
  EXPECT_TRUE(Commit(std::move(right)).status);
  ExpectBySeqMatchesRows();
}

TEST_P(CommitterTest, SchemaGuardsFollowCommitOrder) {
  store_->SetSchemaVersion(kTestTable, 1);
  const auto guarded = [](int64_t id, uint32_t version) {
    Batch batch = BatchOf(Insert(id, 1));
    batch.guards.push_back({kTestTable, version});
    return batch;
  };
  const auto alter = [](uint32_t from, uint32_t to) {
    Batch batch;
    batch.guards.push_back({kTestTable, from});
    batch.new_versions.push_back({kTestTable, to});
    return batch;
  };
  std::vector<Batch> batches;
  batches.push_back(guarded(1, 1));
  batches.push_back(alter(1, 2));
  batches.push_back(guarded(2, 1));
  batches.push_back(guarded(3, 2));
  batches.push_back(alter(1, 3));
  const std::vector<CommitResult> results = CommitTogether(std::move(batches));
  EXPECT_TRUE(results[0].status);
  EXPECT_TRUE(results[1].status);
  EXPECT_EQ(CodeOf(results[2]), ErrorCode::kConflict);
  EXPECT_FALSE(results[2].failed_op.has_value());
  EXPECT_TRUE(results[3].status);
  EXPECT_EQ(CodeOf(results[4]), ErrorCode::kConflict);
  Batch unknown = BatchOf(Insert(1, 1, kOtherTable));
  unknown.guards.push_back({kOtherTable, 7});
  EXPECT_TRUE(Commit(std::move(unknown)).status);
}

TEST_P(CommitterTest, ADroppedTableIsEmptyAndOthersAreNot) {
  for (int64_t id = 0; id < 20; ++id)
    ASSERT_TRUE(Commit(BatchOf(Insert(id, 1), Insert(id, 1, kOtherTable))).status);
  std::vector<Batch> batches;
  batches.push_back(BatchOf(Insert(50, 1), Add(1, 1)));
  Batch& drop = batches.emplace_back();
  drop.dropped_tables.push_back(kTestTable);
  drop.new_versions.push_back({kTestTable, 0});
  drop.rows.push_back(Insert(51, 1));        // goes with the table
  batches.push_back(BatchOf(Insert(1, 7)));  // unguarded: the table starts from nothing
  batches.push_back(BatchOf(Add(2, 1)));
  batches.push_back(BatchOf(Insert(52, 1)));
  batches.back().guards.push_back({kTestTable, 1});
  const std::vector<CommitResult> results = CommitTogether(std::move(batches));
  EXPECT_TRUE(results[2].status);
  EXPECT_EQ(results[3].applied, 0);
  EXPECT_EQ(CodeOf(results[4]), ErrorCode::kConflict);
  EXPECT_EQ(N(1), 7);
  for (const int64_t id : {0, 2, 50, 51, 52}) EXPECT_FALSE(Read(id).has_value()) << id;
  EXPECT_EQ(N(3, kOtherTable), 1);
  ExpectBySeqMatchesRows();
  ExpectBySeqMatchesRows(kOtherTable);
}

TEST_P(CommitterTest, MetaFollowsTheBatch) {
  Batch batch = BatchOf(Insert(1, 1));
  batch.meta.push_back({"a", "1"});
  batch.meta.push_back({"b", "2"});
  batch.meta.push_back({"b", std::nullopt});
  ASSERT_TRUE(Commit(std::move(batch)).status);
  EXPECT_EQ(Meta("a"), "1");
  EXPECT_FALSE(Meta("b").has_value());
  for (const char* reserved : {"", "hot/seq_ceiling"}) {
    Batch bad;
    bad.meta.push_back({reserved, "x"});
    EXPECT_EQ(CodeOf(Commit(std::move(bad))), ErrorCode::kInternal);
  }
}

TEST_P(CommitterTest, MalformedOperationsAreRefused) {
  RowOp no_header = Insert(1, 1);
  no_header.value = "short";
  RowOp no_value = Insert(1, 1);
  no_value.value.clear();
  RowOp no_prefix = Insert(1, 1);
  no_prefix.prefix_size = 0;
  for (RowOp& op : std::vector{no_header, no_value, no_prefix}) {
    EXPECT_EQ(CodeOf(Commit(std::move(op))), ErrorCode::kInternal);
  }
}

TEST_P(CommitterTest, RandomWorkloadMatchesAModel) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::map<int64_t, int64_t> model;
  Seq last;
  const int rounds = GetParam() == Durability::kSync ? 60 : 400;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Batch> batches;
    std::vector<std::map<int64_t, int64_t>> after;  // the model when the batch is accepted
    std::vector<bool> accepted;
    for (size_t b = random() % 6 + 1; b > 0; --b) {
      std::map<int64_t, int64_t> next = model;
      Batch batch;
      bool ok = true;
      for (size_t i = random() % 4 + 1; i > 0 && ok; --i) {
        const int64_t id = random() % 12;
        switch (random() % 3) {
          case 0:
            batch.rows.push_back(Insert(id, round));
            ok = next.emplace(id, round).second;
            break;
          case 1:
            batch.rows.push_back(Add(id, 3));
            if (next.contains(id)) next[id] += 3;
            break;
          default:
            batch.rows.push_back(Remove(id));
            next.erase(id);
        }
      }
      if (random() % 20 == 0 && ok) {
        batch.dropped_tables.push_back(kTestTable);
        next.clear();
      }
      batch.read_at = random() % 2 == 0 ? store_->last_seq() : Seq();
      if (ok) model = next;
      accepted.push_back(ok);
      batches.push_back(std::move(batch));
    }
    clock_.StepWallMicros(static_cast<int64_t>(random() % 4000) - 1900);
    const std::vector<CommitResult> results = CommitTogether(std::move(batches));
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_EQ(results[i].status.has_value(), accepted[i]) << round;
      if (results[i].last_seq == Seq()) continue;
      ASSERT_GT(results[i].last_seq, last);
      last = results[i].last_seq;
    }
    if (random() % 50 == 0) Open();
    for (int64_t id = 0; id < 12; ++id) {
      ASSERT_EQ(N(id), model.contains(id) ? std::optional(model[id]) : std::nullopt) << round << " " << id;
    }
    ExpectBySeqMatchesRows();
    ASSERT_FALSE(HasFailure()) << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Durability, CommitterTest, testing::Values(Durability::kSync, Durability::kOs),
                         DurabilityName);

}  // namespace
}  // namespace kalam::hot
