// Classification, EXECUTE AS USER, statements that are not built, and the small statement groups.
#include "sql/parse/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "sql/parse/parse_testing.h"
#include "sql/parse/subscription_query.h"

namespace kalam::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(ClassifyTest, DataStatements) {
  const std::pair<std::string_view, StatementKind> rows[] = {
      {"SELECT 1", StatementKind::kSelect},
      {"select 1", StatementKind::kSelect},
      {"VALUES (1)", StatementKind::kSelect},
      {"FROM t", StatementKind::kSelect},
      {"(SELECT 1) UNION (SELECT 2)", StatementKind::kSelect},
      {"((VALUES (1)))", StatementKind::kSelect},
      {"(WITH a AS (SELECT 1) SELECT * FROM a)", StatementKind::kSelect},
      {"INSERT INTO t VALUES (1)", StatementKind::kInsert},
      {"UPDATE t SET a = 1 WHERE id = 1", StatementKind::kUpdate},
      {"delete from t where id = 1", StatementKind::kDelete},
      {"EXPLAIN SELECT 1", StatementKind::kExplain},
      {"WITH a AS (SELECT 1) SELECT * FROM a", StatementKind::kSelect},
      {"WITH a AS (SELECT 1), b (x) AS MATERIALIZED (SELECT 2) DELETE FROM t WHERE id IN (SELECT x FROM b)",
       StatementKind::kDelete},
      {"WITH RECURSIVE delete AS (SELECT 1) SELECT * FROM delete", StatementKind::kSelect},
      {"WITH a AS (SELECT (1)) INSERT INTO t SELECT * FROM a", StatementKind::kInsert},
      {"WITH a AS (SELECT 1) UPDATE t SET a = 1", StatementKind::kUpdate},
      {"WITH", StatementKind::kSelect},
  };
  for (const auto& [sql, kind] : rows) {
    const Statement statement = Parsed(sql);
    EXPECT_EQ(statement.kind, kind) << sql;
    EXPECT_EQ(statement.text, sql);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(statement.body));
  }
}

TEST(ClassifyTest, UnknownStatementsAreNamed) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"COPY t FROM 'x'", "COPY"},
      {"ATTACH 'x'", "ATTACH"},
      {"pragma foo", "PRAGMA"},
      {"INSTALL x", "INSTALL"},
      {"LOAD x", "LOAD"},
      {"CALL f()", "CALL"},
      {"VACUUM", "VACUUM"},
      {"GRANT ALL", "GRANT"},
      {"TRUNCATE t", "TRUNCATE"},
      {"PREPARE p AS SELECT 1", "PREPARE"},
      {"EXECUTE p", "EXECUTE"},
      {"CREATE INDEX i ON t (a)", "CREATE INDEX"},
      {"CREATE TEMP TABLE t (a INT)", "CREATE TEMP"},
      {"CREATE OR REPLACE TABLE t (a INT)", "CREATE OR"},
      {"CREATE", "CREATE"},
      {"ALTER SEQUENCE s", "ALTER SEQUENCE"},
      {"SHOW CREATE TABLE t", "SHOW CREATE"},
      {"START 5", "START"},
      {"SAVEPOINT s", "SAVEPOINT"},
      {"MERGE INTO t", "MERGE"},
      {"EXPORT DATABASE 'x'", "EXPORT DATABASE"},
      {"CREATE SHARED VIEW v", "CREATE SHARED"},
  };
  for (const auto& [sql, name] : rows) {
    const Error error = Failed(sql);
    EXPECT_EQ(error.code, ErrorCode::kInvalidSql) << sql;
    EXPECT_EQ(error.message.substr(0, error.message.find(". Hint: ")),
              "Unsupported statement type: " + std::string(name));
  }
  EXPECT_EQ(Failed("SHOW USERS").message,
            "Unsupported statement type: SHOW USERS. Hint: SELECT * FROM system.users");
}

TEST(ClassifyTest, TextThatStartsWithNoVerbIsASyntaxError) {
  for (std::string_view sql : {"SELEC 1", "foo bar", "5", "'a'", "\"SELECT\" 1", "(", "(5)", ")", "= 1", "$1",
                               "( INSERT INTO t VALUES (1))"}) {
    const Error error = Failed(sql);
    EXPECT_EQ(error.code, ErrorCode::kSyntax) << sql;
    EXPECT_THAT(error.message,
                HasSubstr("SQL syntax error at line 1, column 1: expected a statement, found "));
  }
}

TEST(ClassifyTest, PlannedStatementsSaySo) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"},
      {"ALTER TABLE t CREATE VECTOR INDEX v", "ALTER TABLE CREATE VECTOR INDEX"},
      {"ALTER TABLE t DROP INDEX v", "ALTER TABLE DROP INDEX"},
  };
  for (const auto& [sql, name] : rows) {
    const Error error = Failed(sql);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << sql;
    EXPECT_EQ(error.message, std::string(name) + " is not supported yet");
    EXPECT_EQ(DetailText(error, "feature"), name);
  }
}

TEST(StorageTaskTest, BothSpellings) {
  for (const bool storage : {false, true}) {
    const std::string lead = storage ? "STORAGE " : "";
    const Statement flush = Parsed(lead + "FLUSH TABLE App.Notes");
    EXPECT_EQ(flush.kind, StatementKind::kFlushTable);
    EXPECT_EQ(std::get<FlushTable>(flush.body).table, (TableRef{"app", "notes"}));
    EXPECT_EQ(std::get<FlushTable>(flush.body).storage_word, storage);
    EXPECT_EQ(Parsed(lead + "COMPACT TABLE app.notes").kind, StatementKind::kCompactTable);
    const Statement all = Parsed(lead + "FLUSH ALL");
    EXPECT_EQ(all.kind, StatementKind::kFlushAll);
    EXPECT_EQ(std::get<FlushAll>(all.body).ns, std::nullopt);
    EXPECT_EQ(std::get<FlushAll>(Parsed(lead + "FLUSH ALL IN app").body).ns, "app");
    EXPECT_EQ(std::get<FlushAll>(Parsed(lead + "FLUSH ALL TABLES IN NAMESPACE app").body).ns, "app");
    EXPECT_EQ(Parsed(lead + "COMPACT ALL IN app").kind, StatementKind::kCompactAll);
  }
}

TEST(StorageTaskTest, Mistakes) {
  EXPECT_EQ(Failed("STORAGE FLUSH TABLE notes").message,
            "Table name must be qualified (namespace.table) for STORAGE FLUSH TABLE");
  EXPECT_EQ(Failed("COMPACT TABLE notes").message,
            "Table name must be qualified (namespace.table) for COMPACT TABLE");
  EXPECT_EQ(Failed("STORAGE FLUSH TABLE a.b now").message,
            "Unexpected tokens after STORAGE FLUSH TABLE. Found: now");
  EXPECT_EQ(Failed("STORAGE FLUSH ALL FROM a").message, "Expected STORAGE FLUSH ALL IN namespace");
  EXPECT_EQ(Failed("FLUSH ALL TABLES IN").message, "Namespace name required after IN");
}

TEST(BackupTest, EveryScope) {
  const auto body = [](std::string_view sql) { return std::get<BackupRestore>(Parsed(sql).body); };
  EXPECT_EQ(Parsed("BACKUP DATABASE TO '/b'").kind, StatementKind::kBackup);
  EXPECT_EQ(body("BACKUP DATABASE TO '/b'").path, "/b");
  EXPECT_EQ(body("BACKUP DATABASE TO '/b'").ns, "");
  EXPECT_EQ(body("BACKUP NAMESPACE App TO '/b'").ns, "app");
  EXPECT_EQ(body("BACKUP TABLE app.Notes TO '/b'").table, "notes");
  EXPECT_EQ(body("backup database app to '/b'").ns, "app");
  EXPECT_FALSE(body("RESTORE TABLE app.notes FROM '/b'").overwrite);
  EXPECT_TRUE(body("RESTORE DATABASE FROM '/b' OVERWRITE").overwrite);
  EXPECT_EQ(Failed("BACKUP DATABASE TO /b").message, "Backup path must be quoted");
  EXPECT_EQ(Failed("BACKUP TABLE notes TO '/b'").message,
            "Table name must be qualified (namespace.table) for BACKUP TABLE");
  EXPECT_EQ(Failed("BACKUP DATABASE TO '/b' OVERWRITE").code, ErrorCode::kSyntax);
}

TEST(ExportTest, OwnDataOnly) {
  EXPECT_EQ(Parsed("EXPORT USER DATA").kind, StatementKind::kExportUserData);
  EXPECT_EQ(Parsed("show export").kind, StatementKind::kShowExport);
  EXPECT_EQ(Failed("EXPORT USER DATA bob").message, "Unexpected tokens after EXPORT USER DATA: 'bob'");
}

TEST(KillJobTest, IdInEveryForm) {
  for (const std::string_view sql : {"KILL JOB 'FL-0a'", "KILL JOB \"FL-0a\"", "kill job FL-0a"}) {
    EXPECT_EQ(std::get<KillJob>(Parsed(sql).body).job_id, "FL-0a") << sql;
  }
  EXPECT_EQ(Failed("KILL JOB").message, "KILL JOB requires a job_id");
  EXPECT_EQ(Failed("KILL JOB ''").message, "KILL JOB requires a non-empty job_id");
}

TEST(ClassifyTest, CommentsAndCaseDoNotMatter) {
  EXPECT_EQ(Parsed("/* a */ create -- b\n namespace x").kind, StatementKind::kCreateNamespace);
  EXPECT_EQ(Parsed("Show\tTables").kind, StatementKind::kShowTables);
}

TEST(ClassifyTest, SyntaxErrorsCarryTheirPlace) {
  const Error error = Failed("DROP TABLE\n  a.");
  EXPECT_EQ(error.code, ErrorCode::kSyntax);
  EXPECT_EQ(error.message,
            "SQL syntax error at line 2, column 5: expected table name, found end of statement");
  EXPECT_EQ(DetailNumber(error, "line"), 2);
  EXPECT_EQ(DetailNumber(error, "column"), 5);
  EXPECT_EQ(DetailText(error, "token"), "");
  EXPECT_EQ(DetailText(error, "expected"), "table name");
  EXPECT_EQ(DetailText(Failed("DROP TABLE a b"), "token"), "b");
}

TEST(ClassifyTest, NamesOfKinds) {
  EXPECT_EQ(StatementName(StatementKind::kCreateNamespace), "CREATE NAMESPACE");
  EXPECT_EQ(StatementTypeName(StatementKind::kCreateNamespace), "CreateNamespace");
  EXPECT_EQ(StatementName(StatementKind::kRollback), "ROLLBACK");
}

TEST(ExecuteAsTest, Unwraps) {
  const Statement statement = Parsed("EXECUTE AS USER 'o''neil' ( DELETE FROM t WHERE a = ')' ; )");
  EXPECT_EQ(statement.execute_as, "o'neil");
  EXPECT_EQ(statement.kind, StatementKind::kDelete);
  EXPECT_EQ(statement.text, "DELETE FROM t WHERE a = ')'");
  EXPECT_EQ(Parsed("execute as user alice(SELECT 1)").execute_as, "alice");
  EXPECT_EQ(Parsed("EXECUTE AS USER a@b.c (SHOW TABLES)").execute_as, "a@b.c");
  EXPECT_EQ(Parsed("EXECUTE AS USER \"Alice\" (SELECT (1))").execute_as, "Alice");
  EXPECT_EQ(Parsed("SELECT 1").execute_as, std::nullopt);

  const auto split = SplitStatements("EXECUTE AS USER a (SELECT 'x')");
  const auto unwrapped = UnwrapExecuteAs(split->at(0));
  ASSERT_TRUE(unwrapped.has_value() && unwrapped->has_value());
  const StatementText& inner = (*unwrapped)->inner;
  ASSERT_EQ(inner.tokens.size(), 2U);
  EXPECT_EQ(inner.text.substr(inner.tokens[1].offset, 3), "'x'");
}

TEST(ExecuteAsTest, RefusesBrokenEnvelopes) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"EXECUTE AS USER '' (SELECT 1)", "username cannot be empty"},
      {"EXECUTE AS USER (SELECT 1)", "username cannot be empty"},
      {"EXECUTE AS USER", "username cannot be empty"},
      {"EXECUTE AS USER 'a' SELECT 1", "must wrap SQL in parentheses"},
      {"EXECUTE AS USER 'a'", "must wrap SQL in parentheses"},
      {"EXECUTE AS USER 'a' (SELECT 1", "missing closing ')'"},
      {"EXECUTE AS USER 'a' (SELECT (1)", "missing closing ')'"},
      {"EXECUTE AS USER 'a' ()", "requires a non-empty inner SQL statement"},
      {"EXECUTE AS USER 'a' ( ; )", "requires a non-empty inner SQL statement"},
      {"EXECUTE AS USER 'a' (SELECT 1) SELECT 2", "must contain exactly one wrapped SQL statement"},
      {"EXECUTE AS USER 'a' (SELECT 1) (SELECT 2)", "must contain exactly one wrapped SQL statement"},
      {"EXECUTE AS USER 'a' (SELECT 1; SELECT 2)", "can only wrap a single SQL statement"},
      {"EXECUTE AS USER 'a' (EXECUTE AS USER 'b' (SELECT 1))", "cannot be nested"},
  };
  for (const auto& [sql, what] : rows) {
    const Error error = Failed(sql);
    EXPECT_EQ(error.code, ErrorCode::kInvalidInput) << sql;
    EXPECT_EQ(error.message, "EXECUTE AS USER " + std::string(what));
  }
  EXPECT_EQ(Failed("EXECUTE AS ROLE a (SELECT 1)").code, ErrorCode::kSyntax);
}

TEST(NamespaceTest, CreateAndDrop) {
  const auto create = Body<CreateNamespace>("CREATE NAMESPACE App");
  EXPECT_EQ(create.name, "app");
  EXPECT_FALSE(create.if_not_exists);
  EXPECT_TRUE(Body<CreateNamespace>("CREATE NAMESPACE IF NOT EXISTS app").if_not_exists);
  EXPECT_EQ(Body<CreateNamespace>("CREATE NAMESPACE a/b").name, "a/b") << "the handler names what is wrong";
  EXPECT_EQ(Body<CreateNamespace>("CREATE NAMESPACE my-ns").name, "my-ns");
  EXPECT_EQ(Body<CreateNamespace>("CREATE NAMESPACE \"Two Words\"").name, "two words");
  EXPECT_EQ(Body<CreateNamespace>("CREATE NAMESPACE ''").name, "");
  EXPECT_EQ(Message("CREATE NAMESPACE"), "Entity name is required after CREATE NAMESPACE");
  EXPECT_EQ(Message("CREATE NAMESPACE IF NOT EXISTS"), "Entity name is required after CREATE NAMESPACE");
  EXPECT_EQ(Failed("CREATE NAMESPACE a b").code, ErrorCode::kSyntax);

  const auto drop = Body<DropNamespace>("DROP NAMESPACE IF EXISTS app CASCADE");
  EXPECT_EQ(drop.name, "app");
  EXPECT_TRUE(drop.if_exists);
  EXPECT_TRUE(drop.cascade);
  EXPECT_FALSE(Body<DropNamespace>("DROP NAMESPACE app RESTRICT").cascade);
  EXPECT_EQ(Message("DROP NAMESPACE"), "Entity name is required after DROP NAMESPACE");
}

TEST(NamespaceTest, Alter) {
  const auto alter = Body<AlterNamespace>(
      "ALTER NAMESPACE App SET OPTIONS (a = 'it''s \"x\"\n', b = true, c = -7, d = .5, e = 007, \"f\" = "
      "1.5e3, g = false)");
  EXPECT_EQ(alter.name, "app");
  EXPECT_THAT(alter.options,
              ElementsAre(Pair("a", "\"it's \\\"x\\\"\\u000a\""), Pair("b", "true"), Pair("c", "-7"),
                          Pair("d", "0.5"), Pair("e", "7"), Pair("f", "1.5e+3"), Pair("g", "false")));
  EXPECT_TRUE(Body<AlterNamespace>("alter namespace a set options ()").options.empty());
  EXPECT_EQ(Message("ALTER NAMESPACE"), "Entity name is required after ALTER NAMESPACE");
  EXPECT_EQ(Message("ALTER NAMESPACE a"), "Expected SET OPTIONS clause");
  EXPECT_EQ(Message("ALTER NAMESPACE a RENAME TO b"), "Expected SET OPTIONS clause");
  EXPECT_EQ(Message("ALTER NAMESPACE a SET OPTIONS b = 1"), "Options must be enclosed in parentheses");
  EXPECT_EQ(Message("ALTER NAMESPACE a SET OPTIONS (b = 1"), "Options must be enclosed in parentheses");
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (b)"), HasSubstr("Invalid option format: 'b'"));
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (= 1)"), HasSubstr("Invalid option format: "));
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (b = 1 c = 2)"), HasSubstr("Invalid option format: "));
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (b = TRUE)"), HasSubstr("Invalid value format: 'TRUE'"));
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (b = )"), HasSubstr("Invalid value format: ''"));
  EXPECT_THAT(Message("ALTER NAMESPACE a SET OPTIONS (b = 1x)"), HasSubstr("Invalid value format: '1x'"));
}

TEST(NamespaceTest, ShowAndUse) {
  EXPECT_EQ(Parsed("SHOW NAMESPACES").kind, StatementKind::kShowNamespaces);
  EXPECT_EQ(Message("SHOW NAMESPACES x"), "Expected SHOW NAMESPACES statement");
  for (std::string_view sql :
       {"USE App", "use namespace app", "SET NAMESPACE app", "USE 'app'", "USE \"APP\"", "USE `app`"}) {
    EXPECT_EQ(Body<UseNamespace>(sql).name, "app") << sql;
  }
  EXPECT_EQ(Message("USE"), "USE requires a namespace name");
  EXPECT_EQ(Message("USE NAMESPACE"), "USE requires a namespace name");
  EXPECT_EQ(Message("USE ''"), "USE requires a namespace name");
}

TEST(TransactionTest, AllSpellings) {
  for (std::string_view sql :
       {"BEGIN", "BEGIN TRANSACTION", "begin work", "START TRANSACTION",
        "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE", "BEGIN IMMEDIATE"}) {
    EXPECT_EQ(Parsed(sql).kind, StatementKind::kBegin) << sql;
  }
  EXPECT_EQ(Parsed("COMMIT").kind, StatementKind::kCommit);
  EXPECT_EQ(Parsed("COMMIT WORK AND NO CHAIN").kind, StatementKind::kCommit);
  EXPECT_EQ(Parsed("ROLLBACK TRANSACTION").kind, StatementKind::kRollback);
  EXPECT_EQ(Failed("BEGIN INSERT INTO t VALUES (1)").code, ErrorCode::kSyntax) << "a forgotten ;";
  EXPECT_EQ(Failed("ROLLBACK TO SAVEPOINT a").code, ErrorCode::kUnsupported);
}

TEST(UserTest, Create) {
  const auto user = Body<CreateUser>("CREATE USER 'Alice' WITH PASSWORD 'it''s' ROLE dba EMAIL 'a@b.c'");
  EXPECT_EQ(user.user_id, "Alice");
  EXPECT_EQ(user.auth, CreateUser::Auth::kPassword);
  EXPECT_EQ(user.secret, "it's");
  EXPECT_EQ(user.role, Role::kDba);
  EXPECT_EQ(user.email, "a@b.c");
  EXPECT_EQ(Body<CreateUser>("CREATE USER bob@x.y WITH INTERNAL ROLE 'Service'").user_id, "bob@x.y");
  EXPECT_EQ(Body<CreateUser>("CREATE USER b WITH INTERNAL ROLE service").auth, CreateUser::Auth::kInternal);
  EXPECT_EQ(Body<CreateUser>("CREATE USER b WITH OAUTH '{\"a\":1}' ROLE user").secret, "{\"a\":1}");
  EXPECT_EQ(Body<CreateUser>("CREATE USER b WITH OAUTH ROLE user").auth, CreateUser::Auth::kOauth);
  EXPECT_EQ(Body<CreateUser>("CREATE USER b WITH PASSWORD 'x'").role, Role::kUser);
  EXPECT_TRUE(Body<CreateUser>("CREATE USER IF NOT EXISTS b WITH PASSWORD 'x'").if_not_exists);
  const std::pair<std::string_view, Role> roles[] = {
      {"user", Role::kUser},       {"viewer", Role::kUser},       {"READONLY", Role::kUser},
      {"service", Role::kService}, {"developer", Role::kService}, {"Analyst", Role::kService},
      {"dba", Role::kDba},         {"admin", Role::kDba},         {"system", Role::kSystem}};
  for (const auto& [name, role] : roles) {
    EXPECT_EQ(Body<CreateUser>("CREATE USER b WITH INTERNAL ROLE " + std::string(name)).role, role) << name;
  }
}

TEST(UserTest, CreateMessages) {
  EXPECT_THAT(Message("CREATE USER"),
              HasSubstr("Expected username after CREATE USER. Hint: CREATE USER <name> WITH"));
  EXPECT_THAT(Message("CREATE USER a"), HasSubstr("Expected WITH after username. Hint: "));
  EXPECT_THAT(Message("CREATE USER a WITH 'x'"),
              HasSubstr("Expected PASSWORD, OAUTH, or INTERNAL after WITH. Hint: "));
  EXPECT_EQ(Message("CREATE USER a WITH PASSWORD"), "Password required for WITH PASSWORD");
  EXPECT_EQ(Message("CREATE USER a WITH PASSWORD ''"), "Password required for WITH PASSWORD");
  EXPECT_THAT(Message("CREATE USER a WITH PASSWORD 'x' RULE user"),
              HasSubstr("Expected ROLE keyword. Hint: "));
  EXPECT_THAT(Message("CREATE USER a WITH INTERNAL ROLE king"), HasSubstr("Invalid role 'king'. Hint: "));
  EXPECT_THAT(Message("CREATE USER a WITH INTERNAL ROLE user EMAIL x"), HasSubstr("after EMAIL. Hint: "));
}

TEST(UserTest, AlterAndDrop) {
  const auto password = Body<AlterUser>("ALTER USER Alice SET PASSWORD 'x'");
  EXPECT_EQ(password.user_id, "Alice");
  EXPECT_EQ(password.op, AlterUser::Op::kPassword);
  EXPECT_EQ(password.text, "x");
  EXPECT_EQ(Body<AlterUser>("ALTER USER a SET ROLE admin").role, Role::kDba);
  EXPECT_EQ(Body<AlterUser>("ALTER USER a SET EMAIL 'x@y.z'").text, "x@y.z");
  EXPECT_THAT(Message("ALTER USER a"), HasSubstr("Expected SET after username. Hint: "));
  EXPECT_THAT(Message("ALTER USER a SET NAME 'x'"),
              HasSubstr("Expected PASSWORD, ROLE, or EMAIL after SET. Hint: "));
  EXPECT_EQ(Body<DropUser>("DROP USER IF EXISTS \"Alice\"").user_id, "Alice");
  EXPECT_TRUE(Body<DropUser>("DROP USER IF EXISTS a").if_exists);
  EXPECT_THAT(Message("DROP USER"), HasSubstr("Expected username after DROP USER. Hint: "));
}

TEST(UserTest, PasswordsAreNeverShown) {
  for (std::string_view sql : {"CREATE USER a WITH PASSWORD 'sec' 'ret1' ROLE user",
                               "CREATE USER a WITH PASSWORD secret1", "CREATE USER a WITH 'secret1'",
                               "ALTER USER a SET PASSWORD secret1", "ALTER USER a SET PASSWORD \"secret1\"",
                               "ALTER USER a SET PASSWORD 'x' secret1", "ALTER USER a SET 'secret1'"}) {
    const Error error = Failed(sql);
    EXPECT_THAT(error.message, Not(HasSubstr("ret1"))) << sql;
    EXPECT_THAT(DetailText(error, "token"), Not(HasSubstr("ret1"))) << sql;
  }
}

TEST(SubscribeTest, TheTableStandsWhereItSays) {
  const auto at = [](const Subscribe& subscribe) {
    return subscribe.query.substr(subscribe.table_offset, subscribe.table_size);
  };
  const auto plain = Body<Subscribe>("SUBSCRIBE TO a.b");
  EXPECT_EQ(plain.query, "SELECT * FROM a.b");
  EXPECT_EQ(at(plain), "a.b");
  const auto full = Body<Subscribe>(
      "subscribe to select x, f(\"from\") from /* c */ kalam . \"A\" .b where a.b = 'a.b' options (last_rows "
      "= 3)");
  EXPECT_EQ(at(full), "kalam . \"A\" .b");
  EXPECT_EQ(full.table, (TableRef{"a", "b"}));
  EXPECT_EQ(full.last_rows, 3);
  EXPECT_FALSE(full.batch_size || full.from);
}

TEST(SubscribeTest, OptionsIsAKeywordOnlyAtTheEnd) {
  const auto column =
      Body<Subscribe>("SUBSCRIBE TO t WHERE options = 5 AND f(options (1)) OPTIONS (from = 9)");
  EXPECT_EQ(column.query, "SELECT * FROM t WHERE options = 5 AND f(options (1))");
  EXPECT_EQ(column.from, 9);
  EXPECT_EQ(Message("SUBSCRIBE TO t OPTIONS last_rows = 5"),
            "OPTIONS clause must be wrapped in parentheses, e.g., OPTIONS (last_rows=10)");
}

TEST(SubscribeTest, QueryParts) {
  const std::string sql = "SELECT a, (SELECT 1) FROM t WHERE a IN (SELECT b FROM u LIMIT 1) AND c = 1";
  const auto statements = SplitStatements(sql);
  ASSERT_TRUE(statements);
  const auto query = ReadSubscriptionQuery(statements->at(0));
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(sql.substr(query->columns_offset, query->columns_size), "a, (SELECT 1) ");
  EXPECT_EQ(sql.substr(query->where_offset, query->where_size), "a IN (SELECT b FROM u LIMIT 1) AND c = 1");
}

TEST(KillLiveQueryTest, IdsHaveThreeParts) {
  EXPECT_EQ(Body<KillLiveQuery>("KILL LIVE QUERY 'a-b-c-d'").live_id, "a-b-c-d");
  EXPECT_EQ(Body<KillLiveQuery>("KILL LIVE QUERY a-b-c").live_id, "a-b-c");
  for (const std::string_view sql : {"KILL LIVE QUERY 'a-b'", "KILL LIVE QUERY '-a-b'",
                                     "KILL LIVE QUERY 'a--b'", "KILL LIVE QUERY 'a-b-'"}) {
    EXPECT_NE(Message(sql).find("Invalid live_query_id format"), std::string::npos) << sql;
  }
}

}  // namespace
}  // namespace kalam::sql
