#include "live/hub.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "hot/resume_horizon.h"
#include "live/hub_for_test.h"

namespace kalam::live {
namespace {

using testing::HasSubstr;

TEST_F(HubTest, EmptyTableAcksAndSendsAnEmptyPage) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s1", "SELECT * FROM app.notes");
  const object ack = Expect(root, "subscription_ack");
  EXPECT_EQ(ack.at("total_rows").to_number<int>(), 0);
  EXPECT_EQ(ack.at("batch_control").at("status").as_string(), "ready");
  EXPECT_TRUE(ack.at("batch_control").at("last_seq_id").is_null());
  EXPECT_EQ(ack.at("schema").as_array().size(), 6U);
  const object page = Expect(root, "initial_data_batch");
  EXPECT_TRUE(page.at("rows").as_array().empty());
}

TEST_F(HubTest, InsertUpdateDeleteHaveTheProtocolsShapes) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s1", "SELECT * FROM app.notes");
  Loaded(root);
  const Seq inserted = db_.Commit(db_.InsertOp("notes", "", 1, "r", std::nullopt, "cup"));
  object change = ExpectChange(root, "insert");
  EXPECT_EQ(boost::json::serialize(change.at("rows")),
            R"([{"id":"1","room":"r","n":null,"body":"cup","_seq":")" + SeqText(inserted) +
                R"(","_deleted":false}])");
  EXPECT_FALSE(change.contains("old_values"));

  const Seq updated = db_.Commit(db_.UpdateOp("notes", "", 1, "body", Value::Text("mug")));
  change = ExpectChange(root, "update");
  EXPECT_EQ(boost::json::serialize(change.at("rows")),
            R"([{"id":"1","_seq":")" + SeqText(updated) + R"(","room":"r","body":"mug"}])");
  EXPECT_EQ(boost::json::serialize(change.at("old_values")),
            R"([{"id":"1","_seq":")" + SeqText(inserted) + R"(","body":"cup"}])");

  const Seq deleted = db_.Commit(db_.DeleteOp("notes", "", 1));
  change = ExpectChange(root, "delete");
  EXPECT_FALSE(change.contains("rows"));
  EXPECT_EQ(boost::json::serialize(change.at("old_values")),
            R"([{"id":"1","room":"r","n":null,"body":"mug","_seq":")" + SeqText(deleted) +
                R"(","_deleted":true}])");
}

TEST_F(HubTest, UpdateThatChangesNothingIsNoEvent) {
  db_.Insert(1, "r", 1, "same");
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s1", "SELECT * FROM app.notes");
  Loaded(root);
  db_.Commit(db_.UpdateOp("notes", "", 1, "body", Value::Text("same")));
  db_.Insert(2);
  EXPECT_EQ(Text(ExpectChange(root, "insert").at("rows").as_array()[0].as_object(), "id"), "2");
}

TEST_F(HubTest, ProjectionShowsSelectedColumnsAndSeq) {
  db_.Insert(1, "r", 5, "x");
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s1", "SELECT body, n AS number FROM app.notes WHERE room = 'r'");
  const object ack = Expect(root, "subscription_ack");
  EXPECT_EQ(ack.at("schema").as_array().size(), 2U);
  const object page = Expect(root, "initial_data_batch");
  const object row = page.at("rows").as_array()[0].as_object();
  EXPECT_EQ(row.size(), 3U);
  EXPECT_EQ(row.at("number").to_number<int>(), 5);
  EXPECT_TRUE(row.contains("_seq"));
  db_.Commit(db_.UpdateOp("notes", "", 1, "body", Value::Text("y")));
  const object change = ExpectChange(root, "update");
  EXPECT_TRUE(change.at("rows").as_array()[0].as_object().contains("id"));
}

TEST_F(HubTest, RowsThatEnterAreUpdatesAndRowsThatLeaveAreDeletes) {
  db_.Insert(1, "a", 1);
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s1", "SELECT * FROM app.notes WHERE room = 'b'");
  EXPECT_TRUE(Loaded(root).at("rows").as_array().empty());
  db_.Commit(db_.UpdateOp("notes", "", 1, "room", Value::Text("b")));
  ExpectChange(root, "update");
  const Seq left = db_.Commit(db_.UpdateOp("notes", "", 1, "room", Value::Text("c")));
  const object change = ExpectChange(root, "delete");
  const object old = change.at("old_values").as_array()[0].as_object();
  EXPECT_EQ(Text(old, "id"), "1");
  EXPECT_EQ(Text(old, "room"), "b");
  EXPECT_EQ(Text(old, "_seq"), SeqText(left));
  // Gone from the result: its end is no event.
  db_.Commit(db_.DeleteOp("notes", "", 1));
  ExpectQuiet(root);
}

TEST_F(HubTest, EveryPredicateOfSelectIsAccepted) {
  const Client root = db_.Connect("root", Role::kSystem);
  const std::vector<std::pair<std::string, std::vector<int>>> cases = {
      {"n IN (1, 3)", {1, 3}},
      {"n BETWEEN 2 AND 3", {2, 3}},
      {"n IS NULL", {4}},
      {"body LIKE 'b%' AND room = 'r'", {1, 2, 3, 4}},
      {"upper(body) = 'B2' OR n > 2", {2, 3}},
      {"NOT (n = 1)", {2, 3}},
      {"app.notes.room = 'r' AND n + 1 = 2", {1}},
      {"room = CURRENT_USER()", {}},
      {"CASE WHEN n = 2 THEN true ELSE false END", {2}},
      {"n = 2 AND room = 'r' AND body <> 'x'", {2}},
  };
  for (const auto& [where, ids] : cases) {
    const Client client = db_.Connect("root", Role::kSystem);
    db_.Subscribe(client, "s", "SELECT id FROM app.notes WHERE " + where + " -- marker");
    Loaded(client);
    for (int i = 1; i <= 4; ++i) {
      db_.Commit(db_.InsertOp("notes", "", i, "r", i == 4 ? std::nullopt : std::optional<int64_t>(i),
                              "b" + std::to_string(i)));
    }
    for (const int id : ids) {
      const object change = ExpectChange(client, "insert");
      EXPECT_EQ(Text(change.at("rows").as_array()[0].as_object(), "id"), std::to_string(id)) << where;
    }
    ExpectQuiet(client);
    for (int i = 1; i <= 4; ++i) db_.Commit(db_.DeleteOp("notes", "", i));
    for (const int id : ids) {
      const object change = ExpectChange(client, "delete");
      EXPECT_EQ(Text(change.at("old_values").as_array()[0].as_object(), "id"), std::to_string(id)) << where;
    }
    db_.hub->Disconnect(client.key);
  }
}

TEST_F(HubTest, RefusalsAreOneErrorAndLeaveNothing) {
  const Client root = db_.Connect("root", Role::kSystem);
  const Client user = db_.Connect("ann", Role::kUser);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"SELECT * FROM app.nothing", "NOT_FOUND"},
      {"SELECT * FROM notes", "INVALID_SQL"},
      {"SELECT * FROM app.notes LIMIT 3", "INVALID_SQL"},
      {"SELECT * FROM app.notes GROUP BY id", "INVALID_SQL"},
      {"SELECT DISTINCT id FROM app.notes", "INVALID_SQL"},
      {"SELECT * FROM app.notes a JOIN app.mine b ON a.id = b.id", "INVALID_SQL"},
      {"WITH x AS (SELECT 1) SELECT * FROM app.notes", "INVALID_SQL"},
      {"SELECT * FROM (SELECT * FROM app.notes)", "INVALID_SQL"},
      {"SELECT * FROM app.notes UNION ALL SELECT * FROM app.notes", "INVALID_SQL"},
      {"INSERT INTO app.notes (id) VALUES (1)", "INVALID_SQL"},
      {"SELECT 1", "INVALID_SQL"},
      {"SELECT _seq FROM app.notes", "INVALID_SQL"},
      {"SELECT nope FROM app.notes", "INVALID_SQL"},
      {"SELECT * FROM app.notes WHERE nope = 1", "INVALID_SQL"},
      {"SELECT * FROM app.notes WHERE", "INVALID_SQL"},
      {"SELECT * FROM app.notes WHERE random() > 0.5", "UNSUPPORTED"},
      {"SELECT * FROM app.notes WHERE id IN (SELECT id FROM app.mine)", "INVALID_SQL"},
      {"SELECT * FROM system.users", "UNSUPPORTED"},
      {"", "INVALID_SQL"},
  };
  for (const auto& [sql, code] : cases) {
    db_.Subscribe(root, "s", sql);
    SCOPED_TRACE(sql);
    ExpectError(root, "s", code);
  }
  db_.Subscribe(user, "s", "SELECT * FROM app.notes");
  const object denied = Expect(user, "error");
  EXPECT_EQ(Text(denied, "code"), "UNAUTHORIZED");
  EXPECT_EQ(Text(denied, "message"),
            "Cannot subscribe to shared table 'app.notes': access level 'private' requires elevated "
            "privileges.");
  EXPECT_TRUE(db_.hub->List().empty());
  EXPECT_EQ(db_.hub->NeedOf(db_.Table("notes")->id), hot::Need::kNone);
}

TEST_F(HubTest, OrderByIsAcceptedAndRowsComeInSeqOrder) {
  for (const int id : {3, 1, 2}) db_.Insert(id);
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes ORDER BY id DESC");
  const object page = Loaded(root);
  std::string order;
  for (const auto& row : page.at("rows").as_array()) order += Text(row.as_object(), "id");
  EXPECT_EQ(order, "312");
}

TEST_F(HubTest, PagesFollowRequestsAndChangesWaitForTheLastOne) {
  for (int i = 1; i <= 5; ++i) db_.Insert(i);
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes", wire::LiveOptions{.batch_size = 2});
  const object ack = Expect(root, "subscription_ack");
  EXPECT_EQ(ack.at("batch_control").at("status").as_string(), "loading");
  object page = Expect(root, "initial_data_batch");
  db_.Insert(6);
  db_.Commit(db_.UpdateOp("notes", "", 4, "n", Value::Integer(TypeKind::kInt, 9)));
  db_.Commit(db_.DeleteOp("notes", "", 1));
  for (int i = 1; i <= 1; ++i) {
    const auto& control = page.at("batch_control").as_object();
    EXPECT_EQ(control.at("batch_num").to_number<int>(), i - 1);
    EXPECT_TRUE(control.at("has_more").as_bool());
    db_.hub->NextBatch(root.key, {"s", control.at("last_seq_id").to_number<int64_t>()});
    page = Expect(root, "initial_data_batch");
  }
  // 4 has moved up: it is in no page, but in the changes.
  std::string ids;
  for (const auto& row : page.at("rows").as_array()) ids += Text(row.as_object(), "id");
  EXPECT_EQ(ids, "35");
  EXPECT_FALSE(page.at("batch_control").at("has_more").as_bool());
  EXPECT_EQ(page.at("batch_control").at("status").as_string(), "ready");
  ExpectChange(root, "insert");
  ExpectChange(root, "update");
  ExpectChange(root, "delete");
}

TEST_F(HubTest, PagesThatNobodyAsksForArePushed) {
  for (int i = 1; i <= 5; ++i) db_.Insert(i);
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes", wire::LiveOptions{.batch_size = 2});
  Expect(root, "subscription_ack");
  std::vector<int64_t> cursors;
  for (int i = 0; i < 3; ++i) {
    const object page = Expect(root, "initial_data_batch");
    EXPECT_EQ(page.at("batch_control").at("batch_num").to_number<int>(), i);
    cursors.push_back(page.at("batch_control").at("last_seq_id").to_number<int64_t>());
  }
  // A request that comes too late is answered with nothing.
  db_.hub->NextBatch(root.key, {"s", cursors[0]});
  ExpectQuiet(root);
}

TEST_F(HubTest, NextBatchErrorsNameTheSubscription) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.hub->NextBatch(root.key, {"x", 1});
  object error = Expect(root, "error");
  EXPECT_EQ(Text(error, "message"), "Not found: Subscription not found: x");
  db_.Subscribe(root, "x", "SELECT * FROM app.notes", std::nullopt);
  Expect(root, "subscription_ack");
  db_.hub->NextBatch(root.key, {"x", 1});
  error = Expect(root, "error");
  EXPECT_EQ(Text(error, "code"), "BATCH_FETCH_FAILED");
  EXPECT_EQ(Text(error, "message"),
            "Invalid operation: Subscription x was created without initial data loading");
}

TEST_F(HubTest, LiveOnlyHasAnAckAndNoPage) {
  db_.Insert(1);
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes", std::nullopt);
  const object ack = Expect(root, "subscription_ack");
  EXPECT_EQ(boost::json::serialize(ack.at("batch_control")),
            R"({"batch_num":0,"has_more":false,"status":"ready","last_seq_id":null})");
  db_.Insert(2);
  ExpectChange(root, "insert");
}

TEST_F(HubTest, LastRowsGivesTheNewestInOrderOnPages) {
  for (int i = 1; i <= 10; ++i) db_.Insert(i, i % 2 == 0 ? "even" : "odd");
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "a", "SELECT * FROM app.notes WHERE room = 'even'",
                wire::LiveOptions{.batch_size = 2, .last_rows = 3});
  Expect(root, "subscription_ack");
  std::string ids;
  for (int i = 0; i < 2; ++i) {
    const object page = Expect(root, "initial_data_batch");
    for (const auto& row : page.at("rows").as_array()) ids += Text(row.as_object(), "id") + " ";
  }
  EXPECT_EQ(ids, "6 8 10 ");
  db_.Subscribe(root, "b", "SELECT * FROM app.notes", wire::LiveOptions{.last_rows = 0});
  EXPECT_TRUE(Loaded(root).at("rows").as_array().empty());
  db_.Subscribe(root, "c", "SELECT * FROM app.notes", wire::LiveOptions{.last_rows = 100});
  EXPECT_EQ(Loaded(root).at("rows").as_array().size(), 10U);
}

TEST_F(HubTest, ResumeReportsRowsDeletesAndExitsInSeqOrder) {
  for (int i = 1; i <= 5; ++i) db_.Insert(i, "r");
  const Seq seen = db_.Insert(6, "r");
  db_.Insert(7, "r");                                                      // page
  db_.Insert(70, "other");                                                 // never matched: nothing
  db_.Commit(db_.DeleteOp("notes", "", 1));                                // delete
  db_.Commit(db_.UpdateOp("notes", "", 2, "room", Value::Text("other")));  // exit
  db_.Commit(db_.UpdateOp("notes", "", 3, "n", Value::Integer(TypeKind::kInt, 9)));
  db_.Insert(8, "r");
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE room = 'r'", wire::LiveOptions{.from = seen.value});
  const object page = Loaded(root);
  ASSERT_EQ(page.at("rows").as_array().size(), 1U);
  EXPECT_EQ(Text(page.at("rows").as_array()[0].as_object(), "id"), "7");
  EXPECT_EQ(page.at("batch_control").at("status").as_string(), "ready");
  int64_t last = std::stoll(Text(page.at("rows").as_array()[0].as_object(), "_seq"));
  const auto next = [&](std::string_view kind, std::string_view part, std::string_view id) {
    const object change = ExpectChange(root, kind);
    const object row = change.at(part).as_array()[0].as_object();
    EXPECT_EQ(Text(row, "id"), id);
    EXPECT_GT(std::stoll(Text(row, "_seq")), last);
    last = std::stoll(Text(row, "_seq"));
  };
  next("delete", "old_values", "1");
  next("delete", "old_values", "2");
  next("update", "rows", "3");
  next("insert", "rows", "8");
  db_.Insert(9, "r");
  next("insert", "rows", "9");
}

// Where rows stand when the client comes back makes no difference: not in files, in files, in compacted ones.
TEST_F(HubTest, ResumeTellsTheSameOfRowsInFiles) {
  const auto set = [&](int64_t id, std::string_view column, const Value& value) {
    db_.Commit(db_.UpdateOp("notes", "", id, column, value));
  };
  const auto number = [](int64_t n) { return Value::Integer(TypeKind::kInt, n); };
  for (int i = 1; i <= 6; ++i) db_.Insert(i, "r", i);
  for (int i = 50; i <= 53; ++i) db_.Insert(i, "other", i);
  db_.Flush("notes");
  const Seq seen = db_.Insert(7, "r", 7);
  db_.Commit(db_.DeleteOp("notes", "", 1));
  db_.Insert(8, "r", 8);
  db_.Insert(60, "other", 60);  // of no concern, as are the next ones: never in this room
  set(50, "n", number(500));    // was in a file
  set(60, "n", number(600));
  set(60, "body", Value::Text("x"));
  db_.Commit(db_.DeleteOp("notes", "", 51));
  set(52, "n", number(520));
  db_.Commit(db_.DeleteOp("notes", "", 52));
  set(2, "room", Value::Text("other"));  // left
  set(2, "n", number(22));
  set(53, "room", Value::Text("r"));  // came
  set(3, "n", number(33));
  set(4, "room", Value::Text("other"));  // left and came back
  set(4, "room", Value::Text("r"));
  db_.Insert(9, "r", 9);
  const auto resumed = [&](const std::string& where) {
    const Client root = db_.Connect("root", Role::kSystem);
    db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE " + where, wire::LiveOptions{.from = seen.value});
    std::string out;
    const object page = Loaded(root);
    for (const auto& row : page.at("rows").as_array()) {
      out += "row " + Text(row.as_object(), "id") + ", ";
    }
    while (!out.ends_with(" 9, ")) {
      const object change = Expect(root, "change");
      const std::string kind = Text(change, "change_type");
      if (kind.empty()) return out;
      const object row = change.at(kind == "delete" ? "old_values" : "rows").as_array()[0].as_object();
      out +=
          kind + (row.contains("_deleted") && !row.contains("room") ? " key " : " ") + Text(row, "id") + ", ";
    }
    db_.hub->Disconnect(root.key);
    return out;
  };
  const std::string room = "room = 'r'";
  const std::string both = "room = 'r' AND n % 1 = 0";
  const std::string told = "delete 1, insert 8, delete key 2, update 53, update 3, update 4, insert 9, ";
  EXPECT_EQ(resumed(room), told);
  EXPECT_EQ(resumed(both), told);
  db_.Flush("notes");
  EXPECT_EQ(resumed(room), told) << "after a flush";
  EXPECT_EQ(resumed(both), told) << "after a flush";
  db_.Compact("notes");
  EXPECT_EQ(resumed(room), told) << "after a compaction";
  EXPECT_EQ(resumed("id > 8 AND id < 10"), "row 9, ") << "the key decides: nothing can have left";
}

TEST_F(HubTest, AResumeTellsOfRowsThatLeftAndChangedBetweenItsPages) {
  db_.Insert(1, "r", 1);
  const Seq seen = db_.Insert(2, "r", 2);
  for (int i = 3; i <= 5; ++i) db_.Insert(i, "r", i);
  db_.Commit(db_.UpdateOp("notes", "", 1, "room", Value::Text("other")));
  const Client root = db_.Connect("root", Role::kSystem);
  wire::LiveOptions options{.from = seen.value};
  options.batch_size = 1;
  db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE room = 'r'", options);
  const object first = Loaded(root);
  ASSERT_TRUE(first.at("batch_control").at("has_more").as_bool());
  // It does not match before, nor after: as a change it concerns nobody.
  db_.Commit(db_.UpdateOp("notes", "", 1, "n", Value::Integer(TypeKind::kInt, 11)));
  int64_t last = first.at("batch_control").at("last_seq_id").to_number<int64_t>();
  for (bool more = true; more;) {
    db_.hub->NextBatch(root.key, {"s", last});
    const object page = Expect(root, "initial_data_batch");
    more = page.at("batch_control").at("has_more").as_bool();
    if (more) last = page.at("batch_control").at("last_seq_id").to_number<int64_t>();
  }
  const object change = Expect(root, "change");
  EXPECT_EQ(Text(change, "change_type"), "delete");
  EXPECT_EQ(Text(change.at("old_values").as_array()[0].as_object(), "id"), "1");
}

TEST_F(HubTest, RowsInFilesAreInPagesAndResumes) {
  std::vector<Seq> seqs;
  for (int i = 0; i < 20; ++i) seqs.push_back(db_.Insert(i, i % 2 == 0 ? "even" : "odd", i));
  const Client watching = db_.Connect("root", Role::kSystem);
  db_.Subscribe(watching, "w", "SELECT * FROM app.notes");
  Loaded(watching);
  db_.Flush("notes");
  ExpectQuiet(watching);
  db_.Insert(100, "even", 100);
  ExpectChange(watching, "insert");

  const Client root = db_.Connect("root", Role::kSystem);
  const auto ids = [&](const std::string& where, const wire::LiveOptions& options) {
    db_.Subscribe(root, "s", "SELECT * FROM app.notes" + where, options);
    Expect(root, "subscription_ack");
    std::string out;
    for (;;) {
      const object page = Expect(root, "initial_data_batch");
      if (page.empty()) return out;
      for (const auto& row : page.at("rows").as_array()) out += Text(row.as_object(), "id") + " ";
      if (!page.at("batch_control").at("has_more").as_bool()) return out;
    }
  };
  wire::LiveOptions options;
  options.batch_size = 6;
  EXPECT_EQ(ids("", options), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 100 ");
  options = {};
  options.last_rows = 4;
  EXPECT_EQ(ids(" WHERE room = 'even' AND n + 0 > 5", options), "14 16 18 100 ");
  options = {};
  options.from = seqs[17].value;
  EXPECT_EQ(ids("", options), "18 19 100 ");
  db_.Flush("notes");
  EXPECT_EQ(ids("", options), "18 19 100 ");
  db_.hub->Unsubscribe(root.key, "s");
  db_.Insert(101);
  EXPECT_EQ(ids("", options), "18 19 100 101 ");
}

TEST_F(HubTest, CursorBelowTheHorizonIsRefused) {
  const Seq first = db_.Insert(1);
  const Seq second = db_.Insert(2);
  hot::Batch batch;
  batch.meta.push_back(hot::ResumeHorizonOp(db_.Table("notes")->id, second));
  db_.Commit(std::move(batch));
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "old", "SELECT * FROM app.notes", wire::LiveOptions{.from = first.value});
  ExpectError(root, "old", "RESYNC_REQUIRED");
  for (const int64_t from : {second.value, int64_t{0}}) {
    db_.Subscribe(root, "new", "SELECT * FROM app.notes", wire::LiveOptions{.from = from});
    Loaded(root);
  }
}

// No moment between the change of a right and its effect: the very next commit is not delivered, nor is a
// page.
TEST_F(HubTest, ALostRightEndsDeliveryBeforeTheNextChange) {
  for (const char* name : {"sam", "dora"}) {
    auth::User user;
    user.user_id = name;
    user.role = Role::kService;
    ASSERT_TRUE(db_.users->Create(std::move(user)));
  }
  db_.Insert(1);
  const Client sam = db_.Connect("sam", Role::kService);
  const Client dora = db_.Connect("dora", Role::kService);
  for (const Client* client : {&sam, &dora}) {
    db_.Subscribe(*client, "s", "SELECT * FROM app.notes");
    Loaded(*client);
  }
  db_.Insert(2);
  for (const Client* client : {&sam, &dora}) ExpectChange(*client, "insert");

  ASSERT_TRUE(db_.users->Update("sam", [](auth::User& user) -> Status {
    user.role = Role::kUser;
    return {};
  }));
  db_.Insert(3);
  ExpectError(sam, "s", "UNAUTHORIZED");
  ExpectChange(dora, "insert");
  db_.Subscribe(sam, "again", "SELECT * FROM app.notes");
  ExpectError(sam, "again", "UNAUTHORIZED");

  ASSERT_TRUE(db_.users->Drop("dora"));
  db_.Insert(4);
  ExpectError(dora, "s", "UNAUTHORIZED");
  EXPECT_EQ(dora.outlet->Closed().first, 1008);
  ExpectQuiet(sam);
}

TEST_F(HubTest, UserTablesShowOwnRowsOnly) {
  db_.Commit(db_.InsertOp("mine", "ann", 1, "r", 1));
  db_.Commit(db_.InsertOp("mine", "bob", 2, "r", 1));
  const Client ann = db_.Connect("ann", Role::kUser);
  const Client ann2 = db_.Connect("ann", Role::kUser);
  const Client root = db_.Connect("root", Role::kSystem);
  for (const Client* client : {&ann, &ann2, &root}) {
    db_.Subscribe(*client, "s", "SELECT * FROM app.mine");
    EXPECT_EQ(Loaded(*client).at("rows").as_array().size(), client == &root ? 0U : 1U);
  }
  db_.Commit(db_.InsertOp("mine", "bob", 3, "r", 1));
  db_.Commit(db_.InsertOp("mine", "ann", 4, "r", 1));
  for (const Client* client : {&ann, &ann2}) {
    const object change = ExpectChange(*client, "insert");
    EXPECT_EQ(Text(change.at("rows").as_array()[0].as_object(), "id"), "4");
  }
  ExpectQuiet(root);
}

TEST_F(HubTest, StreamRowsComeAndTheirDeletesCarryKeyAndRowId) {
  const Client ann = db_.Connect("ann", Role::kUser);
  db_.Subscribe(ann, "s", "SELECT * FROM app.typing WHERE id = 1");
  EXPECT_TRUE(Loaded(ann).at("rows").as_array().empty());
  const Seq seq = db_.Commit(db_.InsertOp("typing", "ann", 1, "r", 1));
  db_.Commit(db_.InsertOp("typing", "ann", 2, "r", 1));
  const object insert = ExpectChange(ann, "insert");
  EXPECT_FALSE(insert.at("rows").as_array()[0].as_object().contains("_deleted"));
  EraseFromStream(seq);
  const object gone = ExpectChange(ann, "delete");
  EXPECT_EQ(boost::json::serialize(gone.at("old_values")),
            R"([{"id":"1","row_id":"ann:)" + SeqText(seq) + R"("}])");
  db_.Subscribe(ann, "s2", "SELECT * FROM app.typing");
  EXPECT_EQ(Loaded(ann).at("rows").as_array().size(), 1U);
}

// Deletes while the client was away are told like others, each once, and nothing of rows that came and went.
TEST_F(HubTest, ResumeTellsOfDeletesInStreams) {
  const auto insert = [&](int64_t id, std::string_view user = "ann") {
    return db_.Commit(db_.InsertOp("typing", user, id, "r", 1));
  };
  const Seq first = insert(1);
  const Seq second = insert(2);
  const Seq third = insert(3);
  Client ann = db_.Connect("ann", Role::kUser);
  const auto resume = [&](std::string_view condition) {
    db_.Subscribe(ann, "s", fmt::format("SELECT * FROM app.typing{}", condition),
                  wire::LiveOptions{.from = third.value});
  };
  const auto expect_gone = [&](int id, Seq seq) {
    EXPECT_EQ(boost::json::serialize(ExpectChange(ann, "delete").at("old_values")),
              fmt::format(R"([{{"id":"{}","row_id":"ann:{}"}}])", id, seq.value));
  };
  const auto expect_rows = [&](std::vector<std::string> ids) {
    std::vector<std::string> found;
    const object page = Loaded(ann);
    for (const auto& row : page.at("rows").as_array()) found.push_back(Text(row.as_object(), "id"));
    EXPECT_EQ(found, ids);
  };
  insert(4);
  EraseFromStream(first);
  EraseFromStream(insert(5));
  insert(6);
  EraseFromStream(third);
  EraseFromStream(insert(7, "bob"), "bob");
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    resume("");
    expect_rows({"4"});  // up to the first delete
    expect_gone(1, first);
    EXPECT_EQ(Text(ExpectChange(ann, "insert").at("rows").as_array()[0].as_object(), "id"), "6");
    expect_gone(3, third);
    ExpectQuiet(ann);
    resume(" WHERE id >= 3");
    expect_rows({"4", "6"});
    expect_gone(3, third);
    ExpectQuiet(ann);
    resume(" WHERE id = 2 OR id = 6");
    expect_rows({"6"});
    ExpectQuiet(ann);
    db_.Close();
    db_.Open({});
    ann = db_.Connect("ann", Role::kUser);
  }
  db_.Subscribe(ann, "all", "SELECT * FROM app.typing", wire::LiveOptions{.from = third.value});
  expect_rows({"4"});
  expect_gone(1, first);
  ExpectChange(ann, "insert");
  expect_gone(3, third);
  EraseFromStream(second);  // live now
  expect_gone(2, second);
  ExpectQuiet(ann);
}

TEST_F(HubTest, SameIdReplacesAndUnsubscribeIsSilent) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE room = 'a'");
  Loaded(root);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE room = 'b'");
  Loaded(root);
  db_.Insert(1, "a");
  db_.Insert(2, "b");
  EXPECT_EQ(Text(ExpectChange(root, "insert").at("rows").as_array()[0].as_object(), "id"), "2");
  ASSERT_EQ(db_.hub->List().size(), 1U);
  EXPECT_EQ(db_.hub->List()[0].changes, 1);
  EXPECT_EQ(db_.hub->List()[0].last_ping_at_micros, 77);
  EXPECT_EQ(db_.hub->CountOn(db_.Table("notes")->id), 1);
  db_.hub->Unsubscribe(root.key, db_.hub->List()[0].live_id);
  EXPECT_TRUE(db_.hub->List().empty());
  db_.Insert(3, "b");
  ExpectQuiet(root);
  EXPECT_EQ(db_.hub->NeedOf(db_.Table("notes")->id), hot::Need::kNone);
}

TEST_F(HubTest, KillTellsTheClient) {
  const Client root = db_.Connect("user-with-dashes", Role::kSystem);
  db_.Subscribe(root, "s-1", "SELECT * FROM app.notes");
  Loaded(root);
  const std::string id = db_.hub->List()[0].live_id;
  EXPECT_EQ(db_.hub->OwnerOf(id), "user-with-dashes");
  EXPECT_TRUE(db_.hub->Kill(id));
  ExpectError(root, "s-1", "SUBSCRIPTION_KILLED");
  EXPECT_FALSE(db_.hub->Kill(id));
  EXPECT_EQ(db_.hub->OwnerOf(id), std::nullopt);
}

TEST_F(HubTest, DropTableTellsItsSubscribers) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes");
  Loaded(root);
  ASSERT_TRUE(db_.catalog->DropTable("app", "notes"));
  ExpectError(root, "s", "TABLE_DROPPED");
  EXPECT_TRUE(db_.hub->List().empty());
}

TEST_F(HubTest, AddColumnKeepsSubscriptionsAlive) {
  db_.Insert(1);
  const Client root = db_.Connect("root", Role::kSystem);
  const Client other = db_.Connect("root", Role::kSystem);
  for (const Client* client : {&root, &other}) {
    db_.Subscribe(*client, "star", "SELECT * FROM app.notes WHERE n + 0 >= 0");
    Loaded(*client);
  }
  ASSERT_TRUE(db_.catalog->AlterTable("app", "notes", [](catalog::Table& table) -> Result<bool> {
    TableSchema next = table.versions.back();
    Column& column = next.columns.emplace_back();
    column.name = "extra";
    column.type = Type(TypeKind::kText);
    table.versions.push_back(std::move(next));
    return true;
  }));
  db_.Insert(2);
  object change = ExpectChange(root, "insert");
  EXPECT_TRUE(change.at("rows").as_array()[0].as_object().contains("extra"));
  db_.Commit(db_.UpdateOp("notes", "", 1, "extra", Value::Text("e")));
  change = ExpectChange(root, "update");
  EXPECT_EQ(Text(change.at("rows").as_array()[0].as_object(), "extra"), "e");
  EXPECT_TRUE(ExpectChange(other, "insert").at("rows").as_array()[0].as_object().contains("extra"));
}

TEST_F(HubTest, LosingAccessEndsTheSubscription) {
  const Client service = db_.Connect("svc", Role::kService);
  db_.Subscribe(service, "s", "SELECT * FROM app.notes");
  Loaded(service);
  ASSERT_TRUE(db_.catalog->AlterTable("app", "notes", [](catalog::Table& table) -> Result<bool> {
    table.access_level = AccessLevel::kDba;
    return true;
  }));
  db_.Insert(1);  // after the change: must not arrive
  ExpectError(service, "s", "UNAUTHORIZED");
  ExpectQuiet(service);
}

TEST_F(HubTest, ChangedRolesAndDroppedUsersAreNoticed) {
  for (const char* name : {"svc", "gone"}) {
    auth::User user;
    user.user_id = name;
    user.role = Role::kService;
    ASSERT_TRUE(db_.users->Create(user));
  }
  const Client service = db_.Connect("svc", Role::kService);
  const Client gone = db_.Connect("gone", Role::kService);
  for (const Client* client : {&service, &gone}) {
    db_.Subscribe(*client, "s", "SELECT * FROM app.notes");
    Loaded(*client);
  }
  ASSERT_TRUE(db_.users->Update("svc", [](auth::User& user) -> Status {
    user.role = Role::kUser;
    return {};
  }));
  ExpectError(service, "s", "UNAUTHORIZED");
  ASSERT_TRUE(db_.users->Drop("gone"));
  ExpectError(gone, "s", "UNAUTHORIZED");
  EXPECT_EQ(gone.outlet->Closed().first, 1008);
}

// Nothing is committed to the table and no client asks for anything: the change of the right itself is the
// event. Hidden polls would show as a hub that wakes with nothing to do.
TEST_F(HubTest, IdleSocketsLearnOfLostRightsAndOtherwiseTheHubSleeps) {
  const Client service = db_.Connect("svc", Role::kService);
  const Client gone = db_.Connect("gone", Role::kService);
  const Client erased = db_.Connect("erased", Role::kUser);  // without a subscription
  for (const Client* client : {&service, &gone}) {
    db_.Subscribe(*client, "s", "SELECT * FROM app.notes");
    Loaded(*client);
  }
  ASSERT_TRUE(db_.users->Drop("erased"));
  ASSERT_TRUE(db_.users->Erase("erased"));
  EXPECT_EQ(erased.outlet->Closed().first, 1008);
  ASSERT_TRUE(db_.users->Drop("gone"));
  ExpectError(gone, "s", "UNAUTHORIZED");
  EXPECT_EQ(gone.outlet->Closed().first, 1008);
  ASSERT_TRUE(db_.catalog->AlterTable("app", "notes", [](catalog::Table& table) -> Result<bool> {
    table.access_level = AccessLevel::kDba;
    return true;
  }));
  ExpectError(service, "s", "UNAUTHORIZED");

  db_.hub->List();  // everything before is done
  const uint64_t turns = db_.hub->Counters().turns;
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  EXPECT_LE(db_.hub->Counters().turns, turns + 1) << "the turn of List() may end after it answered";
}

TEST_F(HubTest, ConditionThatFailsForARowEndsWithAnError) {
  const Client root = db_.Connect("root", Role::kSystem);
  db_.Subscribe(root, "s", "SELECT * FROM app.notes WHERE CAST(body AS INTEGER) > 1");
  Loaded(root);
  db_.Insert(1, "r", 1, "5");
  ExpectChange(root, "insert");
  db_.Insert(2, "r", 1, "five");
  ExpectError(root, "s", "SUBSCRIPTION_FAILED");
}

}  // namespace
}  // namespace kalam::live
