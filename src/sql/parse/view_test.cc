#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/parse/parse_testing.h"

namespace kalam::sql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseView, TheQueryIsCutOutAsItStands) {
  const auto view = Body<CreateView>(
      "CREATE VIEW App.Open (Id, \"What\") AS  SELECT t.id, t.\"Body\" /* x */ FROM app.tasks t -- end");
  EXPECT_EQ(view.view.ns, "app");
  EXPECT_EQ(view.view.table, "open");
  EXPECT_THAT(view.columns, ElementsAre("id", "what"));
  EXPECT_EQ(view.query, "SELECT t.id, t.\"Body\" /* x */ FROM app.tasks t");
  EXPECT_THAT(view.words, ElementsAre("app", "body", "from", "id", "select", "t", "tasks"));
}

TEST(ParseView, Forms) {
  EXPECT_TRUE(Body<CreateView>("CREATE OR REPLACE VIEW v AS SELECT 1 AS a").or_replace);
  EXPECT_TRUE(Body<CreateView>("CREATE VIEW IF NOT EXISTS v AS SELECT 1 AS a").if_not_exists);
  EXPECT_TRUE(Body<DropView>("DROP VIEW IF EXISTS a.v").if_exists);
  EXPECT_THAT(Message("CREATE OR REPLACE VIEW IF NOT EXISTS v AS SELECT 1"), HasSubstr("exclude each other"));
  EXPECT_THAT(Message("CREATE VIEW v (a, A) AS SELECT 1, 2"), HasSubstr("named twice"));
}

TEST(ParseView, WhatIsMissing) {
  for (const char* sql :
       {"CREATE VIEW", "CREATE VIEW v", "CREATE VIEW v AS", "CREATE VIEW v () AS SELECT 1",
        "CREATE VIEW v (a AS SELECT 1", "CREATE VIEW v SELECT 1", "DROP VIEW", "DROP VIEW v x"}) {
    EXPECT_EQ(Failed(sql).code, ErrorCode::kSyntax) << sql;
  }
  EXPECT_EQ(Failed("CREATE MATERIALIZED VIEW v AS SELECT 1").message,
            "MATERIALIZED VIEWS are not supported yet");
}

}  // namespace
}  // namespace kalam::sql
