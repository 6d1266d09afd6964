#include "hot/change.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/later_queue.h"
#include "hot/store_for_test.h"

namespace kalam::hot {
namespace {

// Keeps what it is told.
class Recorder final : public CommitObserver {
 public:
  Need NeedOf(TableId table) const override { return table == kTestTable ? need_.load() : Need::kNone; }
  void OnCommitted(std::shared_ptr<const CommittedGroup> group) override {
    std::lock_guard lock(mu_);
    groups_.push_back(std::move(group));
  }
  std::vector<Change> Changes() const {
    std::lock_guard lock(mu_);
    std::vector<Change> changes;
    for (const auto& group : groups_) {
      for (const CommittedBatch& batch : group->batches) {
        changes.insert(changes.end(), batch.changes.begin(), batch.changes.end());
      }
    }
    return changes;
  }
  std::vector<std::shared_ptr<const CommittedGroup>> Groups() const {
    std::lock_guard lock(mu_);
    return groups_;
  }

  std::atomic<Need> need_{Need::kBoth};

 private:
  mutable std::mutex mu_;
  std::vector<std::shared_ptr<const CommittedGroup>> groups_;
};

// Numbers the changes of the test table in the meta space, and refuses when told.
class Counter final : public CommitParticipant {
 public:
  Need NeedOf(TableId table) const override { return table == kTestTable ? Need::kAfter : Need::kNone; }
  Status Join(std::span<const Change> changes, JoinedOps out) override {
    if (refuse_) return Fail(ErrorCode::kConstraint, "refused");
    last_ = static_cast<int64_t>(changes.size());
    count_ += last_;
    out.meta.push_back({"test/count", std::to_string(count_)});
    for (const Change& change : changes) {
      out.messages.push_back({"m" + std::to_string(count_), std::to_string(change.seq.value), {}});
    }
    return {};
  }
  void TakeBack() override { count_ -= last_; }
  void BeginGroup() override { in_group_ = true; }
  void GroupWritten() override {
    EXPECT_TRUE(in_group_.exchange(false));
    count_written_ = count_;
  }

  std::atomic<bool> refuse_{false};
  std::atomic<int64_t> count_written_{0};
  std::atomic<bool> in_group_{false};

 private:
  int64_t count_ = 0;
  int64_t last_ = 0;
};

class ChangeTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->AddObserver(recorder_);
  }
  // Observers hear of a group after its writers do; Stop waits for them.
  std::vector<Change> Recorded() {
    store_->Stop();
    return recorder_.Changes();
  }
  std::optional<std::string> Message(std::string_view key) const {
    PinnedBytes bytes;
    if (!store_->Get(Space::kMessages, key, bytes).value()) return std::nullopt;
    return std::string(bytes.bytes());
  }
  static int64_t NOf(std::string_view row) { return TestCodec().Open(row)->Get(1).integer; }

  Recorder recorder_;
};

// An event loop that turns when it is told.
class ManualLoop final : public LaterQueue {
 public:
  ManualLoop() { Enter(); }
  ~ManualLoop() override { Leave(); }
  void RunLater(std::function<void()> work) override { works_.push_back(std::move(work)); }
  size_t Turn() {
    const auto works = std::exchange(works_, {});
    for (const auto& work : works) work();
    return works.size();
  }

 private:
  std::vector<std::function<void()>> works_;
};

TEST_P(ChangeTest, EachVersionIsToldWithTheRowItReplaced) {
  ASSERT_TRUE(Commit(Insert(1, 10)).status);
  ASSERT_TRUE(Commit(Insert(2, 20, kOtherTable)).status);
  ASSERT_TRUE(Commit(Replace(1, 11, RowSeq(*Read(1)))).status);
  // Two versions of one row in one batch, and the batch after it in the same group.
  std::vector<Batch> together;
  together.push_back(BatchOf(Add(1, 1), Add(1, 1)));
  together.push_back(BatchOf(Remove(1)));
  together.push_back(BatchOf(Insert(1, 50)));
  together.push_back(BatchOf(Insert(1, 60)));  // refused: not told
  EXPECT_EQ(CommitTogether(std::move(together)).size(), 4u);
  const std::vector<Change> changes = Recorded();
  ASSERT_EQ(changes.size(), 6u);
  const std::vector<std::pair<int64_t, int64_t>> expected = {{0, 10},  {10, 11}, {11, 12},
                                                             {12, 13}, {13, 13}, {0, 50}};
  Seq last;
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].before ? NOf(*changes[i].before) : 0, expected[i].first) << i;
    EXPECT_EQ(NOf(changes[i].after), expected[i].second) << i;
    EXPECT_EQ(RowDeleted(changes[i].after), i == 4) << i;
    EXPECT_EQ(RowSeq(changes[i].after), changes[i].seq);
    EXPECT_GT(changes[i].seq, last);
    EXPECT_EQ(changes[i].key, KeyOf(1));
    last = changes[i].seq;
  }
}

TEST_P(ChangeTest, NobodyInterestedMeansNothingToTell) {
  recorder_.need_ = Need::kNone;
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  recorder_.need_ = Need::kAfter;
  ASSERT_TRUE(Commit(Replace(1, 2, RowSeq(*Read(1)))).status);
  Batch drop;
  drop.dropped_tables.push_back(kTestTable);
  drop.new_versions.push_back({kTestTable, 0});
  ASSERT_TRUE(Commit(std::move(drop)).status);
  const std::vector<Change> changes = Recorded();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].before.has_value());
  const auto groups = recorder_.Groups();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[1]->batches[0].dropped_tables, std::vector<TableId>{kTestTable});
}

TEST_P(ChangeTest, ParticipantsWriteWithTheBatchOrRefuseIt) {
  Counter first;
  Counter second;
  store_->AddParticipant(first);
  store_->AddParticipant(second);
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 1), Insert(2, 1))).status);
  EXPECT_EQ(Meta("test/count"), "2");
  second.refuse_ = true;
  const CommitResult refused = Commit(Insert(3, 1));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kConstraint);
  EXPECT_EQ(refused.applied, 0);
  EXPECT_FALSE(Read(3).has_value());
  EXPECT_EQ(Meta("test/count"), "2");
  second.refuse_ = false;
  ASSERT_TRUE(Commit(Insert(3, 1, kOtherTable)).status);
  ASSERT_TRUE(Commit(Insert(4, 1)).status);
  EXPECT_EQ(Meta("test/count"), "3");
  EXPECT_EQ(Recorded().size(), 3u);
}

TEST_P(ChangeTest, MessagesAreWrittenWithTheBatchAndRemovedInRanges) {
  Counter counter;
  store_->AddParticipant(counter);
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  EXPECT_EQ(counter.count_written_, 1);  // before the writer was answered
  EXPECT_EQ(Message("m1"), std::to_string(RowSeq(*Read(1)).value));
  EXPECT_FALSE(Commit(Insert(1, 2)).status);  // refused: no message
  EXPECT_FALSE(Message("m2"));
  for (int64_t id = 2; id <= 5; ++id) ASSERT_TRUE(Commit(Insert(id, 1)).status);
  Batch erase;
  erase.messages.push_back({"m2", {}, "m5"});
  ASSERT_TRUE(Commit(std::move(erase)).status);
  ASSERT_TRUE(store_->ReclaimMessages("m2", "m5"));
  EXPECT_TRUE(Message("m1"));
  EXPECT_FALSE(Message("m2"));
  EXPECT_FALSE(Message("m4"));
  EXPECT_TRUE(Message("m5"));
  Batch backwards;
  backwards.messages.push_back({"m5", {}, "m2"});
  EXPECT_EQ(CodeOf(Commit(std::move(backwards))), ErrorCode::kInternal);
  store_->Stop();
}

TEST_P(ChangeTest, AChangeTellsWhatItsWriterMeant) {
  ASSERT_TRUE(Commit(BatchOf(Insert(1, 10), Add(1, 1), Remove(1), Insert(1, 20))).status);
  const std::vector<Change> changes = Recorded();
  ASSERT_EQ(changes.size(), 4u);
  EXPECT_EQ(changes[0].kind, ChangeKind::kInsert);
  EXPECT_EQ(changes[1].kind, ChangeKind::kUpdate);
  EXPECT_EQ(changes[2].kind, ChangeKind::kDelete);
  EXPECT_EQ(changes[3].kind, ChangeKind::kInsert);
}

TEST_P(ChangeTest, AppendedRowsAreKeyedByTheirSequenceAndErasuresAreRemembered) {
  const std::string prefix = UserPrefix(kTestTable, "u");
  RowOp append;
  append.kind = RowOpKind::kAppend;
  append.key = prefix;
  append.prefix_size = static_cast<uint32_t>(prefix.size());
  append.value = RowOf(1, 7);
  const CommitResult result = Commit(BatchOf(append, append));
  ASSERT_TRUE(result.status);
  EXPECT_EQ(result.applied, 2);
  std::vector<std::string> keys;
  auto rows = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix));
  for (; rows->Valid(); rows->Next()) {
    keys.emplace_back(rows->key());
    std::string expected = prefix;
    AppendSeq(RowSeq(rows->value()), expected);
    EXPECT_EQ(rows->key(), expected);
  }
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_FALSE(store_->Scan(Space::kBySeq, prefix, PrefixEnd(prefix))->Valid());
  RowOp erase;
  erase.kind = RowOpKind::kErase;
  erase.key = keys[0];
  erase.prefix_size = static_cast<uint32_t>(prefix.size());
  const std::string first_row(store_->Scan(Space::kRows, prefix, PrefixEnd(prefix))->value());
  const CommitResult erased = Commit(erase);
  EXPECT_EQ(erased.applied, 1);
  EXPECT_EQ(Commit(erase).applied, 0);
  // The erased row, under the sequence of the erasure.
  std::string erasure = prefix;
  AppendSeq(erased.last_seq, erasure);
  auto erasures = store_->Scan(Space::kBySeq, prefix, PrefixEnd(prefix));
  ASSERT_TRUE(erasures->Valid());
  EXPECT_EQ(erasures->key(), erasure);
  EXPECT_EQ(erasures->value(), first_row);
  erasures->Next();
  EXPECT_FALSE(erasures->Valid());
  erasures.reset();
  rows = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix));
  ASSERT_TRUE(rows->Valid());
  EXPECT_EQ(rows->key(), keys[1]);
  rows.reset();
  // Expired rows take the erasures before them along.
  Batch expired;
  expired.expired_rows.push_back({keys[0], erasure + '\0'});
  ASSERT_TRUE(Commit(std::move(expired)).status);
  EXPECT_FALSE(store_->Scan(Space::kRows, prefix, PrefixEnd(prefix))->Valid());
  EXPECT_FALSE(store_->Scan(Space::kBySeq, prefix, PrefixEnd(prefix))->Valid());
  const std::vector<Change> changes = Recorded();
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].kind, ChangeKind::kInsert);
  EXPECT_EQ(changes[2].kind, ChangeKind::kErase);
  EXPECT_TRUE(changes[2].after.empty());
  ASSERT_TRUE(changes[2].before.has_value());
  EXPECT_EQ(changes[2].key, keys[0]);
}

TEST_P(ChangeTest, APurgeTakesOnlyTheTombstoneThatWasSeen) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  RowOp purge = MakeOp(RowOpKind::kPurge, 1, kTestTable);
  purge.seen = RowSeq(*Read(1));
  EXPECT_EQ(Commit(purge).applied, 0);  // it lives
  ASSERT_TRUE(Commit(Remove(1)).status);
  EXPECT_EQ(Commit(purge).applied, 0);  // another version
  purge.seen = RowSeq(*Read(1));
  std::vector<Batch> together;
  together.push_back(BatchOf(purge));
  together.push_back(BatchOf(Insert(1, 3)));
  together.push_back(BatchOf(Remove(1)));
  EXPECT_TRUE(CommitTogether(std::move(together))[2].status);
  purge.seen = RowSeq(*Read(1));
  EXPECT_EQ(Commit(purge).applied, 1);
  EXPECT_FALSE(Read(1).has_value());
  ExpectBySeqMatchesRows();
  EXPECT_TRUE(Commit(Insert(1, 4)).status);
  ExpectBySeqMatchesRows();
}

// What a snapshot shows and what is told afterwards make the whole history, each version once.
TEST_P(ChangeTest, ASnapshotsSequenceDividesTheHistory) {
  constexpr int kWriters = 4;
  constexpr int kWrites = 300;
  std::atomic<int> running{kWriters};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kWrites; ++i) EXPECT_TRUE(Commit(Insert(w * kWrites + i, i)).status);
      --running;
    });
  }
  std::vector<std::pair<Seq, std::set<Seq>>> seen;
  const std::string prefix = SharedPrefix(kTestTable);
  while (running > 0) {
    const Snapshot snapshot = store_->TakeSnapshot();
    std::set<Seq> visible;
    auto rows = store_->Scan(Space::kRows, prefix, PrefixEnd(prefix), Direction::kForward, &snapshot);
    for (; rows->Valid(); rows->Next()) visible.insert(RowSeq(rows->value()));
    seen.emplace_back(snapshot.seq(), std::move(visible));
  }
  for (std::thread& writer : writers) writer.join();
  const std::vector<Change> changes = Recorded();
  ASSERT_EQ(changes.size(), size_t{kWriters} * kWrites);
  for (const auto& [seq, visible] : seen) {
    std::set<Seq> told;
    for (const Change& change : changes) {
      if (change.seq <= seq) told.insert(change.seq);
    }
    ASSERT_EQ(told, visible);
  }
}

TEST_P(ChangeTest, ASnapshotAfterAReopenIsAboveEverythingStored) {
  ASSERT_TRUE(Commit(Insert(1, 1)).status);
  const Seq written = RowSeq(*Read(1));
  store_->Stop();
  Open();
  EXPECT_GE(store_->TakeSnapshot().seq(), written);
  const CommitResult later = Commit(Insert(2, 1));
  EXPECT_EQ(store_->TakeSnapshot().seq(), later.last_seq);
}

TEST_P(ChangeTest, WhatALoopQueuesInOneTurnIsOneGroup) {
  if (GetParam() != Durability::kOs) GTEST_SKIP() << "in sync mode the committer has a thread of its own";
  Recorder recorder;
  store_->AddObserver(recorder);
  ManualLoop loop;
  int answered = 0;
  const auto count = [&](const CommitResult& result) { answered += result.status ? 1 : 0; };
  for (int64_t id = 1; id <= 5; ++id) store_->SubmitSoon(BatchOf(Insert(id, id)), count);
  EXPECT_EQ(answered, 0);
  EXPECT_EQ(loop.Turn(), 1u);
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(recorder.Groups().size(), 1u);
  EXPECT_EQ(recorder.Changes().size(), 5u);

  // Whoever cannot wait for the loop takes along what stands in the queue.
  store_->SubmitSoon(BatchOf(Insert(6, 6)), count);
  EXPECT_TRUE(Commit(Insert(7, 7)).status);
  EXPECT_EQ(answered, 6);
  EXPECT_EQ(N(6), 6);
  EXPECT_EQ(loop.Turn(), 1u);

  store_->SubmitSoon(BatchOf(Insert(8, 8)), count);
  store_->Stop();
  EXPECT_EQ(answered, 7);
  EXPECT_EQ(N(8), 8);
  EXPECT_EQ(loop.Turn(), 1u) << "finds nothing to do";
}

INSTANTIATE_TEST_SUITE_P(Durabilities, ChangeTest, testing::Values(Durability::kSync, Durability::kOs),
                         DurabilityName);

}  // namespace
}  // namespace kalam::hot
