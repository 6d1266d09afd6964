// CREATE, ALTER, DROP TABLE, SHOW TABLES and DESCRIBE.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "sql/parse/parse.h"
#include "sql/parse/parse_testing.h"

namespace kalam::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ColumnDefinition OneColumn(std::string_view definition) {
  const auto table = Body<CreateTable>("CREATE TABLE t (" + std::string(definition) + ")");
  EXPECT_EQ(table.columns.size(), 1U) << definition;
  return table.columns.empty() ? ColumnDefinition() : table.columns[0];
}
std::string TypeOf(std::string_view type) { return SqlName(OneColumn("c " + std::string(type)).type); }
std::string DefaultOf(std::string_view expression) {
  return OneColumn("c TEXT DEFAULT " + std::string(expression)).default_value.expression;
}
// The message behind "Invalid CREATE TABLE statement: ".
std::string CreateMessage(std::string_view sql) {
  constexpr std::string_view kPrefix = "Invalid CREATE TABLE statement: ";
  const std::string message = Message(sql);
  EXPECT_THAT(message, StartsWith(kPrefix)) << sql;
  return message.substr(std::min(kPrefix.size(), message.size()));
}
CreateTable WithOptions(std::string_view options) {
  return Body<CreateTable>("CREATE TABLE t (id INT PRIMARY KEY) " + std::string(options));
}
std::string OptionMessage(std::string_view options) {
  return CreateMessage("CREATE TABLE t (id INT PRIMARY KEY) " + std::string(options));
}

TEST(CreateTableTest, NamesAndColumns) {
  const auto table = Body<CreateTable>(
      "CREATE TABLE IF NOT EXISTS App.Messages (Id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), \"firstName\" "
      "TEXT NOT NULL, "
      "n INT NULL,) ");
  EXPECT_EQ(table.table, (TableRef{"app", "messages"}));
  EXPECT_TRUE(table.if_not_exists);
  EXPECT_EQ(table.type, TableType::kShared);
  EXPECT_FALSE(table.type_given);
  ASSERT_EQ(table.columns.size(), 3U);
  EXPECT_EQ(table.columns[0].name, "id");
  EXPECT_TRUE(table.columns[0].primary_key);
  EXPECT_EQ(table.columns[0].nullable, std::nullopt);
  EXPECT_EQ(table.columns[0].default_value.kind, DefaultKind::kSnowflakeId);
  EXPECT_EQ(table.columns[1].name, "firstname");
  EXPECT_EQ(table.columns[1].nullable, false);
  EXPECT_EQ(table.columns[2].nullable, true);
  EXPECT_EQ(Body<CreateTable>("CREATE TABLE kalam.a.b (id INT)").table, (TableRef{"a", "b"}));
  EXPECT_EQ(Body<CreateTable>("CREATE TABLE b (id INT)").table, (TableRef{"", "b"}));
}

TEST(CreateTableTest, Types) {
  EXPECT_EQ(Body<CreateTable>("CREATE USER TABLE t (id INT)").type, TableType::kUser);
  EXPECT_EQ(Body<CreateTable>("create shared table t (id INT)").type, TableType::kShared);
  EXPECT_TRUE(Body<CreateTable>("CREATE SHARED TABLE t (id INT)").type_given);
  EXPECT_EQ(Body<CreateTable>("CREATE STREAM TABLE t (id INT) TTL 5").type, TableType::kStream);
  EXPECT_EQ(WithOptions("WITH (TYPE = 'USER')").type, TableType::kUser);
  EXPECT_EQ(WithOptions("WITH (type = user)").type, TableType::kUser);
  EXPECT_EQ(WithOptions("TABLE_TYPE user").type, TableType::kUser);
  EXPECT_TRUE(WithOptions("TABLE_TYPE shared").type_given);
  EXPECT_EQ(Body<CreateTable>("CREATE USER TABLE t (id INT) WITH (TYPE='USER')").type, TableType::kUser);
  EXPECT_EQ(CreateMessage("CREATE USER TABLE t (id INT) WITH (TYPE='SHARED')"),
            "Conflicting table type definitions: CREATE USER TABLE vs TYPE option SHARED");
  EXPECT_EQ(OptionMessage("WITH (TYPE = 'SYSTEM')"),
            "Invalid TYPE option 'SYSTEM'. Supported: USER, SHARED, STREAM");
}

TEST(CreateTableTest, OptionsOfBothDialects) {
  const auto with = Body<CreateTable>(
      "CREATE TABLE t (id INT) USING heap WITH (TYPE = 'USER', STORAGE_ID = 's3-main', USE_USER_STORAGE = "
      "true, "
      "FLUSH_POLICY = 'rows:1000, interval:60', DELETED_RETENTION_HOURS = 24,)");
  EXPECT_EQ(with.options.storage_id, "s3-main");
  EXPECT_TRUE(with.options.use_user_storage);
  EXPECT_EQ(with.options.flush_rows, 1000);
  EXPECT_EQ(with.options.flush_interval_seconds, 60);
  EXPECT_EQ(with.options.deleted_retention_hours, 24);
  EXPECT_EQ(WithOptions("").options.storage_id, "local");
  EXPECT_EQ(WithOptions("WITH (ACCESS_LEVEL = 'Public')").access_level, AccessLevel::kPublic);
  EXPECT_EQ(WithOptions("").access_level, std::nullopt);
  EXPECT_EQ(WithOptions("WITH (STORAGE_ID = s3-main)").options.storage_id, "s3-main");
  EXPECT_EQ(WithOptions("WITH (TYPE='STREAM', TTL_SECONDS = '30')").options.ttl_seconds, 30);

  const auto seed = Body<CreateTable>(
      "CREATE USER TABLE t (id INT) STORAGE s3-main USE_USER_STORAGE FLUSH ROWS 100 SECONDS 60");
  EXPECT_EQ(seed.options.storage_id, "s3-main");
  EXPECT_TRUE(seed.options.use_user_storage);
  EXPECT_EQ(seed.options.flush_rows, 100);
  EXPECT_EQ(seed.options.flush_interval_seconds, 60);
  EXPECT_FALSE(
      Body<CreateTable>("CREATE USER TABLE t (id INT) USE_USER_STORAGE FALSE").options.use_user_storage);
  EXPECT_EQ(WithOptions("FLUSH INTERVAL 30s ROW_THRESHOLD 50").options.flush_interval_seconds, 30);
  EXPECT_EQ(WithOptions("FLUSH INTERVAL 30s ROW_THRESHOLD 50").options.flush_rows, 50);
  EXPECT_EQ(WithOptions("FLUSH ROWS 5 FLUSH SECONDS 6").options.flush_interval_seconds, 6);
  EXPECT_EQ(WithOptions("ACCESS LEVEL restricted").access_level, AccessLevel::kRestricted);
  EXPECT_EQ(Body<CreateTable>("CREATE STREAM TABLE t (id INT) TTL 10s").options.ttl_seconds, 10);
}

TEST(CreateTableTest, MessagesAboutNames) {
  EXPECT_EQ(CreateMessage("CREATE TABLE \"my-ns\".t (id INT)"),
            "Invalid namespace name 'my-ns'. Only alphanumeric characters and underscores are allowed (line "
            "1, col 14).");
  EXPECT_EQ(
      CreateMessage("CREATE TABLE\n \"a b\" (id INT)"),
      "Invalid table name 'a b'. Only alphanumeric characters and underscores are allowed (line 2, col 2).");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (gr\xC3\xBCn INT)"),
            "Invalid column name 'gr\xC3\xBCn'. Only alphanumeric characters and underscores are allowed "
            "(line 1, col 17).");
  EXPECT_EQ(Message("CREATE TABLE x.y.z (id INT)"), "Unknown catalog 'x'; the only catalog is 'kalam'");
  EXPECT_EQ(Failed("CREATE TABLE my-table (id INT)").code, ErrorCode::kSyntax);
  EXPECT_EQ(Failed("CREATE TABLE").code, ErrorCode::kSyntax);
}

TEST(CreateTableTest, MessagesAboutOptions) {
  EXPECT_EQ(CreateMessage("CREATE STREAM TABLE t (id INT)"), "STREAM tables must specify 'TTL_SECONDS'");
  EXPECT_EQ(OptionMessage("TTL 5"), "TTL_SECONDS is only supported for STREAM tables");
  EXPECT_EQ(OptionMessage("WITH (TYPE='USER', ACCESS_LEVEL='public')"),
            "ACCESS_LEVEL is only supported for SHARED tables");
  EXPECT_EQ(OptionMessage("USE_USER_STORAGE TRUE"), "USE_USER_STORAGE is only supported for USER tables");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='rows')"),
            "Invalid FLUSH_POLICY format 'rows'. Expected 'key:value'");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='rows:x')"),
            "Invalid FLUSH_POLICY format 'rows:x'. Expected 'key:value'");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='size:5')"), "Unknown FLUSH_POLICY key 'size'");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='')"), "FLUSH_POLICY must specify 'rows' or 'interval' > 0");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='rows:0')"),
            "FLUSH_POLICY must specify 'rows' or 'interval' > 0");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='rows:1000000')"), "Row limit must be less than 1,000,000");
  EXPECT_EQ(OptionMessage("FLUSH ROWS 1000000"), "Row limit must be less than 1,000,000");
  EXPECT_EQ(OptionMessage("WITH (FLUSH_POLICY='interval:86400')"),
            "Interval must be less than 86400 seconds (24 hours)");
  EXPECT_EQ(WithOptions("WITH (FLUSH_POLICY='rows:999999,interval:86399')").options.flush_rows, 999999);
  EXPECT_EQ(OptionMessage("WITH (STORAGE_ID='a/b')"),
            "Invalid STORAGE_ID 'a/b'. Only alphanumeric, underscore, and hyphen allowed.");
  EXPECT_EQ(OptionMessage("ACCESS LEVEL secret"),
            "Invalid ACCESS_LEVEL 'secret'. Supported: PUBLIC, PRIVATE, RESTRICTED, DBA");
  EXPECT_EQ(OptionMessage("WITH (foo = 1)"), "Unknown table option 'FOO'");
  EXPECT_THAT(OptionMessage("WITH (TYPE='STREAM', TTL_SECONDS=0)"), HasSubstr("Invalid TTL_SECONDS '0'"));
  EXPECT_THAT(OptionMessage("WITH (TYPE='STREAM', TTL_SECONDS=99999999999999999999)"),
              HasSubstr("Invalid TTL_SECONDS"));
  EXPECT_THAT(OptionMessage("WITH (DELETED_RETENTION_HOURS=-1)"),
              HasSubstr("Invalid DELETED_RETENTION_HOURS '-1'"));
  for (std::string_view options : {"WITH", "WITH (TYPE)", "WITH (TYPE=)", "WITH (TYPE='USER' X=1)", "FLUSH",
                                   "FLUSH ROWS", "TTL", "ACCESS", "STORAGE", "whatever", "USING"}) {
    EXPECT_EQ(Failed("CREATE TABLE t (id INT) " + std::string(options)).code, ErrorCode::kSyntax) << options;
  }
}

TEST(CreateTableTest, MessagesComeInTheProtocolsOrder) {
  EXPECT_THAT(CreateMessage("CREATE STREAM TABLE t (id MONEY, \"a b\" INT) WITH (foo=1)"),
              HasSubstr("Invalid column name"));
  EXPECT_THAT(CreateMessage("CREATE STREAM TABLE t (id MONEY, id INT) WITH (foo=1)"),
              HasSubstr("STREAM tables must"));
  EXPECT_THAT(OptionMessage("WITH (foo=1, STORAGE_ID='/', FLUSH_POLICY='x')"),
              HasSubstr("FLUSH_POLICY format"));
  EXPECT_THAT(CreateMessage("CREATE TABLE t (id MONEY, id INT) WITH (foo=1)"),
              HasSubstr("Unknown table option"));
  EXPECT_THAT(CreateMessage("CREATE TABLE t (id MONEY, id INT)"), HasSubstr("Duplicate column"));
  EXPECT_THAT(CreateMessage("CREATE TABLE t (id MONEY PRIMARY KEY, b INT PRIMARY KEY)"),
              HasSubstr("Unsupported data type"));
}

TEST(CreateTableTest, MessagesAboutColumnsAndKeys) {
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a INT, A TEXT)"),
            "Duplicate column name 'a'. Column names are case-insensitive.");
  EXPECT_EQ(CreateMessage("CREATE TABLE t ()"), "Table must have at least one column");
  EXPECT_EQ(CreateMessage("CREATE TABLE t"), "Table must have at least one column");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (PRIMARY KEY (a))"), "Table must have at least one column");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a MONEY)"), "Unsupported data type: MONEY");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)"),
            "Multiple PRIMARY KEY definitions found");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a INT PRIMARY KEY, PRIMARY KEY (a))"),
            "Multiple PRIMARY KEY definitions found");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b))"),
            "Composite PRIMARY KEYs are not supported yet");
  EXPECT_EQ(CreateMessage("CREATE TABLE t (a INT, PRIMARY KEY (b))"),
            "PRIMARY KEY column 'b' not found in column list");
  EXPECT_EQ(DetailNumber(Failed("CREATE TABLE t (a INT, b MONEY)"), "column"), 26);
}

TEST(CreateTableTest, TableConstraints) {
  constexpr auto kForeignKey =
      "CREATE TABLE t (a INT, PRIMARY KEY (a), CONSTRAINT f FOREIGN KEY (a) REFERENCES x.y (z) ON DELETE SET "
      "NULL "
      "ON UPDATE NO ACTION MATCH FULL NOT DEFERRABLE INITIALLY IMMEDIATE)";
  for (std::string_view sql :
       {"CREATE TABLE t (a INT, PRIMARY KEY (A))",
        "CREATE TABLE t (a INT, CONSTRAINT pk PRIMARY KEY (a ASC),)",
        "CREATE TABLE t (a INT, UNIQUE (a), PRIMARY KEY (a))",
        "CREATE TABLE t (a INT, UNIQUE KEY k (a), CHECK (a > (1)), PRIMARY KEY (a))", kForeignKey}) {
    const auto table = Body<CreateTable>(sql);
    ASSERT_EQ(table.columns.size(), 1U) << sql;
    EXPECT_TRUE(table.columns[0].primary_key) << sql;
  }
  EXPECT_EQ(OneColumn("check INT").name, "check") << "a column may have a constraint's name";
  EXPECT_EQ(Failed("CREATE TABLE t (a INT, CHECK (a > 1)").code, ErrorCode::kSyntax);
  EXPECT_EQ(Failed("CREATE TABLE t (a INT, FOREIGN KEY (a))").code, ErrorCode::kSyntax);
}

TEST(CreateTableTest, ColumnConstraints) {
  const auto column = OneColumn(
      "c INT CONSTRAINT x NOT NULL UNIQUE CHECK (c > 0) REFERENCES o (id) ON DELETE CASCADE COLLATE nocase "
      "DEFAULT 5");
  EXPECT_EQ(column.nullable, false);
  EXPECT_EQ(column.default_value.expression, "5");
  for (std::string_view definition :
       {"c BIGINT AUTO_INCREMENT", "c BIGINT auto_increment", "c BIGINT AUTO INCREMENT",
        "c BIGINT AUTOINCREMENT", "c BIGINT GENERATED ALWAYS AS IDENTITY",
        "c BIGINT GENERATED BY DEFAULT AS IDENTITY (START WITH 1)", "c BIGINT IDENTITY(1,1)", "c SERIAL",
        "c BIGSERIAL", "c SMALLSERIAL", "c SERIAL8", "c serial4"}) {
    EXPECT_TRUE(OneColumn(definition).auto_increment) << definition;
  }
  EXPECT_FALSE(OneColumn("c BIGINT").auto_increment);
  EXPECT_EQ(Message("CREATE TABLE t (c INT NULL NOT NULL)"), "Conflicting NULL and NOT NULL for column 'c'");
  EXPECT_EQ(Message("CREATE TABLE t (c INT DEFAULT 1 DEFAULT 2)"), "Multiple DEFAULT values for column 'c'");
  EXPECT_THAT(Message("CREATE TABLE t (c INT GENERATED ALWAYS AS (a + 1) STORED)"),
              HasSubstr("Generated columns"));
  for (std::string_view definition :
       {"c", "c INT NOT", "c INT PRIMARY", "c INT CONSTRAINT x", "c INT FOO", "c INT CHECK",
        "c INT GENERATED", "c INT REFERENCES", "5 INT", "c 'INT'"}) {
    EXPECT_EQ(Failed("CREATE TABLE t (" + std::string(definition) + ")").code, ErrorCode::kSyntax)
        << definition;
  }
}

TEST(CreateTableTest, TypeSpellings) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"bool", "BOOLEAN"},
      {"double precision", "DOUBLE"},
      {"DOUBLE", "DOUBLE"},
      {"character varying(20)", "TEXT"},
      {"CHAR VARYING", "TEXT"},
      {"varchar(255)", "TEXT"},
      {"char", "TEXT"},
      {"MEDIUMTEXT", "TEXT"},
      {"LongString", "TEXT"},
      {"ENUM('a', 'b')", "TEXT"},
      {"SET('a')", "TEXT"},
      {"ARRAY<ARRAY<INT>>", "TEXT"},
      {"STRUCT<a INT, b TEXT>", "TEXT"},
      {"STRUCT(a INT)", "TEXT"},
      {"INT[]", "TEXT"},
      {"INT[3][]", "TEXT"},
      {"INT ARRAY", "TEXT"},
      {"DECIMAL", "DECIMAL(38, 10)"},
      {"numeric(5)", "DECIMAL(5, 0)"},
      {"DECIMAL(10, 2)", "DECIMAL(10, 2)"},
      {"EMBEDDING(384)", "EMBEDDING(384)"},
      {"TIMESTAMP", "TIMESTAMP"},
      {"TIMESTAMP(6) WITH TIME ZONE", "TIMESTAMP"},
      {"timestamp without time zone", "TIMESTAMP"},
      {"TIME(3) WITHOUT TIME ZONE", "TIME"},
      {"bytea", "BYTES"},
      {"jsonb", "JSON"},
      {"uuid", "UUID"},
      {"FILE", "FILE"},
      {"int8", "BIGINT"},
      {"SIGNED", "INT"},
  };
  for (const auto& [written, name] : rows) EXPECT_EQ(TypeOf(written), name) << written;
}

TEST(CreateTableTest, TypeMessages) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"MONEY", "Unsupported data type: MONEY"},
      {"INT UNSIGNED", "Unsupported data type: INT UNSIGNED"},
      {"TINYINT", "Unsupported data type: TINYINT"},
      {"TIME WITH TIME ZONE", "Unsupported data type: TIME WITH TIME ZONE"},
      {"EMBEDDING", "EMBEDDING type requires exactly one dimension parameter, e.g., EMBEDDING(384)"},
      {"EMBEDDING(1, 2)", "EMBEDDING type requires exactly one dimension parameter, e.g., EMBEDDING(384)"},
      {"EMBEDDING(x)", "EMBEDDING dimension must be a positive integer, got 'x'"},
      {"EMBEDDING(-1)", "EMBEDDING dimension must be a positive integer, got '-1'"},
      {"EMBEDDING(0)", "EMBEDDING dimension must be at least 1"},
      {"EMBEDDING(8193)", "EMBEDDING dimension must be at most 8192 (found 8193)"},
      {"DECIMAL(39)", "DECIMAL precision must be between 1 and 38, got 39"},
      {"DECIMAL(2, 3)", "DECIMAL scale (3) cannot exceed precision (2)"},
      {"DECIMAL(1, 2, 3)", "Too many arguments of type DECIMAL"},
      {"VARCHAR(max)", "Invalid argument 'max' of type VARCHAR"},
      {"DECIMAL(99999999999999999999)",
       "DECIMAL precision must be between 1 and 38, got 9223372036854775807"},
  };
  for (const auto& [type, message] : rows) {
    EXPECT_EQ(CreateMessage("CREATE TABLE t (c " + std::string(type) + ")"), message);
  }
  for (std::string_view type : {"VARCHAR(", "VARCHAR()", "DECIMAL(1", "ARRAY<INT", "INT[", "ENUM('a'"}) {
    EXPECT_EQ(Failed("CREATE TABLE t (c " + std::string(type)).code, ErrorCode::kSyntax) << type;
  }
}

TEST(CreateTableTest, Defaults) {
  EXPECT_EQ(DefaultOf("5"), "5");
  EXPECT_EQ(DefaultOf("-5"), "-5");
  EXPECT_EQ(DefaultOf("+1.5"), "1.5");
  EXPECT_EQ(DefaultOf("- .5e3"), "-.5e3");
  EXPECT_EQ(DefaultOf("((-7))"), "-7");
  EXPECT_EQ(DefaultOf("'it''s'"), "'it''s'");
  EXPECT_EQ(DefaultOf("$$it's$$"), "'it''s'");
  EXPECT_EQ(DefaultOf("null"), "NULL");
  EXPECT_EQ(DefaultOf("true"), "TRUE");
  EXPECT_EQ(DefaultOf("False NOT NULL"), "FALSE");
  EXPECT_EQ(DefaultOf("'a'::text"), "'a'");
  EXPECT_EQ(DefaultOf("('a'::varchar(5))::text"), "'a'");
  EXPECT_EQ(DefaultOf("CAST('5' AS INT)"), "'5'");
  EXPECT_EQ(DefaultOf("DATE '2024-01-31'"), "'2024-01-31'");
  const std::pair<std::string_view, DefaultKind> functions[] = {
      {"NOW()", DefaultKind::kNow},
      {"now", DefaultKind::kNow},
      {"CURRENT_TIMESTAMP", DefaultKind::kNow},
      {"CURRENT_TIMESTAMP()", DefaultKind::kNow},
      {"snowflake_id()", DefaultKind::kSnowflakeId},
      {"UUID_V7()", DefaultKind::kUuidV7},
      {"(ULID())", DefaultKind::kUlid},
      {"CURRENT_USER", DefaultKind::kCurrentUser},
      {"CURRENT_USER()", DefaultKind::kCurrentUser}};
  for (const auto& [text, kind] : functions) {
    EXPECT_EQ(OneColumn("c TEXT DEFAULT " + std::string(text)).default_value.kind, kind) << text;
  }
  EXPECT_EQ(DefaultOf("current_timestamp"), "NOW()");
  EXPECT_EQ(Message("CREATE TABLE t (c INT DEFAULT ULID(5))"), "ULID() takes no arguments");
  for (std::string_view text :
       {"foo", "random()", "1 + 1)", "(1 + 1)", "- 'a'", "0xFF", "CAST(CAST(1 AS INT) AS INT)"}) {
    const Error error = Failed("CREATE TABLE t (c INT DEFAULT " + std::string(text) + ")");
    EXPECT_TRUE(error.code == ErrorCode::kSyntax ||
                error.message.starts_with("Unsupported DEFAULT expression at "))
        << text << ": " << error.message;
  }
  EXPECT_EQ(Failed("CREATE TABLE t (c INT DEFAULT").code, ErrorCode::kSyntax);
}

TEST(AlterTableTest, Operations) {
  const auto add = Body<AlterTable>("ALTER TABLE App.T ADD COLUMN Age INT NOT NULL DEFAULT 5");
  EXPECT_EQ(add.table, (TableRef{"app", "t"}));
  EXPECT_EQ(add.op, AlterTable::Op::kAddColumn);
  EXPECT_EQ(add.column.name, "age");
  EXPECT_EQ(add.column.nullable, false);
  EXPECT_EQ(add.column.default_value.expression, "5");
  EXPECT_EQ(Body<AlterTable>("ALTER USER TABLE t ADD a TEXT").column.name, "a");
  EXPECT_EQ(Body<AlterTable>("ALTER STREAM TABLE t DROP COLUMN firstName").column.name, "firstname");
  EXPECT_EQ(Body<AlterTable>("ALTER SHARED TABLE t DROP a").op, AlterTable::Op::kDropColumn);
  const auto modify = Body<AlterTable>("ALTER TABLE t MODIFY COLUMN a DECIMAL(10, 2) NULL");
  EXPECT_EQ(modify.op, AlterTable::Op::kModifyColumn);
  EXPECT_EQ(SqlName(modify.column.type), "DECIMAL(10, 2)");
  EXPECT_EQ(modify.column.nullable, true);
  EXPECT_EQ(Body<AlterTable>("ALTER TABLE t MODIFY a BIGINT").column.nullable, std::nullopt);
  EXPECT_EQ(Body<AlterTable>("ALTER TABLE t ALTER COLUMN A SET NOT NULL").op, AlterTable::Op::kSetNotNull);
  EXPECT_EQ(Body<AlterTable>("ALTER TABLE t ALTER a DROP NOT NULL").op, AlterTable::Op::kDropNotNull);
  const auto set_default = Body<AlterTable>("ALTER TABLE t ALTER COLUMN a SET DEFAULT (-1)");
  EXPECT_EQ(set_default.op, AlterTable::Op::kSetDefault);
  EXPECT_EQ(set_default.column.default_value.expression, "-1");
  EXPECT_EQ(Body<AlterTable>("ALTER TABLE t ALTER COLUMN a DROP DEFAULT").op, AlterTable::Op::kDropDefault);
  const auto rename = Body<AlterTable>("ALTER TABLE t RENAME COLUMN Old TO \"New\"");
  EXPECT_EQ(rename.op, AlterTable::Op::kRenameColumn);
  EXPECT_EQ(rename.column.name, "old");
  EXPECT_EQ(rename.new_name, "new");
  EXPECT_EQ(Body<AlterTable>("ALTER TABLE t SET ACCESS LEVEL PUBLIC").access_level, AccessLevel::kPublic);
  const auto properties = Body<AlterTable>("ALTER TABLE t SET TBLPROPERTIES (ACCESS_LEVEL = 'dba')");
  EXPECT_EQ(properties.op, AlterTable::Op::kSetAccessLevel);
  EXPECT_EQ(properties.access_level, AccessLevel::kDba);
}

TEST(AlterTableTest, Messages) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"ALTER COLUMN a TYPE INT", "Unsupported ALTER COLUMN operation"},
      {"ALTER COLUMN a SET DATA TYPE INT", "Unsupported ALTER COLUMN operation"},
      {"RENAME TO b", "Unsupported ALTER TABLE operation"},
      {"ADD INDEX i (a)", "Unsupported ALTER TABLE operation"},
      {"ADD CONSTRAINT c CHECK (a > 1)", "Unsupported ALTER TABLE operation"},
      {"ADD PRIMARY KEY (a)", "Unsupported ALTER TABLE operation"},
      {"DROP CONSTRAINT c", "Unsupported ALTER TABLE operation"},
      {"OWNER TO b", "Unsupported ALTER TABLE operation"},
      {"ADD COLUMN a INT, ADD COLUMN b INT", "Only one ALTER TABLE operation is supported per statement"},
      {"DROP COLUMN a, DROP COLUMN b", "Only one ALTER TABLE operation is supported per statement"},
      {"DROP COLUMN a, b", "ALTER TABLE only supports dropping one column at a time"},
      {"DROP COLUMN a CASCADE", "DROP COLUMN CASCADE/RESTRICT is not supported"},
      {"DROP COLUMN IF EXISTS a", "DROP COLUMN IF EXISTS is not supported"},
      {"ADD COLUMN IF NOT EXISTS a INT", "ADD COLUMN IF NOT EXISTS is not supported"},
      {"ADD COLUMN a INT FIRST", "Column position modifiers (FIRST/AFTER) are not supported"},
      {"ADD COLUMN a INT AFTER b", "Column position modifiers (FIRST/AFTER) are not supported"},
      {"MODIFY a INT FIRST", "Column position modifiers (FIRST/AFTER) are not supported"},
      {"ADD COLUMN a INT PRIMARY KEY", "Column 'a' cannot become the PRIMARY KEY of an existing table"},
      {"ADD COLUMN a MONEY", "Unsupported data type: MONEY"},
      {"MODIFY a INT DEFAULT 5",
       "MODIFY COLUMN changes type and nullability only. Use ALTER COLUMN a SET DEFAULT"},
      {"SET ACCESS LEVEL secret",
       "Invalid ACCESS_LEVEL 'secret'. Supported: PUBLIC, PRIVATE, RESTRICTED, DBA"},
      {"SET TBLPROPERTIES (a = 1)", "Unknown table property 'A'. Supported: ACCESS_LEVEL"},
      {"SET x = 1", "Unsupported ALTER TABLE operation"},
      {"ADD COLUMN \"a b\" INT",
       "Invalid column name 'a b'. Only alphanumeric characters and underscores are allowed."},
  };
  for (const auto& [operation, message] : rows) {
    const std::string found = Message("ALTER TABLE t " + std::string(operation));
    EXPECT_EQ(found.substr(0, found.find(". Hint: ")), message);
  }
  for (std::string_view operation :
       {"", "ADD", "ADD COLUMN a", "DROP COLUMN", "RENAME COLUMN a", "RENAME COLUMN a TO", "ALTER COLUMN",
        "SET ACCESS LEVEL", "DROP a b", "SET TBLPROPERTIES ACCESS_LEVEL"}) {
    EXPECT_EQ(Failed("ALTER TABLE t " + std::string(operation)).code, ErrorCode::kSyntax) << operation;
  }
}

TEST(TableTest, DropShowDescribe) {
  const auto drop = Body<DropTable>("DROP TABLE IF EXISTS App.T");
  EXPECT_EQ(drop.table, (TableRef{"app", "t"}));
  EXPECT_TRUE(drop.if_exists);
  EXPECT_EQ(Body<DropTable>("DROP USER TABLE t").table, (TableRef{"", "t"}));
  EXPECT_EQ(Body<DropTable>("drop stream table kalam.a.t").table, (TableRef{"a", "t"}));
  EXPECT_EQ(Failed("DROP TABLE a, b").code, ErrorCode::kSyntax);

  EXPECT_EQ(Body<ShowTables>("SHOW TABLES").ns, std::nullopt);
  EXPECT_EQ(Body<ShowTables>("SHOW TABLES IN App").ns, "app");
  EXPECT_EQ(Body<ShowTables>("SHOW TABLES IN NAMESPACE app").ns, "app");
  EXPECT_EQ(Body<ShowTables>("SHOW TABLES FROM app").ns, "app");
  EXPECT_EQ(Message("SHOW TABLES IN"), "Namespace name required after IN");
  EXPECT_EQ(Message("SHOW TABLES IN NAMESPACE"), "Namespace name required after IN");

  for (std::string_view sql : {"DESCRIBE TABLE a.T", "DESC TABLE a.t", "DESCRIBE a.t", "desc \"a\".t"}) {
    EXPECT_EQ(Body<DescribeTable>(sql).table, (TableRef{"a", "t"})) << sql;
  }
  EXPECT_TRUE(Body<DescribeTable>("DESCRIBE TABLE t HISTORY").history);
  EXPECT_EQ(Failed("DESCRIBE").code, ErrorCode::kSyntax);
  EXPECT_EQ(Failed("DESCRIBE SELECT 1").code, ErrorCode::kSyntax);
}

}  // namespace
}  // namespace kalam::sql
