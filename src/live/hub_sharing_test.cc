// Subscriptions share what they have in common, and nothing else.
#include <gtest/gtest.h>

#include <string>

#include "live/hub_for_test.h"

namespace kalam::live {
namespace {

// A quoted name may hold any text, that of a whole list of columns, too.
TEST_F(HubTest, ListsOfColumnsThatLookAlikeAreApart) {
  const Client odd = db_.Connect("ann", Role::kService);
  const Client plain = db_.Connect("ben", Role::kService);
  db_.Subscribe(odd, "s", R"(SELECT room AS "x|1:n|y" FROM app.notes)");
  Loaded(odd);
  db_.Subscribe(plain, "s", "SELECT room AS x, n AS y FROM app.notes");
  Loaded(plain);
  db_.Insert(1, "a", 7);
  const auto row_of = [&](const Client& client) {
    return ExpectChange(client, "insert").at("rows").as_array()[0].as_object();
  };
  EXPECT_EQ(Text(row_of(odd), "x|1:n|y"), "a");
  const object row = row_of(plain);
  EXPECT_EQ(Text(row, "x"), "a");
  EXPECT_TRUE(row.contains("y"));
}

// The same text means another thing to another role, also to the same user later.
TEST_F(HubTest, ARoleThatTheConditionNamesIsTheOneOfNow) {
  const std::string sql = "SELECT * FROM app.notes WHERE room = CURRENT_ROLE()";
  db_.Insert(1, "service");
  db_.Insert(2, "dba");
  const Client service = db_.Connect("ann", Role::kService);
  db_.Subscribe(service, "s", sql);
  EXPECT_EQ(Text(Loaded(service).at("rows").as_array()[0].as_object(), "id"), "1");
  db_.Subscribe(service, "other", "SELECT * FROM app.notes WHERE room = CURRENT_USER()");
  Loaded(service);
  ASSERT_TRUE(db_.users->Update("ann", [](auth::User& user) -> Status {
    user.role = Role::kDba;
    return {};
  }));
  // Rows enter and leave that do not change, so the subscription cannot go on.
  ExpectError(service, "s", "RESYNC_REQUIRED");
  db_.Subscribe(service, "s", sql);
  EXPECT_EQ(Text(Loaded(service).at("rows").as_array()[0].as_object(), "id"), "2");
  db_.Insert(3, "dba");
  ExpectChange(service, "insert");
  db_.Insert(4, "ann");
  ExpectChange(service, "insert");
  ExpectQuiet(service);
}

}  // namespace
}  // namespace kalam::live
