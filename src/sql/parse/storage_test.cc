#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "sql/parse/parse_testing.h"

namespace kalam::sql {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Refused(std::string_view sql) {
  const auto parsed = ParseOne(sql);
  return parsed ? "fine" : parsed.error().message;
}

TEST(ParseStorage, ClausesInAnyOrder) {
  const Statement statement = Parsed(
      "CREATE STORAGE s3-main CONFIG '{}' USER_TABLES_TEMPLATE 'u' NAME 'It''s' TYPE = 's3' BUCKET 'b' "
      "REGION 'r' "
      "DESCRIPTION 'd' SHARED_TABLES_TEMPLATE 's' CREDENTIALS '{\"a\": 1}'");
  EXPECT_EQ(statement.kind, StatementKind::kCreateStorage);
  const auto& create = std::get<CreateStorage>(statement.body);
  EXPECT_EQ(create.storage_id, "s3-main");
  EXPECT_FALSE(create.if_not_exists);
  EXPECT_EQ(create.text.type, "s3");
  EXPECT_EQ(create.text.name, "It's");
  EXPECT_EQ(create.text.bucket, "b");
  EXPECT_EQ(create.text.region, "r");
  EXPECT_EQ(create.text.description, "d");
  EXPECT_EQ(create.text.shared_tables_template, "s");
  EXPECT_EQ(create.text.user_tables_template, "u");
  EXPECT_EQ(create.text.credentials, "{\"a\": 1}");
  EXPECT_EQ(create.text.config, "{}");
  EXPECT_EQ(create.text.path, std::nullopt);
}

TEST(ParseStorage, OtherStatements) {
  const auto create =
      std::get<CreateStorage>(Parsed("create storage if not exists A_1 type filesystem path '/x'").body);
  EXPECT_TRUE(create.if_not_exists);
  EXPECT_EQ(create.storage_id, "A_1");
  EXPECT_EQ(create.text.type, "filesystem");
  const auto alter = std::get<AlterStorage>(
      Parsed("ALTER STORAGE s SET NAME 'a' SET DESCRIPTION 'b', CREDENTIALS 'c'").body);
  EXPECT_EQ(alter.text.name, "a");
  EXPECT_EQ(alter.text.description, "b");
  EXPECT_EQ(alter.text.credentials, "c");
  EXPECT_TRUE(std::get<DropStorage>(Parsed("DROP STORAGE IF EXISTS s").body).if_exists);
  EXPECT_EQ(Parsed("SHOW STORAGES").kind, StatementKind::kShowStorages);
  EXPECT_TRUE(std::get<CheckStorage>(Parsed("STORAGE CHECK s EXTENDED").body).extended);
  EXPECT_EQ(std::get<CheckStorage>(Parsed("CHECK STORAGE 's'").body).storage_id, "s");
}

TEST(ParseStorage, Errors) {
  EXPECT_THAT(Refused("CREATE STORAGE s"), HasSubstr("expected TYPE"));
  EXPECT_THAT(Refused("CREATE STORAGE s TYPE 's3' BOGUS 'x'"), HasSubstr("found 'BOGUS'"));
  EXPECT_THAT(Refused("CREATE STORAGE s TYPE 's3' NAME x"), HasSubstr("a text in single quotes after NAME"));
  EXPECT_THAT(Refused("CREATE STORAGE s TYPE 's3' NAME 'a' NAME 'b'"), HasSubstr("NAME is given twice"));
  EXPECT_THAT(Refused("CREATE STORAGE"), HasSubstr("a storage id"));
  for (const char* id : {"'a/b'", "'..'", "'a b'", "'a;b'", "''", "\"a'b\"", "a.b"}) {
    EXPECT_THAT(Refused(std::string("DROP STORAGE ") + id), HasSubstr("Invalid storage id")) << id;
  }
  EXPECT_THAT(Refused("ALTER STORAGE s"), HasSubstr("expected SET"));
  EXPECT_THAT(Refused("ALTER STORAGE s SET PATH '/x'"), HasSubstr("cannot change PATH"));
  EXPECT_THAT(Refused("SHOW STORAGES x"), HasSubstr("end of statement"));
}

TEST(ParseStorage, ErrorsShowNoSecrets) {
  for (const char* sql :
       {"CREATE STORAGE s TYPE 's3' CREDENTIALS {\"k\": \"hunter2\"}",
        "CREATE STORAGE s TYPE 's3' CREDENTIALS 'a' 'hunter2'", "CREATE STORAGE s TYPE 's3' CONFIG hunter2",
        "ALTER STORAGE s SET CREDENTIALS hunter2", "ALTER STORAGE s SET CONFIG '{}' hunter2"}) {
    const auto parsed = ParseOne(sql);
    ASSERT_FALSE(parsed) << sql;
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("hunter2"))) << sql;
    for (const Detail& detail : parsed.error().details) {
      const auto* text = std::get_if<std::string>(&detail.value);
      if (text != nullptr) {
        EXPECT_THAT(*text, Not(HasSubstr("hunter2"))) << sql;
      }
    }
  }
}

}  // namespace
}  // namespace kalam::sql
