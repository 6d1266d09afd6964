// What one client may ask for, and what becomes of clients that do not keep up.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "live/hub_for_test.h"

namespace kalam::live {
namespace {

using testing::HasSubstr;

// `column IN (constants)`, and the same written with OR, is found by the values of the row: by the old one,
// by the new one, or both, which is one message.
TEST_F(HubTest, ListsOfValuesAreFoundByTheRow) {
  const Client root = db_.Connect("root", Role::kSystem);
  for (const char* condition :
       {"room IN ('a', 'b')", "room = 'a' OR room IN ('b', 'b')", "room IN ('a', 'b') AND n IN (1, 2, 3)"}) {
    SCOPED_TRACE(condition);
    db_.Subscribe(root, "s", std::string("SELECT * FROM app.notes WHERE ") + condition, std::nullopt);
    ASSERT_EQ(TypeOf(root.outlet->Next()), "subscription_ack");
    const auto set_room = [&](const char* room) {
      db_.Commit(db_.UpdateOp("notes", "", 1, "room", Value::Text(room)));
    };
    db_.Insert(1, "a");
    ExpectChange(root, "insert");
    set_room("b");
    ExpectChange(root, "update");
    set_room("c");
    ExpectChange(root, "delete");
    set_room("d");
    set_room("b");
    ExpectChange(root, "update");
    db_.Commit(db_.DeleteOp("notes", "", 1));
    ExpectChange(root, "delete");
    ExpectQuiet(root);
  }
  db_.hub->Unsubscribe(root.key, "s");
  EXPECT_TRUE(db_.hub->List().empty());
}

// What one client asks for costs the others little, or is refused with the limit and the way out.
TEST_F(HubTest, ConditionsHaveALimit) {
  const Client root = db_.Connect("root", Role::kSystem);
  const auto joined = [](std::string_view term, std::string_view by, int count) {
    std::string out = "SELECT * FROM app.notes WHERE ";
    for (int i = 0; i < count; ++i)
      out += fmt::format("{}{}", i > 0 ? by : "", fmt::format(fmt::runtime(term), i));
    return out;
  };
  const auto refused = [&](const std::string& sql, std::string_view why) {
    db_.Subscribe(root, "s", sql);
    const object error = ExpectError(root, "s", "INVALID_SQL");
    EXPECT_THAT(Text(error, "message"), HasSubstr(std::string(why)));
    EXPECT_LT(Text(error, "message").size(), 400U);
  };
  refused(joined("id={}", " OR ", 5'001),
          "More than 5000 terms are joined by AND and OR; write column IN (...)");
  refused(joined("id={}", " OR ", 20'000), "the maximum is 131072");
  refused(joined("n+1={}", " OR ", 1'100), "operators, columns and constants, the maximum is 5000");
  db_.Insert(7);
  for (const std::string& sql : {joined("id={}", " OR ", 5'000), joined("id<>{}", " AND ", 7),
                                 joined("{},", "", 15'000).insert(30, "id IN (") + "1)"}) {
    db_.Subscribe(root, "s", sql);
    EXPECT_EQ(Loaded(root).at("rows").as_array().size(), 1U) << sql.substr(0, 100);
  }
}

// `count` terms of five nodes each that let rows with n < 100 through, and that the index cannot find.
std::string CostlyQuery(int count) {
  std::string sql = "SELECT * FROM app.notes WHERE n + 0 < 100";
  for (int i = 1; i < count; ++i) sql += fmt::format(" OR n + {} < 100", i);
  return sql;
}

// Changes that the hub's thread judges name what changed; those that are read from the store, the key alone.
bool IsJudgedAtOnce(const object& update) {
  return update.at("old_values").as_array()[0].as_object().contains("n");
}

// The cost of a user's conditions has a bound, and what lies beyond it arrives all the same.
TEST_F(HubTest, CostlyConditionsAreLeftToTheReaders) {
  const Client costly = db_.Connect("ann", Role::kService);
  const Client other = db_.Connect("ben", Role::kService);
  db_.Subscribe(costly, "s", CostlyQuery(200));
  db_.Subscribe(other, "s", CostlyQuery(50));
  for (const Client* client : {&costly, &other}) EXPECT_EQ(Loaded(*client).at("rows").as_array().size(), 0U);
  const auto set_n = [&](int64_t id, int64_t n) {
    return db_.Commit(db_.UpdateOp("notes", "", id, "n", Value::Integer(TypeKind::kInt, n)));
  };
  const auto expect_both = [&](std::string_view kind, Seq seq, const char* id = "1") {
    for (const Client* client : {&costly, &other}) {
      const object change = ExpectChange(*client, kind);
      const object& row = change.at(kind == "delete" ? "old_values" : "rows").as_array()[0].as_object();
      EXPECT_EQ(Text(row, "id"), id);
      EXPECT_EQ(Text(row, "_seq"), SeqText(seq));
      EXPECT_EQ(kind == "update" && IsJudgedAtOnce(change), kind == "update" && client == &other);
    }
  };
  expect_both("insert", db_.Insert(1, "a", 7));
  expect_both("update", set_n(1, 8));
  expect_both("delete", set_n(1, 500));
  expect_both("update", set_n(1, 9));
  expect_both("delete", db_.Commit(db_.DeleteOp("notes", "", 1)));
  // Never in the result.
  db_.Insert(2, "a", 500);
  expect_both("insert", db_.Insert(3, "a", 7), "3");
  ExpectQuiet(costly);
  ExpectQuiet(other);
  EXPECT_EQ(db_.hub->Counters().resyncs, 0U);
}

// What is committed between two pages of a costly subscription comes behind the last one.
TEST_F(HubTest, ChangesWhileACostlySubscriptionLoads) {
  const Client client = db_.Connect("ann", Role::kService);
  for (int64_t id = 1; id <= 3; ++id) db_.Insert(id, "a", 1);
  wire::LiveOptions options;
  options.batch_size = 2;
  db_.Subscribe(client, "s", CostlyQuery(200), options);
  const object first = Loaded(client);
  const Seq late = db_.Insert(4, "a", 1);
  const Seq gone = db_.Commit(db_.DeleteOp("notes", "", 1));
  db_.hub->List();
  db_.hub->NextBatch(client.key, {"s", first.at("batch_control").at("last_seq_id").to_number<int64_t>()});
  EXPECT_EQ(Expect(client, "initial_data_batch").at("rows").as_array().size(), 1U);
  const object inserted = ExpectChange(client, "insert");
  EXPECT_EQ(Text(inserted.at("rows").as_array()[0].as_object(), "_seq"), SeqText(late));
  const object deleted = ExpectChange(client, "delete");
  EXPECT_EQ(Text(deleted.at("old_values").as_array()[0].as_object(), "_seq"), SeqText(gone));
  ExpectQuiet(client);
}

// The bound is one of all subscriptions of a user, whatever the socket, and what ends makes room.
TEST_F(HubTest, SubscriptionsOfAUserShareTheBound) {
  const Client a = db_.Connect("ann", Role::kService);
  const Client b = db_.Connect("ann", Role::kService);
  const Client ben = db_.Connect("ben", Role::kService);
  db_.Insert(1, "a", 1);
  int64_t n = 1;
  const auto judged_at_once = [&](const Client& client) {
    db_.Subscribe(client, "probe", CostlyQuery(60));
    Loaded(client);
    n = n % 50 + 1;
    db_.Commit(db_.UpdateOp("notes", "", 1, "n", Value::Integer(TypeKind::kInt, n)));
    for (;;) {
      const auto message = client.outlet->Next();
      if (!message) return false;
      if (Text(*message, "subscription_id") != "probe") continue;
      db_.hub->Unsubscribe(client.key, "probe");
      return IsJudgedAtOnce(*message);
    }
  };
  EXPECT_TRUE(judged_at_once(b));
  db_.Subscribe(a, "s", CostlyQuery(60));
  Loaded(a);
  EXPECT_FALSE(judged_at_once(b));
  EXPECT_TRUE(judged_at_once(ben));
  db_.hub->Unsubscribe(a.key, "s");
  EXPECT_TRUE(judged_at_once(b));
}

// While a client does not read, its costly subscriptions wait with the others.
TEST(HubLimitsTest, ACostlySubscriptionOfASlowSocketMissesNothing) {
  LiveDatabase db;
  const Client slow = db.Connect("root", Role::kSystem, std::make_shared<FakeOutlet>(4'096));
  db.Subscribe(slow, "s", CostlyQuery(200));
  EXPECT_EQ(TypeOf(slow.outlet->Next()), "subscription_ack");
  EXPECT_EQ(TypeOf(slow.outlet->Next()), "initial_data_batch");
  constexpr int kRows = 2'000;
  for (int i = 1; i <= kRows; ++i) db.Insert(i, "r", 1, std::string(100, 'x'));
  for (int i = 1; i <= kRows; ++i) {
    const auto message = slow.outlet->Next();
    ASSERT_EQ(TypeOf(message), "change") << i;
    ASSERT_EQ(Text(message->at("rows").as_array()[0].as_object(), "id"), std::to_string(i));
  }
  EXPECT_LT(slow.outlet->most_waiting(), 300'000U);
}

TEST(HubLimitsTest, SubscriptionsPerUserAndConnection) {
  HubOptions options;
  options.subscriptions_per_user_max = 3;
  options.subscriptions_per_connection_max = 2;
  LiveDatabase db(options);
  const Client a = db.Connect("ann", Role::kUser);
  const Client b = db.Connect("ann", Role::kUser);
  const auto subscribe = [&](const Client& client, const std::string& id) {
    db.Subscribe(client, id, "SELECT * FROM app.mine", std::nullopt);
    return *client.outlet->Next();
  };
  EXPECT_EQ(Text(subscribe(a, "1"), "type"), "subscription_ack");
  EXPECT_EQ(Text(subscribe(a, "2"), "type"), "subscription_ack");
  object refused = subscribe(a, "3");
  EXPECT_EQ(Text(refused, "code"), "UNSUPPORTED");
  EXPECT_EQ(Text(refused, "message"), "Maximum subscriptions (2) per connection exceeded");
  EXPECT_EQ(Text(subscribe(a, "2"), "type"), "subscription_ack");  // a replacement is no third one
  EXPECT_EQ(Text(subscribe(b, "1"), "type"), "subscription_ack");
  refused = subscribe(b, "2");
  EXPECT_EQ(Text(refused, "code"), "SUBSCRIPTION_LIMIT_EXCEEDED");
  db.hub->Disconnect(a.key);
  EXPECT_EQ(Text(subscribe(b, "2"), "type"), "subscription_ack");
  EXPECT_EQ(db.hub->Counters().connections, 1U);
}

TEST(HubSlowTest, SlowConsumerIsCaughtUpFromTheStoreAndMemoryStaysBounded) {
  LiveDatabase db;
  const Client slow = db.Connect("root", Role::kSystem, std::make_shared<FakeOutlet>(4'096));
  const Client fast = db.Connect("root", Role::kSystem);
  for (const Client* client : {&slow, &fast}) {
    db.Subscribe(*client, "s", "SELECT * FROM app.notes");
    EXPECT_EQ(TypeOf(client->outlet->Next()), "subscription_ack");
    EXPECT_EQ(TypeOf(client->outlet->Next()), "initial_data_batch");
  }
  constexpr int kRows = 2'000;
  for (int i = 1; i <= kRows; ++i) db.Insert(i, "r", 1, std::string(100, 'x'));
  for (int i = 1; i <= kRows; ++i) ASSERT_EQ(TypeOf(fast.outlet->Next()), "change");
  EXPECT_LT(slow.outlet->most_waiting(), 5'000U);
  for (int i = 1; i <= kRows; ++i) {
    const auto message = slow.outlet->Next();
    ASSERT_EQ(TypeOf(message), "change") << i;
    // First versions: the store knows that they are inserts.
    ASSERT_EQ(Text(*message, "change_type"), "insert");
    ASSERT_EQ(Text(message->at("rows").as_array()[0].as_object(), "id"), std::to_string(i));
  }
  EXPECT_LT(slow.outlet->most_waiting(), 300'000U);
  EXPECT_GE(db.hub->Counters().lagging, 1U);
  EXPECT_GE(db.hub->Counters().resyncs, 1U);
}

TEST(HubSlowTest, ConsumerThatNeverReadsIsClosedWithACursor) {
  HubOptions options;
  options.lag_micros_max = 200'000;
  LiveDatabase db(options);
  const Client slow = db.Connect("root", Role::kSystem, std::make_shared<FakeOutlet>(2'000));
  db.Subscribe(slow, "s", "SELECT * FROM app.notes");
  EXPECT_EQ(TypeOf(slow.outlet->Next()), "subscription_ack");
  EXPECT_EQ(TypeOf(slow.outlet->Next()), "initial_data_batch");
  const Seq first = db.Insert(1);
  for (int i = 2; i <= 100; ++i) db.Insert(i);
  const auto [code, reason] = slow.outlet->Closed();
  EXPECT_EQ(code, 1013);
  EXPECT_THAT(reason, HasSubstr("resume from the last _seq received, at least "));
  // The client got none of them, so the cursor is before all of them.
  EXPECT_LT(std::stoll(reason.substr(reason.rfind(' '))), first.value);
  EXPECT_LE(reason.size(), 123U);
  EXPECT_TRUE(db.hub->List().empty());
  EXPECT_EQ(db.hub->Counters().closed_slow, 1U);
}

// The cursor of a close is before everything that the client did not get, in whatever order it was queued.
class HubCloseTest : public testing::Test {
 protected:
  static HubOptions Options() {
    HubOptions options;
    options.lag_micros_max = 200'000;
    return options;
  }
  void Subscribe(const std::string& room) {
    db_.Subscribe(slow_, room, "SELECT * FROM app.notes WHERE room = '" + room + "'");
  }
  void SubscribeAndLoad(const std::string& room) {
    Subscribe(room);
    EXPECT_EQ(TypeOf(slow_.outlet->Next()), "subscription_ack");
    EXPECT_EQ(TypeOf(slow_.outlet->Next()), "initial_data_batch");
  }
  int64_t ClosedAt() {
    const auto [code, reason] = slow_.outlet->Closed();
    EXPECT_EQ(code, 1013);
    return std::stoll(reason.substr(reason.rfind(' ')));
  }

  const std::string large_ = std::string(5'000, 'x');
  LiveDatabase db_{Options()};
  const Client slow_ = db_.Connect("root", Role::kSystem, std::make_shared<FakeOutlet>(4'096));
};

TEST_F(HubCloseTest, ChangesThatWereCaughtUpBehindANewerOne) {
  const Client other = db_.Connect("root", Role::kSystem);
  db_.Subscribe(other, "s", "SELECT * FROM app.notes WHERE room = 'other'");
  EXPECT_TRUE(other.outlet->WaitFor(2));
  SubscribeAndLoad("new");
  SubscribeAndLoad("old");
  db_.Insert(1, "old", 1, large_);
  EXPECT_TRUE(slow_.outlet->WaitFor(1));
  const Seq missed = db_.Insert(2, "old");  // the socket is full
  db_.Insert(3, "old");
  db_.hub->List();
  // The socket has room again, and a newer change comes before what is read.
  other.outlet->Hold();
  db_.Insert(4, "other");
  EXPECT_EQ(TypeOf(slow_.outlet->Next()), "change");
  db_.Insert(5, "new");
  other.outlet->Release();
  EXPECT_TRUE(slow_.outlet->WaitFor(3));
  db_.Insert(6, "new", 1, large_);
  EXPECT_LT(ClosedAt(), missed.value);
}

TEST_F(HubCloseTest, PagesBehindANewerChange) {
  const Seq old = db_.Insert(1, "old");
  SubscribeAndLoad("new");
  db_.Insert(2, "new");
  EXPECT_TRUE(slow_.outlet->WaitFor(1));
  Subscribe("old");
  EXPECT_TRUE(slow_.outlet->WaitFor(3));
  db_.Insert(3, "new", 1, large_);
  EXPECT_LT(ClosedAt(), old.value);
}

TEST_F(HubCloseTest, PagesThatTheClientHasNotAskedFor) {
  const Seq first = db_.Insert(1, "old");
  db_.Insert(2, "old");
  SubscribeAndLoad("new");
  wire::LiveOptions options;
  options.batch_size = 1;
  db_.Subscribe(slow_, "old", "SELECT * FROM app.notes WHERE room = 'old'", options);
  EXPECT_EQ(TypeOf(slow_.outlet->Next()), "subscription_ack");
  EXPECT_EQ(TypeOf(slow_.outlet->Next()), "initial_data_batch");
  db_.Insert(3, "new", 1, large_);
  EXPECT_EQ(ClosedAt(), first.value);
}

TEST(HubQueueTest, ChangesBeyondTheQueueAreReadFromTheStore) {
  HubOptions options;
  options.queue_bytes_max = 1;  // every group that meets a waiting one is dropped
  LiveDatabase db(options);
  const Client root = db.Connect("root", Role::kSystem);
  db.Subscribe(root, "s", "SELECT * FROM app.notes");
  EXPECT_EQ(TypeOf(root.outlet->Next()), "subscription_ack");
  EXPECT_EQ(TypeOf(root.outlet->Next()), "initial_data_batch");
  constexpr int kRows = 3'000;
  for (int i = 1; i <= kRows; ++i) db.Insert(i);
  for (int i = 1; i <= kRows; ++i) {
    const auto message = root.outlet->Next();
    ASSERT_EQ(TypeOf(message), "change") << i;
    ASSERT_EQ(Text(message->at("rows").as_array()[0].as_object(), "id"), std::to_string(i));
  }
}

}  // namespace
}  // namespace kalam::live
