// Rows on their way between `rows` and segments: single moves, races inside a group, and a random model.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "hot/cold_keys.h"
#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

class ColdMoveTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->AddColdTable(kTestTable);
  }

  Seq SeqOf(int64_t id) const { return RowSeq(*Read(id)); }

  static RowOp MoveTo(int64_t id, Seq seen, uint64_t segment, uint32_t row, bool from_hot = true) {
    RowOp op = MakeOp(RowOpKind::kMove, id, kTestTable);
    op.seen = seen;
    op.to = {segment, row};
    op.from_hot = from_hot;
    return op;
  }

  std::optional<ColdEntry> ColdOf(int64_t id) const {
    PinnedBytes bytes;
    if (!store_->Get(Space::kColdKeys, KeyOf(id), bytes).value()) return std::nullopt;
    return DecodeColdEntry(bytes.bytes()).value();
  }

  // The dead rows of a segment; its count agrees with them.
  std::set<uint32_t> Marks(uint64_t segment) const {
    std::set<uint32_t> rows;
    auto cursor = store_->Scan(Space::kColdMarks, MarksBegin(segment), MarksEnd(segment));
    for (; cursor->Valid(); cursor->Next()) rows.insert(DecodeMarkKey(cursor->key()).value().row);
    PinnedBytes bytes;
    uint32_t count = 0;
    if (store_->Get(Space::kColdMarks, MarkKey(segment, kMarkCountRow), bytes).value()) {
      count = DecodeMarkCount(bytes.bytes()).value();
    }
    EXPECT_EQ(count, rows.size()) << "segment " << segment;
    return rows;
  }
};

TEST_P(ColdMoveTest, AMovedRowIsTheSameVersionInAnotherPlace) {
  ASSERT_TRUE(Commit(Insert(1, 10)).status);
  const Seq seq = SeqOf(1);
  EXPECT_EQ(Commit(MoveTo(1, seq, 7, 3)).applied, 1);
  EXPECT_FALSE(Read(1).has_value());
  ExpectBySeqMatchesRows();
  ASSERT_TRUE(ColdOf(1).has_value());
  EXPECT_EQ(ColdOf(1)->place, (ColdPlace{7, 3}));
  EXPECT_EQ(ColdOf(1)->seq, seq);
  EXPECT_TRUE(Marks(7).empty());
  // It still counts for uniqueness, and is written as seen.
  EXPECT_EQ(CodeOf(Commit(Insert(1, 11))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Commit(Replace(1, 11, Seq(5)))), ErrorCode::kConflict);
  EXPECT_EQ(Commit(Replace(1, 11, seq)).applied, 1);
  EXPECT_EQ(N(1), 11);
  EXPECT_FALSE(ColdOf(1).has_value());
  EXPECT_EQ(Marks(7), std::set<uint32_t>{3});
  ExpectBySeqMatchesRows();
}

TEST_P(ColdMoveTest, AVersionThatChangedMeanwhileIsMarkedInTheNewSegment) {
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 1), Insert(3, 1))).status);
  const Seq one = SeqOf(1);
  const Seq two = SeqOf(2);
  const Seq three = SeqOf(3);
  ASSERT_TRUE(Commit(Add(1, 1)).status);
  ASSERT_TRUE(Commit(Remove(2)).status);
  EXPECT_EQ(Commit(BatchOf(MoveTo(1, one, 7, 0), MoveTo(2, two, 7, 1), MoveTo(3, three, 7, 2))).applied, 1);
  EXPECT_EQ(N(1), 2);
  EXPECT_EQ(Marks(7), (std::set<uint32_t>{0, 1}));
  EXPECT_FALSE(ColdOf(1) || ColdOf(2));
  EXPECT_TRUE(ColdOf(3).has_value());
  // A tombstone does not move.
  EXPECT_EQ(Commit(MoveTo(2, SeqOf(2), 8, 0, false)).applied, 0);
  EXPECT_EQ(Marks(8), std::set<uint32_t>{0});
  ExpectBySeqMatchesRows();
}

TEST_P(ColdMoveTest, ATransformCannotSeeAColdRow) {
  ASSERT_TRUE(Commit(Insert(1, 10)).status);
  const Seq seq = SeqOf(1);
  ASSERT_TRUE(Commit(MoveTo(1, seq, 7, 0)).status);
  const CommitResult refused = Commit(BatchOf(Insert(2, 1), Add(1, 5)));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kConflict);
  EXPECT_EQ(refused.failed_op, 1u);
  EXPECT_FALSE(Read(2).has_value());
  // The writer read it from its file: the value counts while the row is cold, the transform once it is not.
  RowOp both = Replace(1, 15, seq);
  both.transform = std::make_shared<AddTransform>(5);
  RowOp again = both;
  EXPECT_EQ(Commit(std::move(both)).applied, 1);
  EXPECT_EQ(N(1), 15);
  EXPECT_EQ(Commit(std::move(again)).applied, 1);
  EXPECT_EQ(N(1), 20);
  EXPECT_EQ(Marks(7), std::set<uint32_t>{0});
}

TEST_P(ColdMoveTest, ARefusedBatchLeavesNoMarkAndNoMove) {
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 1), Insert(3, 1))).status);
  const Seq one = SeqOf(1);
  ASSERT_TRUE(Commit(MoveTo(1, one, 7, 0)).status);
  const CommitResult refused =
      Commit(BatchOf(Replace(1, 9, one), MoveTo(2, SeqOf(2), 7, 1), MoveTo(3, Seq(1), 7, 2), Insert(3, 1)));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kAlreadyExists);
  EXPECT_TRUE(Marks(7).empty());
  EXPECT_TRUE(ColdOf(1).has_value());
  EXPECT_EQ(N(2), 1);
  ExpectBySeqMatchesRows();
}

TEST_P(ColdMoveTest, MovesAndWritesOfOneGroupSeeEachOther) {
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 1))).status);
  const Seq one = SeqOf(1);
  const Seq two = SeqOf(2);
  std::vector<Batch> batches;
  batches.push_back(BatchOf(MoveTo(1, one, 7, 0)));
  batches.push_back(BatchOf(Insert(1, 5)));                 // exists
  batches.push_back(BatchOf(Replace(1, 6, one)));           // applies: the version is the one seen
  batches.push_back(BatchOf(Add(2, 1)));                    // applies
  batches.push_back(BatchOf(MoveTo(2, two, 7, 1)));         // too late: marked
  batches.push_back(BatchOf(MoveTo(1, one, 8, 0, false)));  // too late: marked
  const auto results = CommitTogether(std::move(batches));
  EXPECT_EQ(CodeOf(results[1]), ErrorCode::kAlreadyExists);
  EXPECT_EQ(results[2].applied, 1);
  EXPECT_EQ(results[4].applied, 0);
  EXPECT_EQ(N(1), 6);
  EXPECT_EQ(N(2), 2);
  EXPECT_EQ(Marks(7), (std::set<uint32_t>{0, 1}));
  EXPECT_EQ(Marks(8), std::set<uint32_t>{0});
  EXPECT_FALSE(ColdOf(1).has_value());
  ExpectBySeqMatchesRows();
}

// Neighbours leave with one range deletion; what stands between them, or comes between them in the same
// group, stays.
TEST_P(ColdMoveTest, ARunOfMovedRowsLeavesOthersAlone) {
  constexpr int64_t kRows = 400;
  for (const bool shuffled : {false, true}) {
    std::vector<int64_t> order;
    for (int64_t id = 0; id < kRows; ++id) order.push_back(id * 2);
    if (shuffled) std::shuffle(order.begin(), order.end(), std::mt19937(7));
    for (const int64_t id : order) ASSERT_TRUE(Commit(Insert(id, id)).status);
    ASSERT_TRUE(Commit(BatchOf(Remove(200), Insert(301, 301), Insert(-1, 0), Insert(2 * kRows, 0))).status);
    const uint64_t segment = shuffled ? 8 : 7;
    Batch moves;
    std::map<int64_t, Seq> seen;
    for (int64_t id = 0; id < 2 * kRows; id += 2) {
      if (id == 200) continue;
      seen[id] = SeqOf(id);
      moves.rows.push_back(MoveTo(id, seen[id], segment, static_cast<uint32_t>(id)));
    }
    moves.moves_only = true;
    std::vector<Batch> batches;
    batches.push_back(BatchOf(Insert(101, 101), Add(500, 1)));
    batches.push_back(std::move(moves));
    batches.push_back(BatchOf(Insert(103, 103), Replace(600, 601, seen[600]), Remove(301)));
    const auto results = CommitTogether(std::move(batches));
    for (const CommitResult& result : results) ASSERT_TRUE(result.status) << result.status.error().message;
    EXPECT_EQ(results[1].applied, kRows - 2);  // 200 is deleted, 500 changed before
    for (int64_t id = 0; id < 2 * kRows; id += 2) {
      const bool stays = id == 200 || id == 500 || id == 600;
      ASSERT_EQ(Read(id).has_value(), stays) << id;
      ASSERT_EQ(ColdOf(id).has_value(), !stays) << id;
    }
    EXPECT_TRUE(RowDeleted(*Read(200)));
    EXPECT_TRUE(RowDeleted(*Read(301)));
    EXPECT_EQ(N(500), 501);
    EXPECT_EQ(N(600), 601);
    EXPECT_EQ(N(101), 101);
    EXPECT_EQ(N(103), 103);
    EXPECT_TRUE(N(-1) && N(2 * kRows));
    EXPECT_EQ(Marks(segment), (std::set<uint32_t>{500, 600}));
    ExpectBySeqMatchesRows();
    Open();
    store_->AddColdTable(kTestTable);
    ExpectBySeqMatchesRows();
    EXPECT_FALSE(Read(300).has_value());
    Batch drop;
    drop.dropped_tables = {kTestTable};
    ASSERT_TRUE(Commit(std::move(drop)).status);
  }
}

TEST_P(ColdMoveTest, AStaleProofDoesNotOutliveAMove) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  const Seq one = SeqOf(1);
  Batch stale = BatchOf(Replace(1, 2, one));
  stale.read_at = store_->last_seq();
  ASSERT_TRUE(Commit(MoveTo(1, one, 7, 0)).status);
  ASSERT_TRUE(Commit(Replace(1, 3, one)).status);
  const Seq three = SeqOf(1);
  EXPECT_EQ(CodeOf(store_->Commit(std::move(stale))), ErrorCode::kConflict);
  // Nor does a proof for a move.
  Batch move = BatchOf(MoveTo(1, three, 8, 0));
  move.read_at = store_->last_seq();
  ASSERT_TRUE(Commit(Add(1, 1)).status);
  EXPECT_EQ(store_->Commit(std::move(move)).applied, 0);
  EXPECT_EQ(N(1), 4);
  EXPECT_EQ(Marks(8), std::set<uint32_t>{0});
}

TEST_P(ColdMoveTest, DroppingForgetsColdRowsAndMarks) {
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 1))).status);
  const Seq one = SeqOf(1);
  ASSERT_TRUE(Commit(BatchOf(MoveTo(1, one, 7, 0), MoveTo(2, SeqOf(2), 7, 1))).status);
  ASSERT_TRUE(Commit(Replace(2, 5, ColdOf(2)->seq)).status);
  Batch drop;
  drop.dropped_cold_rows = {SharedPrefix(kTestTable)};
  drop.dropped_segments = {7};
  ASSERT_TRUE(store_->Commit(std::move(drop)).status);
  EXPECT_FALSE(ColdOf(1).has_value());
  EXPECT_EQ(N(2), 5);
  EXPECT_TRUE(Marks(7).empty());
  EXPECT_TRUE(Commit(Insert(1, 3)).status);
  ASSERT_TRUE(Commit(MoveTo(1, SeqOf(1), 8, 0)).status);
  Batch table;
  table.dropped_tables = {kTestTable};
  ASSERT_TRUE(store_->Commit(std::move(table)).status);
  EXPECT_FALSE(ColdOf(1).has_value());
}

class BeforeObserver final : public CommitObserver {
 public:
  Need NeedOf(TableId) const override { return Need::kBoth; }
  void OnCommitted(std::shared_ptr<const CommittedGroup> group) override {
    std::lock_guard lock(mu_);
    for (const CommittedBatch& batch : group->batches) {
      changes_.insert(changes_.end(), batch.changes.begin(), batch.changes.end());
    }
  }
  std::vector<Change> changes() const {
    std::lock_guard lock(mu_);
    return changes_;
  }

 private:
  mutable std::mutex mu_;
  std::vector<Change> changes_;
};

TEST_P(ColdMoveTest, ObserversGetTheColdRowAsBeforeAndNoMoves) {
  BeforeObserver observer;
  store_->AddObserver(observer);
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  const std::string stored = *Read(1);
  ASSERT_TRUE(Commit(MoveTo(1, RowSeq(stored), 7, 0)).status);
  RowOp update = Replace(1, 2, RowSeq(stored));
  update.cold_before = stored;
  ASSERT_TRUE(Commit(std::move(update)).status);
  RowOp hot = Replace(1, 3, SeqOf(1));
  hot.cold_before = stored;  // not what it replaced
  ASSERT_TRUE(Commit(std::move(hot)).status);
  store_->Stop();
  const auto changes = observer.changes();
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[1].before, stored);
  EXPECT_EQ(TestCodec().Open(*changes[2].before)->Get(1).integer, 2);
}

TEST_P(ColdMoveTest, AStoreWithoutColdFamiliesOpens) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  Open();
  EXPECT_EQ(N(1), 1);
  EXPECT_FALSE(store_->HasColdRows(kTestTable));
  store_->AddColdTable(kTestTable);
  EXPECT_TRUE(store_->HasColdRows(kTestTable));
  EXPECT_FALSE(store_->HasColdRows(kOtherTable));
}

// A segment as its file would be: what each row holds.
struct FakeRow {
  int64_t id = 0;
  int64_t n = 0;
  Seq seq;
};

class ColdModel : public ColdMoveTest {
 protected:
  static constexpr int64_t kIds = 40;

  int64_t RandomId() { return static_cast<int64_t>(random_() % kIds); }
  bool Chance(unsigned percent) { return random_() % 100 < percent; }

  // The version of a key with its value, wherever it is.
  std::optional<FakeRow> Find(int64_t id) const {
    if (const auto row = Read(id)) {
      if (RowDeleted(*row)) return std::nullopt;
      return FakeRow{id, TestCodec().Open(*row)->Get(1).integer, RowSeq(*row)};
    }
    const auto cold = ColdOf(id);
    if (!cold) return std::nullopt;
    return segments_.at(cold->place.segment).at(cold->place.row);
  }

  RowOp Written(int64_t id, int64_t n, bool deletes) {
    const auto found = Find(id);
    RowOp op = MakeOp(deletes ? RowOpKind::kDelete : RowOpKind::kUpdate, id, kTestTable);
    op.value = RowOf(id, deletes ? found.value_or(FakeRow{}).n : n);
    if (deletes) PatchDeleted(true, op.value);
    op.seen = found ? found->seq : Seq(1);
    if (Chance(50)) {
      if (deletes) {
        op.transform = std::make_shared<RemoveTransform>();
      } else {
        op.transform = std::make_shared<AddTransform>(1000);
      }
    }
    return op;
  }

  // Moves of the live rows that `from` names, as a flush or a compaction makes them, perhaps stale.
  Batch MoveSome(bool from_hot) {
    const uint64_t segment = next_segment_++;
    auto& rows = segments_[segment];
    Batch batch;
    if (Chance(50)) batch.read_at = store_->last_seq();
    for (int64_t id = 0; id < kIds; ++id) {
      const auto found = Find(id);
      if (!found || Read(id).has_value() != from_hot || Chance(50)) continue;
      batch.rows.push_back(MoveTo(id, found->seq, segment, static_cast<uint32_t>(rows.size()), from_hot));
      rows.push_back(*found);
    }
    return batch;
  }

  void Check(const std::map<int64_t, int64_t>& expected) {
    std::map<int64_t, int64_t> seen;
    for (int64_t id = 0; id < kIds; ++id) {
      if (const auto n = N(id)) seen.emplace(id, *n);
      EXPECT_FALSE(Read(id).has_value() && ColdOf(id).has_value()) << id;
    }
    for (const auto& [segment, rows] : segments_) {
      const auto marks = Marks(segment);
      for (uint32_t row = 0; row < rows.size(); ++row) {
        if (marks.contains(row)) continue;
        EXPECT_TRUE(seen.emplace(rows[row].id, rows[row].n).second) << "twice: " << rows[row].id;
        const auto cold = ColdOf(rows[row].id);
        ASSERT_TRUE(cold.has_value()) << rows[row].id;
        EXPECT_EQ(cold->place, (ColdPlace{segment, row}));
        EXPECT_EQ(cold->seq, rows[row].seq);
      }
    }
    EXPECT_EQ(seen, expected);
    ExpectBySeqMatchesRows();
  }

  std::mt19937_64 random_;
  std::map<uint64_t, std::vector<FakeRow>> segments_;
  uint64_t next_segment_ = 1;
};

TEST_P(ColdModel, EveryLiveRowStandsInExactlyOnePlace) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  std::map<int64_t, int64_t> model;
  for (int step = 0; step < 600 && !HasFailure(); ++step) {
    // Several batches prepared from one state, committed together: later ones may be stale.
    std::vector<Batch> batches;
    const size_t count = 1 + random_() % 4;
    for (size_t i = 0; i < count; ++i) {
      const int64_t id = RandomId();
      const int64_t n = static_cast<int64_t>(random_() % 1000);
      switch (random_() % 6) {
        case 0:
        case 1:
          batches.push_back(BatchOf(Insert(id, n)));
          break;
        case 2:
          batches.push_back(BatchOf(Written(id, n, false)));
          break;
        case 3:
          batches.push_back(BatchOf(Written(id, n, true)));
          break;
        case 4:
          batches.push_back(MoveSome(true));
          break;
        default:
          batches.push_back(MoveSome(false));
          break;
      }
    }
    std::vector<Batch> copies = batches;
    const auto results = CommitTogether(std::move(batches));
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i].status || copies[i].rows.empty()) continue;
      const RowOp& op = copies[i].rows[0];
      const int64_t id =
          DecodePrimaryKey(Type(TypeKind::kBigInt), std::string_view(op.key).substr(4))->integer;
      if (op.kind == RowOpKind::kMove || results[i].applied == 0) continue;
      if (op.kind == RowOpKind::kDelete) {
        model.erase(id);
      } else if (op.kind == RowOpKind::kInsert) {
        model[id] = TestCodec().Open(op.value)->Get(1).integer;
      } else {
        model[id] = N(id).value_or(-1);  // as given or transformed; only the last of a group can be told
        if (model[id] == -1) model[id] = Find(id).value_or(FakeRow{}).n;
      }
    }
    // What a later operation of the group deleted or moved is judged by the final state.
    for (auto it = model.begin(); it != model.end();) it = Find(it->first) ? std::next(it) : model.erase(it);
    Check(model);
    if (step % 150 == 149) {
      Open();
      store_->AddColdTable(kTestTable);
      Check(model);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Durabilities, ColdMoveTest, testing::Values(Durability::kSync, Durability::kOs),
                         DurabilityName);
INSTANTIATE_TEST_SUITE_P(Durabilities, ColdModel, testing::Values(Durability::kSync, Durability::kOs),
                         DurabilityName);

}  // namespace
}  // namespace kalam::hot
