// Topics over a real store, catalog and engine; time is the test's.
#include "topics/topics.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <condition_variable>
#include <set>
#include <thread>

#include "hot/store_for_test.h"
#include "tables/row_change.h"
#include "tables/table_scope.h"

namespace kalam::topics {
namespace {

namespace json = boost::json;

struct Kept {
  uint64_t offset;
  Operation operation;
  std::optional<std::string> key;
  std::optional<std::string> user;
  std::string payload;
  int64_t timestamp_ms;

  json::object Json() const { return json::parse(payload).as_object(); }
};

class Keeper final : public MessageSink {
 public:
  Status Add(const Topic&, uint32_t, uint64_t offset, const Message& m) override {
    if (fail_at == static_cast<int64_t>(offset)) return Fail(ErrorCode::kLimitExceeded, "full");
    const auto text = [](std::optional<std::string_view> view) {
      return view ? std::optional<std::string>(*view) : std::nullopt;
    };
    kept.push_back({offset, m.operation, text(m.key), text(m.user), std::string(m.payload), m.timestamp_ms});
    return {};
  }
  std::vector<Kept> kept;
  int64_t fail_at = -1;
};

// Takes part in each commit behind the topics, and refuses on demand.
class Refusing final : public hot::CommitParticipant {
 public:
  hot::Need NeedOf(TableId) const override { return hot::Need::kAfter; }
  Status Join(std::span<const hot::Change>, hot::JoinedOps) override {
    return refuses ? Fail(ErrorCode::kInvalidOperation, "no") : Status();
  }
  void TakeBack() override {}

  std::atomic<bool> refuses{false};
};

class TopicsTest : public testing::Test {
 protected:
  void SetUp() override {
    Open();
    catalog::Table draft;
    draft.ns = "default";
    draft.name = "notes";
    draft.type = TableType::kUser;
    TableSchema schema;
    schema.columns = {hot::MakeColumn(0, "id", Type(TypeKind::kBigInt)),
                      hot::MakeColumn(0, "n", Type(TypeKind::kInt)),
                      hot::MakeColumn(0, "body", Type(TypeKind::kText))};
    schema.columns[0].primary_key = true;
    draft.versions = {schema};
    auto created = catalog_->CreateTable(std::move(draft));
    ASSERT_TRUE(created.has_value()) << created.error().message;
    table_ = *created;
  }
  void TearDown() override { Close(); }

  void Open() {
    hot::StoreOptions options;
    options.path = folder_.path() + "/db";
    options.durability = hot::Durability::kOs;
    store_ = std::move(*hot::Store::Open(options, clock_));
    catalog_ = std::move(*catalog::Catalog::Open(*store_, clock_));
    engine_ = std::move(*engine::Engine::Open({}, system_clock_, random_));
    auto topics = Topics::Open(*store_, *catalog_, *engine_, clock_, metrics_, options_);
    ASSERT_TRUE(topics.has_value()) << topics.error().message;
    topics_ = std::move(*topics);
    store_->AddParticipant(refusing_);
  }
  void Close() {
    if (topics_) topics_->StopWaiting();
    if (store_) store_->Stop();
    topics_.reset();
    engine_.reset();
    catalog_.reset();
    store_.reset();
  }
  void Reopen() {
    Close();
    Open();
    table_ = catalog_->Snapshot()->FindTable("default", "notes");
  }

  void MakeTopic(uint32_t partitions = 1) {
    auto made = topics_->Create("default.feed", partitions, std::nullopt, std::nullopt);
    ASSERT_TRUE(made.has_value()) << made.error().message;
  }
  void AddSource(Operation operation, PayloadMode mode = PayloadMode::kFull, std::string filter = {}) {
    Route route{"default", "notes", operation, mode, std::move(filter), "root"};
    auto added = topics_->AddSource("default.feed", std::move(route));
    ASSERT_TRUE(added.has_value()) << added.error().message;
  }

  std::string KeyOf(int64_t id, std::string_view user = "ann") const {
    std::string key = tables::ScopePrefix(*table_, user);
    EXPECT_TRUE(hot::AppendPrimaryKey(Value::BigInt(id), key));
    return key;
  }
  hot::RowOp OpOf(hot::RowOpKind kind, int64_t id, std::string_view user = "ann") const {
    hot::RowOp op;
    op.kind = kind;
    op.key = KeyOf(id, user);
    op.prefix_size = static_cast<uint32_t>(tables::ScopePrefix(*table_, user).size());
    return op;
  }
  hot::RowOp InsertOp(int64_t id, int64_t n, std::string_view body = "x",
                      std::string_view user = "ann") const {
    hot::RowOp op = OpOf(hot::RowOpKind::kInsert, id, user);
    const Value values[] = {Value::BigInt(id), Value::Integer(TypeKind::kInt, n), Value::Text(body)};
    EXPECT_TRUE(table_->codec->Encode(values, op.value));
    return op;
  }
  void Insert(int64_t id, int64_t n, std::string_view body = "x", std::string_view user = "ann") {
    ASSERT_TRUE(store_->Commit(hot::BatchOf(InsertOp(id, n, body, user))).status);
  }
  void Update(int64_t id, int64_t n) {
    hot::RowOp op = OpOf(hot::RowOpKind::kUpdate, id);
    std::vector<tables::Assignment> set(1);
    set[0].ordinal = 1;
    set[0].constant = OwnedValue(Value::Integer(TypeKind::kInt, n));
    op.transform = std::make_shared<tables::UpdateChange>(table_, set, std::span<const tables::Condition>());
    ASSERT_EQ(store_->Commit(hot::BatchOf(std::move(op))).applied, 1);
  }
  void Delete(int64_t id) {
    hot::RowOp op = OpOf(hot::RowOpKind::kDelete, id);
    op.transform = std::make_shared<tables::DeleteChange>(table_, std::span<const tables::Condition>());
    ASSERT_EQ(store_->Commit(hot::BatchOf(std::move(op))).applied, 1);
  }

  static StartPosition Earliest() { return {StartPosition::Kind::kEarliest, 0}; }
  std::vector<Kept> Read(uint32_t partition = 0, uint64_t limit = 1'000'000) {
    Keeper keeper;
    auto read = topics_->Read({"default.feed", partition, Earliest(), limit}, keeper);
    EXPECT_TRUE(read.has_value()) << read.error().message;
    return std::move(keeper.kept);
  }
  std::vector<uint64_t> Consume(std::string_view group, uint64_t limit, StartPosition start = Earliest()) {
    Keeper keeper;
    auto read = topics_->Consume({"default.feed", 0, start, limit}, group, keeper);
    EXPECT_TRUE(read.has_value()) << read.error().message;
    std::vector<uint64_t> offsets;
    for (const Kept& kept : keeper.kept) offsets.push_back(kept.offset);
    return offsets;
  }
  Result<uint64_t> Ack(std::string_view group, uint64_t upto) {
    return topics_->AcknowledgeAndWait("default.feed", 0, group, upto);
  }

  hot::TempFolder folder_;
  ManualClock clock_{1'770'000'000'000'000};
  SystemClock system_clock_;
  SystemRandom random_;
  observe::Metrics metrics_;
  TopicOptions options_;
  Refusing refusing_;
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Topics> topics_;
  catalog::TablePtr table_;
};

using Offsets = std::vector<uint64_t>;

TEST_F(TopicsTest, EachOperationHasItsMessage) {
  MakeTopic();
  Insert(1, 1);  // before the source: not published
  for (const Operation operation : {Operation::kInsert, Operation::kUpdate, Operation::kDelete})
    AddSource(operation);
  Insert(2, 10, "a\"b");
  Update(2, 11);
  Delete(2);
  Update(1, 2);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 4u);
  EXPECT_EQ(kept[0].operation, Operation::kInsert);
  EXPECT_EQ(kept[0].key, "2");
  EXPECT_EQ(kept[0].user, "ann");
  EXPECT_EQ(kept[0].timestamp_ms, clock_.WallMillis());
  json::object payload = kept[0].Json();
  EXPECT_EQ(payload["id"], "2");
  EXPECT_EQ(payload["n"], 10);
  EXPECT_EQ(payload["body"], "a\"b");
  EXPECT_EQ(payload["_deleted"], false);
  EXPECT_EQ(payload["_table"], "default.notes");
  EXPECT_EQ(payload["_seq"], payload["_commit_seq"]);
  EXPECT_EQ(payload.size(), 7u);
  EXPECT_EQ(kept[1].operation, Operation::kUpdate);
  EXPECT_EQ(kept[1].Json()["n"], 11);
  EXPECT_EQ(kept[2].operation, Operation::kDelete);
  payload = kept[2].Json();
  EXPECT_EQ(payload["n"], 11);
  EXPECT_EQ(payload["_deleted"], true);
  EXPECT_EQ(kept[3].key, "1");
}

TEST_F(TopicsTest, PayloadModesMeanWhatTheySay) {
  MakeTopic();
  AddSource(Operation::kInsert, PayloadMode::kKey);
  AddSource(Operation::kUpdate, PayloadMode::kDiff);
  AddSource(Operation::kDelete, PayloadMode::kDiff);
  Insert(1, 1, "same");
  Update(1, 2);
  Delete(1);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 3u);
  json::object key = kept[0].Json();
  EXPECT_EQ(key["id"], "1");
  EXPECT_FALSE(key.contains("n"));
  EXPECT_FALSE(key.contains("_table"));
  json::object diff = kept[1].Json();
  EXPECT_EQ(diff["id"], "1");
  EXPECT_EQ(diff["n"], 2);
  EXPECT_FALSE(diff.contains("body"));
  EXPECT_EQ(diff["_old"].as_object().size(), 1u);
  EXPECT_EQ(diff["_old"].as_object()["n"], 1);
  EXPECT_EQ(kept[2].Json()["body"], "same");
}

TEST_F(TopicsTest, OneCommitHasOneCommitSequence) {
  MakeTopic();
  AddSource(Operation::kInsert);
  ASSERT_TRUE(store_->Commit(hot::BatchOf(InsertOp(1, 1), InsertOp(2, 2))).status);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_NE(kept[0].Json()["_seq"], kept[1].Json()["_seq"]);
  EXPECT_EQ(kept[0].Json()["_commit_seq"], kept[1].Json()["_commit_seq"]);
  EXPECT_EQ(kept[1].Json()["_seq"], kept[1].Json()["_commit_seq"]);
}

TEST_F(TopicsTest, ARefusedBatchLeavesNoGap) {
  MakeTopic();
  AddSource(Operation::kInsert);
  Insert(1, 1);
  EXPECT_FALSE(store_->Commit(hot::BatchOf(InsertOp(2, 1), InsertOp(1, 1))).status);
  // Refused by others, after its messages had their offsets.
  refusing_.refuses = true;
  EXPECT_FALSE(store_->Commit(hot::BatchOf(InsertOp(4, 1), InsertOp(5, 1))).status);
  refusing_.refuses = false;
  EXPECT_EQ(Read().size(), 1u);
  Insert(3, 1);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[1].offset, 1u);
  EXPECT_EQ(kept[1].key, "3");
}

TEST_F(TopicsTest, AConditionChoosesRows) {
  MakeTopic();
  AddSource(Operation::kInsert, PayloadMode::kFull, "n > 5 AND body LIKE 'a%'");
  ASSERT_TRUE(store_
                  ->Commit(hot::BatchOf(InsertOp(1, 6, "abc"), InsertOp(2, 5, "abc"), InsertOp(3, 7, "b"),
                                        InsertOp(4, 8, "a")))
                  .status);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].key, "1");
  EXPECT_EQ(kept[1].key, "4");
  EXPECT_EQ(kept[1].offset, 1u);
}

TEST_F(TopicsTest, AConditionThatFailsNeitherLosesTheMessageNorTheWrite) {
  MakeTopic();
  AddSource(Operation::kInsert, PayloadMode::kFull, "CAST(body AS INTEGER) > 5");
  ASSERT_TRUE(
      store_->Commit(hot::BatchOf(InsertOp(1, 0, "9"), InsertOp(2, 0, "no number"), InsertOp(3, 0, "1")))
          .status);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].key, "1");
  EXPECT_FALSE(kept[0].Json().contains("_filter_error"));
  EXPECT_EQ(kept[1].key, "2");
  EXPECT_EQ(kept[1].Json()["_filter_error"], true);
  EXPECT_EQ(topics_->filter_failures(), 1);
  EXPECT_NE(metrics_.Render().find("kalam_topics_messages_published_total 2"), std::string::npos);
}

TEST_F(TopicsTest, AConditionOnAColumnThatWasDroppedFailsForEveryRow) {
  MakeTopic();
  AddSource(Operation::kInsert, PayloadMode::kFull, "n > 5");
  const auto altered = catalog_->AlterTable("default", "notes", [](catalog::Table& table) -> Result<bool> {
    TableSchema next = table.versions.back();
    next.columns.erase(next.columns.begin() + 1);
    table.versions.push_back(std::move(next));
    return true;
  });
  ASSERT_TRUE(altered.has_value()) << altered.error().message;
  hot::RowOp op = OpOf(hot::RowOpKind::kInsert, 1);
  const Value values[] = {Value::BigInt(1), Value::Text("x")};
  ASSERT_TRUE((*altered)->codec->Encode(values, op.value));
  ASSERT_TRUE(store_->Commit(hot::BatchOf(std::move(op))).status);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].Json()["_filter_error"], true);
}

TEST_F(TopicsTest, SourcesThatMakeNoSenseAreRefused) {
  MakeTopic();
  const auto add = [&](std::string table, std::string filter) {
    auto added = topics_->AddSource("default.feed", {"default", std::move(table), Operation::kInsert,
                                                     PayloadMode::kFull, std::move(filter), "root"});
    return added ? std::nullopt : std::optional(added.error().code);
  };
  EXPECT_EQ(add("missing", ""), ErrorCode::kNotFoundTable);
  EXPECT_TRUE(add("notes", "nothing > 1"));
  EXPECT_TRUE(add("notes", "id IN (SELECT 1)"));
  EXPECT_TRUE(add("notes", "id ="));
  EXPECT_FALSE(add("notes", ""));
  EXPECT_EQ(add("notes", "n > 1"), ErrorCode::kAlreadyExists);
  EXPECT_EQ(topics_->AddSource("default.other", {}).error().code, ErrorCode::kNotFound);
}

TEST_F(TopicsTest, OffsetsGoOnAfterARestart) {
  MakeTopic();
  AddSource(Operation::kInsert);
  for (int64_t id = 0; id < 5; ++id) Insert(id, id);
  EXPECT_EQ(Consume("g", 3), (Offsets{0, 1, 2}));
  ASSERT_EQ(Ack("g", 1), 1u);
  Reopen();
  Insert(5, 5);
  EXPECT_EQ(Consume("g", 10), (Offsets{2, 3, 4, 5}));  // claims do not outlive the process
  EXPECT_EQ(Read().size(), 6u);
}

TEST_F(TopicsTest, RedeliveryComesAfterTheVisibilityTimeout) {
  MakeTopic();
  AddSource(Operation::kInsert);
  for (int64_t id = 0; id < 4; ++id) Insert(id, id);
  EXPECT_EQ(Consume("g", 2), (Offsets{0, 1}));
  clock_.AdvanceMicros(options_.visibility_timeout_ms * 1000 - 1);
  EXPECT_EQ(Consume("g", 10), (Offsets{2, 3}));
  EXPECT_EQ(Consume("g", 10), Offsets());
  clock_.AdvanceMicros(1);
  EXPECT_EQ(Consume("g", 10), (Offsets{0, 1}));
  EXPECT_EQ(Consume("other", 10), (Offsets{0, 1, 2, 3}));
}

TEST_F(TopicsTest, AcknowledgementsAreMonotonicAndBounded) {
  MakeTopic();
  AddSource(Operation::kInsert);
  for (int64_t id = 0; id < 4; ++id) Insert(id, id);
  EXPECT_TRUE(topics_->Groups()->empty());
  EXPECT_EQ(Consume("g", 0), Offsets());
  EXPECT_TRUE(topics_->Groups()->empty());
  ASSERT_EQ(Ack("g", 2), 2u);
  const int64_t at = topics_->Groups()->at(0).updated_at_ms;
  clock_.AdvanceMicros(5'000'000);
  ASSERT_EQ(Ack("g", 1), 2u);
  const std::vector<GroupRow> rows = *topics_->Groups();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].topic, "default.feed");
  EXPECT_EQ(rows[0].group, "g");
  EXPECT_EQ(rows[0].acknowledged, 2u);
  EXPECT_EQ(rows[0].updated_at_ms, at);
  EXPECT_EQ(Ack("g", 4).error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(Consume("g", 10), Offsets{3});
  EXPECT_EQ(topics_->AcknowledgeAndWait("default.feed", 1, "g", 0).error().code, ErrorCode::kInvalidInput);
}

TEST_F(TopicsTest, AnAcknowledgementThatIsNotStoredIsNotConfirmed) {
  MakeTopic();
  AddSource(Operation::kInsert);
  Insert(1, 1);
  store_->Stop();
  EXPECT_FALSE(Ack("g", 0).has_value());
  Reopen();
  EXPECT_EQ(Consume("g", 10), Offsets{0});
}

TEST_F(TopicsTest, ManyAcknowledgementsAtOnceStoreTheGreatest) {
  MakeTopic();
  AddSource(Operation::kInsert);
  constexpr int64_t kMessages = 400;
  for (int64_t id = 0; id < kMessages; ++id) Insert(id, id);
  std::atomic<int64_t> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int64_t n = next++; n < kMessages; n = next++) {
        const auto acknowledged = Ack("g", static_cast<uint64_t>(n));
        ASSERT_TRUE(acknowledged.has_value());
        EXPECT_GE(*acknowledged, static_cast<uint64_t>(n));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(topics_->Groups()->at(0).acknowledged, kMessages - 1u);
}

TEST_F(TopicsTest, ConsumersOfAGroupShareWhileWritersPublish) {
  MakeTopic();
  AddSource(Operation::kInsert);
  constexpr int64_t kMessages = 2'000;
  std::atomic<bool> writing{true};
  std::thread writer([&] {
    for (int64_t id = 0; id < kMessages; ++id) Insert(id, id);
    writing = false;
  });
  std::mutex mu;
  std::vector<uint64_t> seen;
  std::vector<std::thread> consumers;
  for (int c = 0; c < 3; ++c) {
    consumers.emplace_back([&, c] {
      for (;;) {
        const bool last = !writing;
        const Offsets offsets = Consume("g", 7 + static_cast<uint64_t>(c));
        if (offsets.empty() && last) return;
        std::lock_guard lock(mu);
        seen.insert(seen.end(), offsets.begin(), offsets.end());
      }
    });
  }
  writer.join();
  for (std::thread& consumer : consumers) consumer.join();
  std::ranges::sort(seen);
  ASSERT_EQ(seen.size(), static_cast<size_t>(kMessages));
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i);
}

TEST_F(TopicsTest, AFetchIsBoundedInBytesAndAFailedOneGivesBack) {
  options_.fetch_bytes_max = 1'200;
  Reopen();
  MakeTopic();
  AddSource(Operation::kInsert);
  for (int64_t id = 0; id < 6; ++id) Insert(id, id, std::string(400, 'x'));
  Keeper keeper;
  auto read = topics_->Consume({"default.feed", 0, Earliest(), 10}, "g", keeper);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->count, 2u);
  EXPECT_TRUE(read->has_more);
  EXPECT_EQ(read->next_offset, 2u);
  keeper.fail_at = 3;
  EXPECT_FALSE(topics_->Consume({"default.feed", 0, Earliest(), 10}, "g", keeper).has_value());
  EXPECT_EQ(Consume("g", 2), (Offsets{2, 3}));
}

TEST_F(TopicsTest, PartitionsKeepTheOrderOfAKey) {
  MakeTopic(4);
  AddSource(Operation::kInsert);
  AddSource(Operation::kUpdate);
  for (int64_t id = 0; id < 41; ++id) Insert(id, 0);
  for (int64_t id = 0; id < 41; ++id) Update(id, 1);
  // 41: what is written at regular distances must not look as if it kept to its partition.
  std::map<std::string, std::vector<std::pair<uint32_t, Operation>>> by_key;
  size_t used = 0;
  for (uint32_t p = 0; p < 4; ++p) {
    const std::vector<Kept> kept = Read(p);
    used += kept.empty() ? 0 : 1;
    for (size_t i = 0; i < kept.size(); ++i) {
      EXPECT_EQ(kept[i].offset, i);
      by_key[*kept[i].key].emplace_back(p, kept[i].operation);
    }
  }
  EXPECT_GT(used, 1u);
  ASSERT_EQ(by_key.size(), 41u);
  for (const auto& [key, messages] : by_key) {
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0].first, messages[1].first);
    EXPECT_EQ(messages[0].second, Operation::kInsert);
  }
}

TEST_F(TopicsTest, RetentionByTimeRemovesTheOldAndOffsetsGoOn) {
  MakeTopic();
  AddSource(Operation::kInsert);
  ASSERT_TRUE(topics_->SetRetention("default.feed", 100, 0).has_value());
  for (int64_t id = 0; id < 10; ++id) {
    Insert(id, id);
    clock_.AdvanceMicros(10'000'000);
  }
  EXPECT_FALSE(*topics_->RetentionDue("default.feed"));
  EXPECT_EQ(topics_->ApplyRetention("default.feed")->messages, 0);
  clock_.AdvanceMicros(35'000'000);
  EXPECT_TRUE(*topics_->RetentionDue("default.feed"));
  const Erased erased = *topics_->ApplyRetention("default.feed");
  EXPECT_EQ(erased.messages, 4);
  EXPECT_GT(erased.bytes, 0);
  EXPECT_EQ(Read().front().offset, 4u);
  hot::PinnedBytes bytes;
  const TopicNumber number = (*topics_->Find("default.feed"))->number;
  EXPECT_FALSE(*store_->Get(hot::Space::kMessages, MessageKey(number, 0, 3), bytes));
  EXPECT_TRUE(*store_->Get(hot::Space::kMessages, MessageKey(number, 0, 4), bytes));
  clock_.AdvanceMicros(1'000'000'000);
  EXPECT_EQ(topics_->ApplyRetention("default.feed")->messages, 6);
  EXPECT_EQ(Read().size(), 0u);
  Reopen();
  Insert(100, 1);
  const std::vector<Kept> kept = Read();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].offset, 10u);
  EXPECT_EQ(Consume("late", 10), Offsets{10});
}

TEST_F(TopicsTest, RetentionBySizeKeepsTheNewestOfAllPartitions) {
  MakeTopic(3);
  AddSource(Operation::kInsert);
  hot::Batch batch;
  for (int64_t id = 0; id < 60; ++id) batch.rows.push_back(InsertOp(id, id, std::string(100, 'x')));
  ASSERT_TRUE(store_->Commit(std::move(batch)).status);  // one millisecond
  const auto size = [&] {
    int64_t bytes = 0;
    int64_t count = 0;
    for (uint32_t p = 0; p < 3; ++p) {
      Keeper keeper;
      EXPECT_TRUE(topics_->Read({"default.feed", p, Earliest(), 1'000}, keeper).has_value());
      for (const Kept& kept : keeper.kept) {
        Message message;
        message.key = kept.key;
        message.user = kept.user;
        message.payload = kept.payload;
        bytes += static_cast<int64_t>(MessageBytes(message));
        ++count;
      }
    }
    return std::pair(bytes, count);
  };
  const int64_t all = size().first;
  ASSERT_TRUE(topics_->SetRetention("default.feed", 0, all).has_value());
  EXPECT_FALSE(*topics_->RetentionDue("default.feed"));
  ASSERT_TRUE(topics_->SetRetention("default.feed", 0, all / 2).has_value());
  EXPECT_TRUE(*topics_->RetentionDue("default.feed"));
  ASSERT_TRUE(topics_->ApplyRetention("default.feed").has_value());
  EXPECT_LE(size().first, all / 2);
  EXPECT_GE(size().second, 27);  // no more was removed than had to be
  EXPECT_EQ(topics_->ApplyRetention("default.feed")->messages, 0);
  clock_.AdvanceMicros(1'000'000);
  for (int64_t id = 100; id < 110; ++id) {
    Insert(id, id, std::string(100, 'x'));
    clock_.AdvanceMicros(1'000);
  }
  ASSERT_TRUE(topics_->SetRetention("default.feed", 0, all / 6).has_value());
  ASSERT_TRUE(topics_->ApplyRetention("default.feed").has_value());
  std::set<std::string> keys;
  for (uint32_t p = 0; p < 3; ++p) {
    for (const Kept& kept : Read(p)) keys.insert(*kept.key);
  }
  for (int64_t id = 101; id < 110; ++id) EXPECT_TRUE(keys.contains(std::to_string(id))) << id;
  EXPECT_LE(size().first, all / 6);
}

TEST_F(TopicsTest, ClearForgetsMessagesAndGroupsButNotOffsets) {
  MakeTopic();
  AddSource(Operation::kInsert);
  for (int64_t id = 0; id < 5; ++id) Insert(id, id);
  EXPECT_EQ(Consume("g", 3).size(), 3u);
  ASSERT_EQ(Ack("g", 2), 2u);
  ASSERT_TRUE(topics_->Clear("default.feed").has_value());
  EXPECT_TRUE(Read().empty());
  EXPECT_TRUE(topics_->Groups()->empty());
  Insert(10, 1);
  EXPECT_EQ(Consume("g", 10), Offsets{5});
  EXPECT_EQ(topics_->EraseCleared("default.feed")->messages, 0);  // gone for consumers already
  hot::PinnedBytes bytes;
  EXPECT_FALSE(
      *store_->Get(hot::Space::kMessages, MessageKey((*topics_->Find("default.feed"))->number, 0, 4), bytes));
  Reopen();
  EXPECT_EQ(Read().size(), 1u);
}

TEST_F(TopicsTest, ADroppedTopicIsGoneAndItsMessagesAreErasedLater) {
  MakeTopic();
  AddSource(Operation::kInsert);
  Insert(1, 1);
  ASSERT_EQ(Ack("g", 0), 0u);
  const TopicNumber number = (*topics_->Drop("default.feed"))->number;
  EXPECT_EQ(topics_->Find("default.feed").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(topics_->Groups()->empty());
  Insert(2, 2);
  Reopen();
  const auto removed = topics_->RemovedTopics();
  ASSERT_EQ(removed->size(), 1u);
  EXPECT_EQ(removed->at(0).name, "default.feed");
  ASSERT_TRUE(topics_->EraseRemoved(number));
  EXPECT_TRUE(topics_->RemovedTopics()->empty());
  EXPECT_FALSE(store_->Scan(hot::Space::kMessages, MessageKey(number, 0, 0), {})->Valid());
  MakeTopic();
  EXPECT_NE((*topics_->Find("default.feed"))->number, number);
  EXPECT_TRUE(Read().empty());
}

TEST_F(TopicsTest, ASourceFollowsTheNameOfItsTable) {
  MakeTopic();
  AddSource(Operation::kInsert);
  ASSERT_TRUE(catalog_->DropTable("default", "notes").has_value());
  catalog::Table draft;
  draft.ns = "default";
  draft.name = "notes";
  draft.type = TableType::kUser;
  draft.versions = {table_->schema()};
  for (Column& column : draft.versions[0].columns) column.id = ColumnId(0);
  table_ = *catalog_->CreateTable(std::move(draft));
  Insert(1, 1);
  EXPECT_EQ(Read().size(), 1u);
}

class Event {
 public:
  void Set() {
    std::lock_guard lock(mu_);
    set_ = true;
    cv_.notify_one();
  }
  bool WaitFor(std::chrono::seconds time) {
    std::unique_lock lock(mu_);
    return cv_.wait_for(lock, time, [&] { return set_; });
  }

 private:
  std::mutex mu_;
  std::condition_variable cv_;
  bool set_ = false;
};

TEST_F(TopicsTest, AWaitingConsumerIsWokenByACommit) {
  MakeTopic(2);
  AddSource(Operation::kInsert);
  const auto wait = [&](uint32_t partition, uint64_t seen_end, Event& event) {
    return topics_->Wait("default.feed", partition, seen_end, 1'000, [&] { event.Set(); });
  };
  Event woken[2];
  ASSERT_TRUE(wait(0, 0, woken[0]));
  ASSERT_TRUE(wait(1, 0, woken[1]));
  for (int64_t id = 0; id < 16; ++id) Insert(id, id);  // the test's clock stands still: no time runs out
  EXPECT_TRUE(woken[0].WaitFor(std::chrono::seconds(30)));
  EXPECT_TRUE(woken[1].WaitFor(std::chrono::seconds(30)));
  Event late;
  ASSERT_TRUE(wait(0, 0, late));  // it came before the wait began
  EXPECT_TRUE(late.WaitFor(std::chrono::seconds(30)));
  Event stopped;
  ASSERT_TRUE(wait(0, Read(0).size(), stopped));
  topics_->StopWaiting();
  EXPECT_TRUE(stopped.WaitFor(std::chrono::seconds(30)));
  Event refused;
  EXPECT_FALSE(wait(0, 0, refused));
}

TEST_F(TopicsTest, NamesAndLimits) {
  const auto code = [&](std::string_view name, uint32_t partitions = 1) {
    auto made = topics_->Create(name, partitions, std::nullopt, std::nullopt);
    return made ? std::nullopt : std::optional(made.error().code);
  };
  EXPECT_EQ(code("feed"), ErrorCode::kInvalidOperation);
  EXPECT_EQ(code("none.feed"), ErrorCode::kNotFoundNamespace);
  EXPECT_EQ(code("default.a b"), ErrorCode::kInvalidOperation);
  EXPECT_EQ(code("default.feed", 0), ErrorCode::kInvalidOperation);
  EXPECT_EQ(code("default.feed", kPartitionsMax + 1), ErrorCode::kInvalidOperation);
  EXPECT_FALSE(code("Default.Feed"));
  EXPECT_EQ(code("default.feed"), ErrorCode::kAlreadyExists);
  EXPECT_EQ((*topics_->Find("DEFAULT.FEED"))->name, "default.feed");
  AddSource(Operation::kInsert);
  Insert(1, 1);
  Keeper keeper;
  EXPECT_EQ(topics_->Consume({"default.feed", 0, Earliest(), 1}, "", keeper).error().code,
            ErrorCode::kInvalidInput);
  EXPECT_EQ(topics_->Consume({"default.feed", 0, Earliest(), 1}, std::string(257, 'g'), keeper).error().code,
            ErrorCode::kInvalidInput);
  EXPECT_EQ(topics_->Consume({"default.feed", 7, Earliest(), 1}, "g", keeper).error().code,
            ErrorCode::kInvalidInput);
}

}  // namespace
}  // namespace kalam::topics
