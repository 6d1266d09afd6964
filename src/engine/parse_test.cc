// Parse: kinds, errors, the allow-list, tables, parameters and simple forms. Nothing here opens DuckDB.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"

namespace kalam::engine {
namespace {

using testing::HasSubstr;

class ParseTest : public testing::Test {
 protected:
  Result<ParsedStatementPtr> Parse(std::string_view sql) { return engine_->Parse(sql); }
  ParsedStatementPtr Good(std::string_view sql) {
    Result<ParsedStatementPtr> parsed = Parse(sql);
    EXPECT_TRUE(parsed.has_value()) << sql << ": " << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : Parse("SELECT 1").value();
  }
  std::string Bad(std::string_view sql) {
    const Result<ParsedStatementPtr> parsed = Parse(sql);
    if (parsed) return "parsed";
    return fmt::format("{}: {}", ErrorCodeName(parsed.error().code), parsed.error().message);
  }
  std::string Tables(std::string_view sql) {
    const ParsedStatementPtr statement = Good(sql);
    std::string out;
    for (const TableName& name : statement->tables())
      out += fmt::format("{}{}.{}", out.empty() ? "" : " ", name.ns, name.table);
    return out;
  }

  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Engine> engine_ = std::move(Engine::Open({}, clock_, random_)).value();
};

// --- what would occupy the lexer for hours

std::string Times(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST_F(ParseTest, RunsOfOperatorCharactersAreRefusedBeforeTheLexerSeesThem) {
  for (const std::string& sql : {
           "SELECT 1 WHERE 1 = " + Times("-+", 300'000) + "1",
           "SELECT 1 WHERE 1 = " + Times("+@", 33) + "1",
           "SELECT 'a' " + Times("*", 65) + " 'b'",
           "SELECT E'\\'' " + Times("*", 65) + " 'b'",
           "SELECT $tag$'$tag$ " + Times("*", 65) + " 'b'",
           "SELECT /* ' */ " + Times("*", 65) + " /* ' */",
       }) {
    EXPECT_THAT(Bad(sql), HasSubstr("an operator is longer than 64 characters")) << sql.substr(0, 60);
  }
  for (const std::string& sql : {
           "SELECT " + Times("/*", 100'000) + Times("*/", 100'000) + " 1",
           "SELECT " + Times("/**/", 100'000) + " 1",
           "SELECT 1 " + Times("+/**/", 100'000) + " 1",
       }) {
    EXPECT_THAT(Bad(sql), HasSubstr("put blanks between them")) << sql.substr(0, 60);
  }
}

TEST_F(ParseTest, TooManyJoinedTermsAreRefusedBeforeTheParserSeesThem) {
  const std::string terms =
      "SELECT 1 WHERE 1 = 1" + Times(" Or 1 = 2", 10'000) + Times("\nAND(2 = 1)", 9'999);
  EXPECT_TRUE(engine_->Parse(terms));
  EXPECT_THAT(Bad(terms + " OR 1 = 3"), HasSubstr("More than 20000 terms are joined by AND and OR"));
  EXPECT_TRUE(engine_->Parse("SELECT '" + Times(" or ", 30'000) + "' AS orand, 1 AS \"and or\""));
}

TEST_F(ParseTest, RulersInTextAndCommentsAreFine) {
  const std::string ruler = Times("-", 200) + Times("=", 200) + Times("*", 200);
  for (const std::string& sql : {
           "SELECT '" + ruler + "', 'it''s " + ruler + "'",
           "SELECT E'\\'" + ruler + "'",
           "SELECT $$" + ruler + "$$, $a$" + ruler + "$a$",
           "SELECT 1 AS \"" + ruler + "\"",
           "SELECT 1 --" + ruler + "\n",
           "/*" + ruler + "*/ SELECT /* one /* nested */ */ 1 " + Times("/* ** */ ", 2'000),
           std::string("SELECT 1 WHERE $1 = $2 AND 2 - -1 = 3"),
       }) {
    Good(sql);
  }
}

// --- kinds and errors

TEST_F(ParseTest, KnowsItsStatementKinds) {
  EXPECT_EQ(Good("SELECT 1;")->kind(), StatementKind::kSelect);
  EXPECT_EQ(Good("WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT 2")->kind(), StatementKind::kSelect);
  EXPECT_EQ(Good("VALUES (1)")->kind(), StatementKind::kSelect);
  EXPECT_EQ(Good("INSERT INTO t VALUES (1)")->kind(), StatementKind::kInsert);
  EXPECT_EQ(Good("UPDATE t SET a = 1 WHERE b = 2")->kind(), StatementKind::kUpdate);
  EXPECT_EQ(Good("DELETE FROM t WHERE b = 2")->kind(), StatementKind::kDelete);
  EXPECT_EQ(Good("EXPLAIN SELECT 1")->kind(), StatementKind::kExplain);
  EXPECT_EQ(Good("EXPLAIN ANALYZE UPDATE t SET a = 1 WHERE b = 2")->kind(), StatementKind::kExplain);
}

TEST_F(ParseTest, SyntaxErrorsCarryThePlace) {
  const Error error = Parse("SELECT a,\n  b FRM t WHERE").error();
  EXPECT_EQ(error.code, ErrorCode::kSyntax);
  EXPECT_THAT(error.message, HasSubstr("SQL syntax error at line 2, column 9: "));
  ASSERT_EQ(error.details.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(error.details[0].value), 2);
  EXPECT_EQ(std::get<int64_t>(error.details[1].value), 9);
  EXPECT_EQ(std::get<std::string>(error.details[2].value), "t");
  EXPECT_THAT(Bad("SELECT FROM"), HasSubstr("syntax: SQL syntax error at line 1, column 12"));
  EXPECT_THAT(Bad("SELECT"), HasSubstr("invalid_sql: SELECT clause without selection list"));
  EXPECT_THAT(Bad("SELECT 'abc"), HasSubstr("syntax: SQL syntax error at line 1, column 8"));
  EXPECT_THAT(Bad(std::string_view("SELECT 1\0, 2", 12)), HasSubstr("NUL"));
  EXPECT_THAT(Bad(""), HasSubstr("empty_sql"));
  EXPECT_THAT(Bad("  -- nothing"), HasSubstr("empty_sql"));
  EXPECT_THAT(Bad("SELECT 1; SELECT 2"), HasSubstr("invalid_sql: Expected one statement"));
}

// What is written otherwise for the parser keeps its literals where they are in the statement.
TEST_F(ParseTest, ReservedNamesKeepDirectPlans) {
  const std::string sql = "INSERT INTO t (id, to, at, desc) VALUES (7, 'x -> y', $1, 'at')";
  const auto insert = std::get<SimpleInsert>(Good(sql)->simple());
  EXPECT_EQ(insert.columns, (std::vector<std::string>{"id", "to", "at", "desc"}));
  ASSERT_EQ(insert.rows.size(), 1u);
  EXPECT_EQ(insert.rows[0][0].offset, sql.find("7,"));
  EXPECT_EQ(insert.rows[0][1].offset, sql.find("'x -> y'"));
  EXPECT_EQ(insert.rows[0][3].offset, sql.find("'at'"));
  const std::string query = "SELECT to, `at` FROM t WHERE desc = 'd' AND at > 5 ORDER BY id LIMIT 9";
  const auto select = std::get<SimpleSelect>(Good(query)->simple());
  ASSERT_EQ(select.where.size(), 2u);
  EXPECT_EQ(select.where[0].operand.offset, query.find("'d'"));
  EXPECT_EQ(select.where[1].operand.offset, query.find("5 ORDER"));
  EXPECT_EQ(select.limit->offset, query.find('9'));
}

TEST_F(ParseTest, WordsOfTheGrammarStayWhatTheyAre) {
  for (const char* sql :
       {"SELECT a AT TIME ZONE 'UTC' FROM t", "SELECT a FROM t ORDER BY a DESC",
        "SELECT a FROM t WHERE a SIMILAR TO 'b'", "SELECT a FROM t WHERE a = ANY([1])",
        "SELECT trim(BOTH 'x' FROM 'xax')", "SELECT MAP {'a': 1}", "SELECT list_transform([1], x -> x + 1)",
        "SELECT list_reduce([1, 2], (x, y) -> x + y)",
        "SELECT '->', '? ', \"a->b\" FROM t -- -> ?\n /* a -> b ? 'c' */"}) {
    (void)Good(sql);
  }
  EXPECT_THAT(Bad("SELECT a -> FROM t"), HasSubstr("An operand is missing behind the operator ->"));
  EXPECT_THAT(Bad("SELECT a FROM t WHERE a ? 'b' AND c = ?"), HasSubstr("'?' is not a placeholder"));
}

TEST_F(ParseTest, OnlyNumberedPlaceholders) {
  EXPECT_EQ(Good("SELECT $2, $1, $2 FROM t WHERE a = $10")->parameters(), (std::vector<uint32_t>{1, 2, 10}));
  EXPECT_TRUE(Good("SELECT NOW(), CURRENT_USER()")->parameters().empty());
  EXPECT_THAT(Bad("SELECT ?"), HasSubstr("'?' is not a placeholder"));
  EXPECT_THAT(Bad("SELECT * FROM t WHERE a = ? AND b = ?"), HasSubstr("'?' is not a placeholder"));
  EXPECT_EQ(Good("SELECT '?', \"a?b\", 'x' -- ?\n /* ? */ FROM t")->parameters().size(), 0u);
  EXPECT_THAT(Bad("SELECT $name"), HasSubstr("unsupported: Named parameter $name"));
  EXPECT_THAT(Bad("SELECT $0"), HasSubstr("numbered from $1"));
  EXPECT_THAT(Bad("SELECT $100000"), HasSubstr("out of range"));
  EXPECT_THAT(Bad("SELECT $99999999999999999999"), HasSubstr(": "));
}

TEST_F(ParseTest, WritesNeedAWhereAndNothingExtra) {
  EXPECT_EQ(Bad("UPDATE t SET a = 1"),
            "invalid_operation: UPDATE requires a WHERE clause. Hint: WHERE true changes every row");
  EXPECT_EQ(Bad("DELETE FROM t"),
            "invalid_operation: DELETE requires a WHERE clause. Hint: WHERE true deletes every row");
  EXPECT_THAT(Bad("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"),
              HasSubstr("ON CONFLICT is not supported for user, shared"));
  EXPECT_THAT(Bad("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2"),
              HasSubstr("ON CONFLICT is not supported"));
  EXPECT_THAT(Bad("INSERT OR REPLACE INTO t VALUES (1)"), HasSubstr("INSERT OR REPLACE is not supported"));
  EXPECT_THAT(Bad("INSERT INTO t VALUES (1) RETURNING *"), HasSubstr("RETURNING is not supported in INSERT"));
  EXPECT_THAT(Bad("UPDATE t SET a = 1 WHERE b = 1 RETURNING a"),
              HasSubstr("RETURNING is not supported in UPDATE"));
  EXPECT_THAT(Bad("DELETE FROM t WHERE b = 1 RETURNING a"),
              HasSubstr("RETURNING is not supported in DELETE"));
  EXPECT_THAT(Bad("UPDATE t SET a = 1 FROM u WHERE t.b = u.b"),
              HasSubstr("UPDATE ... FROM is not supported"));
  EXPECT_THAT(Bad("DELETE FROM t USING u WHERE t.b = u.b"), HasSubstr("DELETE ... USING is not supported"));
  EXPECT_THAT(Bad("INSERT INTO t BY NAME SELECT 1 AS a"), HasSubstr("BY NAME is not supported"));
  EXPECT_THAT(Bad("INSERT INTO t (a, A) VALUES (1, 2)"), HasSubstr("named twice"));
  EXPECT_THAT(Bad("INSERT INTO t (a, b) VALUES (1 + 1, 1 + DEFAULT)"), HasSubstr("DEFAULT stands alone"));
  EXPECT_THAT(Bad("INSERT INTO t VALUES (1), (1, 2)"), HasSubstr("same length"));
}

TEST_F(ParseTest, WrittenTableAndColumns) {
  const ParsedStatementPtr insert =
      Good("INSERT INTO kalam.App.Notes (Id, \"Title\") SELECT id, title FROM other");
  EXPECT_EQ(insert->target(), (TableName{"app", "notes"}));
  EXPECT_EQ(insert->written_columns(), (std::vector<std::string>{"id", "title"}));
  EXPECT_EQ(insert->tables(), (std::vector<TableName>{{"", "other"}}));
  const ParsedStatementPtr update = Good(
      "WITH x AS (SELECT * FROM a) UPDATE n.t SET C = (SELECT max(i) FROM x), d = 1 WHERE id IN (SELECT id "
      "FROM b)");
  EXPECT_EQ(update->target(), (TableName{"n", "t"}));
  EXPECT_EQ(update->written_columns(), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(update->tables(), (std::vector<TableName>{{"n", "t"}, {"", "a"}, {"", "b"}}));
  // A CTE never hides the written table.
  const ParsedStatementPtr remove =
      Good("WITH t AS (SELECT * FROM t) DELETE FROM t WHERE id IN (SELECT id FROM t)");
  EXPECT_EQ(remove->tables(), (std::vector<TableName>{{"", "t"}, {"", "t"}}));
}

TEST_F(ParseTest, MentionsDeletedInFiltersOnly) {
  EXPECT_TRUE(Good("SELECT * FROM t WHERE _deleted = true")->mentions_deleted());
  EXPECT_TRUE(Good("SELECT * FROM t WHERE id = 1 AND (t._DELETED OR false)")->mentions_deleted());
  EXPECT_TRUE(Good("SELECT * FROM t JOIN u ON u._deleted")->mentions_deleted());
  EXPECT_TRUE(Good("DELETE FROM t WHERE _deleted = false")->mentions_deleted());
  EXPECT_TRUE(Good("SELECT (SELECT count(*) FROM t WHERE _deleted)")->mentions_deleted());
  EXPECT_FALSE(Good("SELECT _deleted FROM t ORDER BY _deleted")->mentions_deleted());
}

TEST_F(ParseTest, KnowsAnOuterLimit) {
  EXPECT_TRUE(Good("SELECT * FROM t LIMIT 5")->has_limit());
  EXPECT_TRUE(Good("WITH a AS (SELECT 1) SELECT * FROM a LIMIT 5")->has_limit());
  EXPECT_FALSE(Good("SELECT * FROM (SELECT * FROM t LIMIT 5)")->has_limit());
}

// --- tables

TEST_F(ParseTest, CollectsTables) {
  EXPECT_EQ(Tables("SELECT * FROM App.Notes, kalam.x.y z JOIN w USING (id)"), "app.notes x.y .w");
  EXPECT_EQ(Tables("SELECT (SELECT 1 FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c)"), ".b .a .c");
  EXPECT_EQ(Tables("SELECT * FROM a UNION (SELECT * FROM b EXCEPT SELECT * FROM c)"), ".a .b .c");
  EXPECT_EQ(Tables("SELECT * FROM t, t"), ".t .t");
  EXPECT_EQ(Tables("EXPLAIN INSERT INTO x SELECT * FROM t"), ".t");
  EXPECT_EQ(Tables("SELECT * FROM range(3), unnest([1])"), "");
  EXPECT_THAT(Bad("SELECT * FROM other.ns.t"), HasSubstr("Unknown catalog 'other'"));
}

TEST_F(ParseTest, CommonTableExpressionsFollowScopes) {
  EXPECT_EQ(Tables("WITH a AS (SELECT * FROM t) SELECT * FROM a, A, \"a\""), ".t");
  // a name is visible after its definition, not inside or before it
  EXPECT_EQ(Tables("WITH a AS (SELECT * FROM a) SELECT * FROM a"), ".a");
  EXPECT_EQ(Tables("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM b"), ".b");
  EXPECT_EQ(Tables("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r"), "");
  EXPECT_EQ(Tables("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a"), ".a");
  EXPECT_EQ(Tables("WITH a AS (SELECT 1) SELECT * FROM (WITH a AS (SELECT * FROM t) SELECT * FROM a) x, a"),
            ".t");
  // a qualified name is always a table
  EXPECT_EQ(Tables("WITH a AS (SELECT 1) SELECT * FROM n.a"), "n.a");
  EXPECT_EQ(Tables("WITH a AS (SELECT 1) SELECT (SELECT count(*) FROM a) FROM t"), ".t");
}

// --- what must not pass

TEST_F(ParseTest, RefusesEverythingButQueriesAndWrites) {
  for (const char* sql : {"COPY t TO 'x'",
                          "COPY t FROM 'x'",
                          "ATTACH 'x.db'",
                          "DETACH x",
                          "PRAGMA version",
                          "PRAGMA table_info('t')",
                          "SET threads = 4",
                          "SET VARIABLE a = 1",
                          "RESET threads",
                          "INSTALL httpfs",
                          "LOAD httpfs",
                          "CALL pragma_version()",
                          "EXPORT DATABASE 'x'",
                          "IMPORT DATABASE 'x'",
                          "CREATE TABLE x (a INT)",
                          "CREATE VIEW v AS SELECT 1",
                          "CREATE MACRO f(x) AS x",
                          "CREATE SECRET (TYPE s3)",
                          "CREATE TYPE e AS ENUM ('a')",
                          "ALTER TABLE t ADD COLUMN x INT",
                          "DROP TABLE t",
                          "TRUNCATE t",
                          "PREPARE p AS SELECT 1",
                          "EXECUTE p",
                          "DEALLOCATE p",
                          "CHECKPOINT",
                          "VACUUM",
                          "ANALYZE",
                          "BEGIN",
                          "COMMIT",
                          "ROLLBACK",
                          "USE x",
                          "SHOW TABLES",
                          "DESCRIBE t",
                          "SUMMARIZE t",
                          "COMMENT ON TABLE t IS 'x'",
                          "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE",
                          "PIVOT t ON a USING sum(b)",
                          "UNPIVOT t ON a, b",
                          "SELECT a INTO b FROM t",
                          "EXPLAIN COPY t TO 'x'",
                          "EXPLAIN CREATE TABLE x (a INT)",
                          "EXPLAIN (FORMAT JSON) SELECT 1",
                          "SELECT * FROM t FOR UPDATE",
                          "UPDATE EXTENSIONS",
                          "FORCE CHECKPOINT"}) {
    EXPECT_FALSE(Parse(sql).has_value()) << sql;
  }
  EXPECT_EQ(Bad("INSTALL httpfs"), "invalid_sql: INSTALL is not supported");
}

// Each of these in many places: none may reach a file, a setting, the catalog or another query.
const std::vector<std::string> kTableAttacks = {"read_csv('/etc/passwd')",
                                                "read_csv_auto('x')",
                                                "read_text('/etc/passwd')",
                                                "read_blob('/etc/passwd')",
                                                "read_json('x')",
                                                "read_json_auto('x')",
                                                "read_ndjson('x')",
                                                "read_parquet('x')",
                                                "parquet_scan('x')",
                                                "parquet_metadata('x')",
                                                "glob('/*')",
                                                "sniff_csv('x')",
                                                "duckdb_settings()",
                                                "duckdb_secrets()",
                                                "duckdb_tables()",
                                                "duckdb_functions()",
                                                "pragma_version()",
                                                "pragma_table_info('t')",
                                                "query('SELECT 1')",
                                                "query_table('t')",
                                                "json_execute_serialized_sql('{}')",
                                                "sql_auto_complete('x')",
                                                "arrow_scan(1, 2, 3)",
                                                "seq_scan('t')",
                                                "which_secret('x', 'y')",
                                                "summary(1)",
                                                "test_all_types()",
                                                "repeat(1, 2)",
                                                "scan(0)",
                                                "SCAN(0)",
                                                "\"scan\"(0)",
                                                "main.read_text('x')",
                                                "system.main.read_text('x')",
                                                "histogram('t', 'a')",
                                                "duckdb_logs()",
                                                "enable_logging()",
                                                "checkpoint()",
                                                "force_checkpoint()",
                                                "icu_calendar_names()",
                                                "pg_timezone_names()"};
const std::vector<std::string> kTablePlaces = {
    "SELECT * FROM {}",
    "SELECT * FROM t, LATERAL (SELECT * FROM {}) x",
    "WITH a AS (SELECT * FROM {}) SELECT 1",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM {}) SELECT * FROM a",
    "SELECT 1 UNION ALL SELECT * FROM {}",
    "SELECT (SELECT count(*) FROM {})",
    "SELECT 1 WHERE EXISTS (SELECT * FROM {})",
    "SELECT 1 ORDER BY (SELECT 1 FROM {})",
    "SELECT 1 LIMIT (SELECT 1 FROM {})",
    "INSERT INTO t SELECT * FROM {}",
    "INSERT INTO t VALUES ((SELECT 1 FROM {}))",
    "UPDATE t SET a = (SELECT 1 FROM {}) WHERE b = 1",
    "UPDATE t SET a = 1 WHERE b IN (SELECT 1 FROM {})",
    "DELETE FROM t WHERE b IN (SELECT 1 FROM {})",
    "WITH a AS (SELECT * FROM {}) DELETE FROM t WHERE b = 1",
    "EXPLAIN SELECT * FROM {}",
    "SELECT * FROM (t JOIN {} x ON true)"};
const std::vector<std::string> kFunctionAttacks = {"getenv('HOME')",
                                                   "current_setting('threads')",
                                                   "getvariable('x')",
                                                   "nextval('s')",
                                                   "currval('s')",
                                                   "txid_current()",
                                                   "current_query()",
                                                   "system.main.current_database()",
                                                   "current_schema()",
                                                   "current_schemas(true)",
                                                   "current_connection_id()",
                                                   "in_search_path('a', 'b')",
                                                   "json_serialize_sql('SELECT 1')",
                                                   "json_deserialize_sql('{}')",
                                                   "json_serialize_plan('SELECT 1')",
                                                   "write_log('x')",
                                                   "setseed(0.5)",
                                                   "pg_table_is_visible(1)",
                                                   "has_table_privilege('a', 'b')",
                                                   "pg_get_viewdef(1)",
                                                   "read_text('x')",
                                                   "kalam_write(1, 0)",
                                                   "kalam.kalam_write(1, 0)",
                                                   "\"KALAM_WRITE\"(1, 0)",
                                                   "scan(0)",
                                                   "finalize(1)",
                                                   "combine(1, 2)",
                                                   "stats(1)",
                                                   "vector_type(1)",
                                                   "__internal_compress_integral_utinyint(1, 2)",
                                                   "constant_or_null(1, 2)",
                                                   "create_sort_key(1, 'ASC')",
                                                   "main.getvariable('x')",
                                                   "a.getvariable()",
                                                   "parse_duckdb_log_message('a', 'b')",
                                                   "format('{:1000000000}', 1)",
                                                   "printf('%1000000000d', 1)",
                                                   "system.main.repeat('x', 1)",
                                                   "nosuch(1)",
                                                   "query('x')"};
const std::vector<std::string> kFunctionPlaces = {"SELECT {0}",
                                                  "SELECT 1 FROM t WHERE {0} = 1",
                                                  "SELECT count(*) FILTER (WHERE {0} = 1) FROM t",
                                                  "SELECT sum(a) OVER (PARTITION BY {0} ORDER BY {0}) FROM t",
                                                  "SELECT sum({0}) OVER () FROM t",
                                                  "SELECT string_agg(a, ',' ORDER BY {0}) FROM t",
                                                  "SELECT a FROM t GROUP BY {0}",
                                                  "SELECT a FROM t GROUP BY a HAVING {0} = 1",
                                                  "SELECT a FROM t QUALIFY {0} = 1",
                                                  "SELECT DISTINCT ON ({0}) a FROM t",
                                                  "SELECT * REPLACE ({0} AS a) FROM t",
                                                  "SELECT COLUMNS(c -> c = {0}) FROM t",
                                                  "SELECT CASE WHEN {0} = 1 THEN 1 END",
                                                  "SELECT CASE WHEN true THEN {0} END",
                                                  "SELECT [{0}], {{'a': {0}}}",
                                                  "SELECT list_transform([1], x -> {0})",
                                                  "SELECT a[{0}] FROM t",
                                                  "SELECT a BETWEEN 1 AND {0} FROM t",
                                                  "SELECT a IN (1, {0}) FROM t",
                                                  "SELECT CAST({0} AS TEXT)",
                                                  "SELECT {0} COLLATE NOCASE",
                                                  "SELECT * FROM range({0})",
                                                  "SELECT * FROM t JOIN u ON {0} = 1",
                                                  "SELECT 1 LIMIT {0}",
                                                  "VALUES ({0})",
                                                  "INSERT INTO t VALUES ({0})",
                                                  "UPDATE t SET a = {0} WHERE b = 1",
                                                  "DELETE FROM t WHERE a = {0}"};

// The places are fine by themselves: what follows is refused for what stands in them.
TEST_F(ParseTest, AttackPlacesTakeHarmlessThings) {
  for (const std::string& place : kTablePlaces) (void)Good(fmt::format(fmt::runtime(place), "range(3)"));
  for (const std::string& place : kFunctionPlaces) (void)Good(fmt::format(fmt::runtime(place), "abs(3)"));
}

TEST_F(ParseTest, TableAttacksAreRefusedEverywhere) {
  for (const std::string& attack : kTableAttacks) {
    for (const std::string& place : kTablePlaces) {
      const std::string sql = fmt::format(fmt::runtime(place), attack);
      EXPECT_FALSE(Parse(sql).has_value()) << sql;
    }
  }
}

TEST_F(ParseTest, FunctionAttacksAreRefusedEverywhere) {
  for (const std::string& attack : kFunctionAttacks) {
    for (const std::string& place : kFunctionPlaces) {
      const std::string sql = fmt::format(fmt::runtime(place), attack);
      EXPECT_FALSE(Parse(sql).has_value()) << sql;
    }
  }
}

TEST_F(ParseTest, OtherFormsAreRefused) {
  for (const char* sql :
       {"SELECT #1 FROM t", "SELECT * FROM t AT (VERSION => 1)", "SELECT * FROM (DESCRIBE t)",
        "SELECT * FROM (SHOW TABLES)", "SELECT * FROM (SUMMARIZE t)",
        "FROM (SELECT 1) PIVOT (sum(a) FOR b IN (1))",
        "WITH RECURSIVE r(a) USING KEY (a) AS (SELECT 1 UNION SELECT * FROM r) SELECT * FROM r",
        "SELECT current_schema", "SELECT 'x'::regclass", "SELECT 1::VARIANT"}) {
    EXPECT_FALSE(Parse(sql).has_value()) << sql;
  }
}

TEST_F(ParseTest, PathsAreNamesOfTables) {
  EXPECT_EQ(Tables("SELECT * FROM 'File.csv'"), ".file.csv");
  EXPECT_EQ(Tables("SELECT * FROM \"/etc/passwd\""), "./etc/passwd");
  EXPECT_EQ(Tables("SELECT * FROM duckdb_settings, pg_catalog.pg_tables"),
            ".duckdb_settings pg_catalog.pg_tables");
}

TEST_F(ParseTest, ShapesThatPlanTooLongAreLimited) {
  std::string joins = "SELECT * FROM t";
  for (int i = 0; i < 40; ++i) joins += fmt::format(" JOIN t a{} ON true", i);
  (void)Good(joins);
  EXPECT_EQ(Bad(joins + " JOIN t z ON true"), "limit_exceeded: A query can join at most 41 tables");
  std::string ctes = "WITH c AS (SELECT 1)";
  for (int i = 0; i < 250; ++i) ctes += fmt::format(", c{} AS (SELECT 1)", i);
  EXPECT_EQ(Bad(ctes + " SELECT 1"), "limit_exceeded: A statement can have at most 250 WITH queries");
  std::string sum = "SELECT 1";
  for (int i = 0; i < 400; ++i) sum += " + 1";
  EXPECT_EQ(Bad(sum), "limit_exceeded: The statement is nested too deeply");
}

TEST_F(ParseTest, DeepAndLongStatementsFailCleanly) {
  std::string deep = "SELECT 1";
  for (int i = 0; i < 3000; ++i) deep += "+1";
  (void)Parse(deep);
  std::string parens = "SELECT " + std::string(20'000, '(') + "1" + std::string(20'000, ')');
  EXPECT_FALSE(Parse(parens).has_value());
  std::string nested = "SELECT 1";
  for (int i = 0; i < 2000; ++i) nested = "SELECT * FROM (" + nested + ")";
  (void)Parse(nested);
  std::string ands = "SELECT a FROM t WHERE a = 0";
  for (int i = 0; i < 5000; ++i) ands += " AND a = " + std::to_string(i);
  EXPECT_EQ(std::get<SimpleSelect>(Good(ands)->simple()).where.size(), 5001u);
}

// --- simple forms

std::string Show(const Operand& operand, std::string_view sql) {
  switch (operand.kind) {
    case Operand::Kind::kParameter:
      return fmt::format("${}", operand.parameter);
    case Operand::Kind::kDefault:
      return "DEFAULT";
    case Operand::Kind::kFunction:
      return fmt::format("f{}", static_cast<int>(operand.function));
    case Operand::Kind::kLiteral:
      break;
  }
  static constexpr const char* kKinds[] = {"null", "bool", "int", "dec", "str"};
  size_t end = operand.offset;
  if (sql[end] == '\'') {
    end = sql.find('\'', end + 1) + 1;
  } else {
    while (end < sql.size() && sql[end] != ' ' && sql[end] != ',' && sql[end] != ')') ++end;
  }
  return fmt::format("{}:{}{}", kKinds[static_cast<int>(operand.literal_kind)], operand.negative ? "-" : "",
                     sql.substr(operand.offset, end - operand.offset));
}

std::string Show(const std::vector<Comparison>& where, std::string_view sql) {
  static constexpr const char* kOps[] = {"=", "<>", "<", "<=", ">", ">=", "null", "notnull", "in"};
  std::string out;
  for (const Comparison& c : where) {
    out += fmt::format("{}{} {}", out.empty() ? "" : " & ", c.column, kOps[static_cast<int>(c.op)]);
    if (c.op < CompareOp::kIsNull) out += " " + Show(c.operand, sql);
    for (const Operand& operand : c.list) out += " " + Show(operand, sql);
  }
  return out;
}

std::string Show(const ParsedStatement& statement, std::string_view sql) {
  if (const auto* s = std::get_if<SimpleSelect>(&statement.simple())) {
    std::string out = s->count_star ? "count " : "";
    for (const auto& item : s->items)
      out += fmt::format("{}:{} ", item.column.empty() ? "*" : item.column, item.label);
    out += "[" + Show(s->where, sql) + "]";
    if (s->order) out += fmt::format(" by {}{}", s->order->column, s->order->descending ? " desc" : "");
    if (s->limit) out += " limit " + Show(*s->limit, sql);
    if (s->offset) out += " offset " + Show(*s->offset, sql);
    return out;
  }
  if (const auto* i = std::get_if<SimpleInsert>(&statement.simple())) {
    std::string out;
    for (const auto& column : i->columns) out += column + " ";
    for (const auto& row : i->rows) {
      out += "(";
      for (const auto& operand : row) out += Show(operand, sql) + " ";
      out += ")";
    }
    return out;
  }
  if (const auto* u = std::get_if<SimpleUpdate>(&statement.simple())) {
    static constexpr const char* kForms[] = {"", "+", "-"};
    std::string out;
    for (const auto& a : u->assignments) {
      out += fmt::format("{}={}{}{} ", a.column, a.source_column, kForms[static_cast<int>(a.form)],
                         Show(a.operand, sql));
    }
    return out + "[" + Show(u->where, sql) + "]";
  }
  if (const auto* d = std::get_if<SimpleDelete>(&statement.simple())) return "[" + Show(d->where, sql) + "]";
  return "none";
}

class SimpleFormTest : public ParseTest {
 protected:
  std::string Form(std::string_view sql) { return Show(*Good(sql), sql); }
};

TEST_F(SimpleFormTest, Selects) {
  EXPECT_EQ(Form("SELECT * FROM t"), "*: []");
  EXPECT_EQ(Form("SELECT Id, n.title AS \"Name\", app.notes.x FROM app.notes AS n"), "none");
  EXPECT_EQ(Form("SELECT Id, notes.title AS \"Name\", app.notes.x FROM app.notes"),
            "id:id title:Name x:x []");
  EXPECT_EQ(Form("SELECT n.id FROM notes n WHERE n.id = 1"), "id:id [id = int:1]");
  EXPECT_EQ(Form("SELECT n.* FROM notes n"), "*: []");
  EXPECT_EQ(Form("SELECT COUNT(*) FROM t"), "count *:count(*) []");
  EXPECT_EQ(Form("SELECT count(*) AS n FROM t WHERE a = 1 LIMIT 3"), "count *:n [a = int:1] limit int:3");
  EXPECT_EQ(Form("SELECT id FROM t ORDER BY id DESC LIMIT $1 OFFSET 10"),
            "id:id [] by id desc limit $1 offset int:10");
  EXPECT_EQ(Form("SELECT id FROM t ORDER BY id"), "id:id [] by id");
}

TEST_F(SimpleFormTest, Filters) {
  EXPECT_EQ(Form("SELECT * FROM t WHERE a = 1 AND b <> 'x' AND (c < 2.5 AND 7 >= d)"),
            "*: [a = int:1 & b <> str:'x' & c < dec:2.5 & d <= int:7]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a BETWEEN $1 AND 5"), "*: [a >= $1 & a <= int:5]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a IS NULL AND b IS NOT NULL"), "*: [a null & b notnull]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a IN (1, $2, -3) AND b = 'x'"),
            "*: [a in int:1 $2 int:-3 & b = str:'x']");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a = -5 AND b = - 1e3 AND c = true AND d = FALSE AND e = NULL"),
            "*: [a = int:-5 & b = dec:-1e3 & c = bool:true & d = bool:FALSE & e = null:NULL]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a = 9223372036854775807 AND b = 9223372036854775808"),
            "*: [a = int:9223372036854775807 & b = dec:9223372036854775808]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a = NOW() AND b = CURRENT_USER() AND c = CURRENT_ROLE AND d < "
                 "CURRENT_TIMESTAMP"),
            "*: [a = f0 & b = f4 & c = f5 & d < f0]");
  EXPECT_EQ(Form("SELECT * FROM t WHERE a = 'it''s'").substr(0, 14), "*: [a = str:'i");
}

TEST_F(SimpleFormTest, WhatIsNotExactlyExpressibleIsNotSimple) {
  for (const char* sql : {"SELECT a + 1 FROM t",
                          "SELECT a FROM t, u",
                          "SELECT DISTINCT a FROM t",
                          "SELECT a FROM t WHERE a = 1 OR b = 2",
                          "SELECT a FROM t WHERE a IN (1, b)",
                          "SELECT a FROM t WHERE a NOT IN (1, 2)",
                          "SELECT a FROM t WHERE a IN (SELECT 1)",
                          "SELECT a FROM t WHERE (a, b) IN ((1, 2))",
                          "SELECT a FROM t WHERE a LIKE 'x'",
                          "SELECT a FROM t WHERE a = b",
                          "SELECT a FROM t WHERE 1 = 1",
                          "SELECT a FROM t WHERE a",
                          "SELECT a FROM t ORDER BY a, b",
                          "SELECT a FROM t ORDER BY a NULLS FIRST",
                          "SELECT a FROM t ORDER BY a NULLS LAST",
                          "SELECT a FROM t ORDER BY 1",
                          "SELECT a FROM t ORDER BY a + 1",
                          "SELECT a AS b FROM t ORDER BY b",
                          "SELECT a AS b FROM t WHERE b = 1",
                          "SELECT b AS a FROM t WHERE a = 1",
                          "SELECT a FROM t LIMIT 1 + 1",
                          "SELECT a FROM t LIMIT 10%",
                          "SELECT a FROM t GROUP BY a",
                          "SELECT a FROM t USING SAMPLE 5",
                          "SELECT * EXCLUDE (a) FROM t",
                          "SELECT COLUMNS('a') FROM t",
                          "SELECT a FROM t x(a)",
                          "SELECT x.a FROM t",
                          "SELECT count(*), a FROM t",
                          "SELECT count(a) FROM t",
                          "SELECT count(DISTINCT a) FROM t",
                          "SELECT count(*) FILTER (WHERE a = 1) FROM t",
                          "SELECT count(*) OVER () FROM t",
                          "SELECT a FROM (SELECT 1 AS a)",
                          "WITH x AS (SELECT 1) SELECT a FROM t",
                          "SELECT a FROM t UNION SELECT a FROM t",
                          "SELECT a FROM t WHERE a = 1_000",
                          "SELECT a FROM t WHERE a = E'x'",
                          "SELECT a FROM t WHERE a = $$x$$",
                          "SELECT a FROM t WHERE a = x'AB'",
                          "SELECT a FROM t WHERE a = 'x'\n'y'",
                          "SELECT a FROM t WHERE a = +5",
                          "SELECT a FROM t WHERE a = - -5",
                          "SELECT a FROM t WHERE a = -(5)",
                          "SELECT a FROM t WHERE a = '5'::INT",
                          "SELECT a FROM t WHERE a = DATE '2020-01-01'",
                          "SELECT a FROM t WHERE a = INTERVAL 1 day",
                          "SELECT a FROM t WHERE a NOT BETWEEN 1 AND 2",
                          "SELECT a FROM t WHERE a IS DISTINCT FROM 1",
                          "SELECT a FROM t WHERE lower(a) = 'x'",
                          "SELECT a FROM t WHERE a = (SELECT 1)",
                          "SELECT user FROM t",
                          "SELECT current_date FROM t",
                          "SELECT a.b.c FROM t",
                          "SELECT 1",
                          "EXPLAIN SELECT * FROM t",
                          "SELECT a FROM t WHERE a =\xC2\xA0"
                          "5"}) {
    EXPECT_EQ(Form(sql), "none") << sql;
  }
}

TEST_F(SimpleFormTest, Inserts) {
  EXPECT_EQ(Form("INSERT INTO t VALUES (1, 'a', NULL, true, -2.5)"),
            "(int:1 str:'a' null:NULL bool:true dec:-2.5 )");
  EXPECT_EQ(
      Form("INSERT INTO t (A, \"B\") VALUES ($1, DEFAULT), (SNOWFLAKE_ID(), UUID_V7()), (ULID(), NOW())"),
      "a b ($1 DEFAULT )(f1 f2 )(f3 f0 )");
  EXPECT_EQ(Form("INSERT INTO t VALUES (1 + 1)"), "none");
  EXPECT_EQ(Form("INSERT INTO t SELECT 1"), "none");
  EXPECT_EQ(Form("WITH x AS (SELECT 1) INSERT INTO t VALUES (1)"), "none");
  EXPECT_EQ(Form("INSERT INTO t VALUES (1) ORDER BY 1"), "none");
}

TEST_F(SimpleFormTest, UpdatesAndDeletes) {
  EXPECT_EQ(Form("UPDATE t SET a = 1, b = b + $1, c = d - 2, e = DEFAULT WHERE id = 5"),
            "a=int:1 b=b+$1 c=d-int:2 e=DEFAULT [id = int:5]");
  EXPECT_EQ(Form("UPDATE n.t AS x SET a = x.a + 1 WHERE x.id = 5"), "a=a+int:1 [id = int:5]");
  EXPECT_EQ(Form("UPDATE t SET a = 1 + a WHERE id = 5"), "none");
  EXPECT_EQ(Form("UPDATE t SET a = b WHERE id = 5"), "none");
  EXPECT_EQ(Form("UPDATE t SET a = a * 2 WHERE id = 5"), "none");
  EXPECT_EQ(Form("UPDATE t SET a = 1 WHERE id IN (5, $1)"), "a=int:1 [id in int:5 $1]");
  EXPECT_EQ(Form("DELETE FROM t WHERE id = 'x' AND n > 3"), "[id = str:'x' & n > int:3]");
  EXPECT_EQ(Form("DELETE FROM t WHERE id = 'x' OR n > 3"), "none");
}

}  // namespace
}  // namespace kalam::engine
