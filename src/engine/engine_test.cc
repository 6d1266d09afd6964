// Running statements: rows, types, writes, parameters, limits, errors.
#include "engine/engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "engine/memory_source_for_test.h"

namespace kalam::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

OwnedValue Own(const Value& value) { return OwnedValue(value); }
OwnedValue Int(int64_t n) { return Own(Value::Integer(TypeKind::kBigInt, n)); }
OwnedValue Str(std::string_view s) { return Own(Value::Text(s)); }

struct RunOptions {
  RunForm form = RunForm::kQuery;
  std::vector<Value> parameters = {};
  std::vector<ResultColumn> cast_to = {};
  bool default_order = true;
  std::optional<int64_t> row_limit = {};
};

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    engine_ = std::move(Engine::Open(options_, clock_, random_)).value();
    tables_["notes"] = Notes();
  }

  static std::shared_ptr<MemorySource> Notes() {
    std::vector<ResultColumn> columns = {{"id", Type(TypeKind::kBigInt), true, true},
                                         {"title", Type(TypeKind::kText), false, false},
                                         {"score", Type(TypeKind::kDouble), false, false},
                                         {"_seq", Type(TypeKind::kBigInt), false, true},
                                         {"_deleted", Type(TypeKind::kBoolean), false, true}};
    std::vector<std::vector<OwnedValue>> rows;
    rows.push_back(
        {Int(3), Str("c"), Own(Value::Real(TypeKind::kDouble, 1.5)), Int(30), Own(Value::Boolean(false))});
    rows.push_back(
        {Int(1), Str("a"), Own(Value::Real(TypeKind::kDouble, 2.5)), Int(10), Own(Value::Boolean(false))});
    rows.push_back({Int(2), Own(Value::Null(TypeKind::kText)), Own(Value::Null(TypeKind::kDouble)), Int(20),
                    Own(Value::Boolean(false))});
    return std::make_shared<MemorySource>(std::move(columns), std::move(rows));
  }

  Result<ParsedStatementPtr> Parse(std::string_view sql) { return engine_->Parse(sql); }

  Result<int64_t> RunParsed(const ParsedStatementPtr& statement, RunOptions options = {}) {
    std::vector<std::shared_ptr<const Source>> sources;
    for (const TableName& name : statement->tables()) {
      const auto found = tables_.find(name.table);
      if (found == tables_.end()) return Fail(ErrorCode::kNotFoundTable, "no table " + name.table);
      sources.push_back(found->second);
    }
    RunRequest request;
    request.statement = statement;
    request.form = options.form;
    request.sources = sources;
    request.parameters = options.parameters;
    request.cast_to = options.cast_to;
    request.default_order = options.default_order;
    request.row_limit = options.row_limit;
    request.context = context_;
    sink_ = Collector();
    return engine_->Run(request, sink_);
  }
  // The rows as text, or "code: message".
  std::string Rows(const ParsedStatementPtr& statement, RunOptions options = {}) {
    const Result<int64_t> count = RunParsed(statement, std::move(options));
    if (!count) return fmt::format("{}: {}", ErrorCodeName(count.error().code), count.error().message);
    EXPECT_EQ(static_cast<size_t>(*count), sink_.rows.size());
    return sink_.Text();
  }
  std::string Rows(std::string_view sql, RunOptions options = {}) {
    const Result<ParsedStatementPtr> statement = Parse(sql);
    if (!statement)
      return fmt::format("{}: {}", ErrorCodeName(statement.error().code), statement.error().message);
    return Rows(*statement, std::move(options));
  }

  EngineOptions options_;
  SystemClock clock_;
  SeededRandom random_{7};
  Principal principal_{"alice", Role::kUser};
  int64_t next_id_ = 1000;
  StatementContext context_{&principal_, 1'700'000'000'000'000, [this] { return next_id_++; }, INT64_MAX, {}};
  std::map<std::string, std::shared_ptr<const Source>> tables_;
  Collector sink_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, RunsQueriesOverSources) {
  EXPECT_EQ(Rows("SELECT id, title, score FROM app.notes"), "1|'a'|2.5; 2|NULL|NULL; 3|'c'|1.5");
  EXPECT_EQ(sink_.Names(), "id,title,score");
  EXPECT_EQ(Rows("SELECT * FROM notes WHERE id = 2"), "2|NULL|NULL|20|false");
  EXPECT_EQ(Rows("SELECT COUNT(*) FROM notes"), "3");
  EXPECT_EQ(sink_.Names(), "count(*)");
  EXPECT_EQ(Rows("SELECT count(*) c, sum(id) s, avg(score) FROM notes WHERE score > 1"), "2|4|2");
  EXPECT_EQ(Rows("SELECT a.id, b.title FROM notes a JOIN notes b ON a.id = b.id + 1"), "2|'a'; 3|NULL");
  EXPECT_EQ(Rows("WITH x AS (SELECT id FROM notes WHERE id > 1) SELECT count(*) FROM x, x y"), "4");
  EXPECT_EQ(Rows("SELECT 1 UNION ALL SELECT 2"), "1; 2");
  EXPECT_EQ(Rows("VALUES (1, 'a')"), "1|'a'");
  EXPECT_EQ(Rows("SELECT kalam.app.notes.id FROM kalam.app.notes WHERE app.notes.id = 3"), "3");
  EXPECT_EQ(Rows("SELECT 7 / 2, 7 % 2, -7 / 2"), "3|1|-3");
  EXPECT_EQ(Rows("SELECT range FROM range(3)"), "0; 1; 2");
}

TEST_F(EngineTest, ColumnsCarryTypesAndFlags) {
  ASSERT_EQ(Rows("SELECT *, id + 1 AS Total FROM notes n WHERE n.id = 1"), "1|'a'|2.5|10|false|2");
  EXPECT_EQ(sink_.Names(), "id,title,score,_seq,_deleted,total");
  EXPECT_TRUE(sink_.columns[0].primary_key);
  EXPECT_TRUE(sink_.columns[0].not_null);
  EXPECT_FALSE(sink_.columns[1].primary_key);
  EXPECT_TRUE(sink_.columns[3].not_null);
  EXPECT_FALSE(sink_.columns[5].primary_key);
  EXPECT_EQ(sink_.columns[5].type.kind, TypeKind::kBigInt);
}

TEST_F(EngineTest, PreparedPlansAreReusedForOtherSourcesAndPrincipals) {
  const ParsedStatementPtr statement =
      Parse("SELECT id, CURRENT_USER(), CURRENT_ROLE, NOW() FROM notes WHERE id > $1").value();
  for (int round = 0; round < 4; ++round) {
    principal_.user_id = fmt::format("user{}", round);
    context_.now_micros = 1000 + round;
    EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(round)}}).substr(0, 2),
              round == 0   ? "1|"
              : round == 3 ? ""
                           : fmt::format("{}|", round + 1));
    if (round < 3) {
      EXPECT_EQ(sink_.rows[0][1].view().text(), principal_.user_id);
      EXPECT_EQ(sink_.rows[0][2].view().text(), "user");
      EXPECT_EQ(sink_.rows[0][3].view().integer, 1000 + round);
      EXPECT_EQ(sink_.columns[3].type.kind, TypeKind::kTimestamp);
      EXPECT_EQ(sink_.Names(), "id,current_user(),current_role,now()");
    }
  }
  // other columns: planned again
  tables_["notes"] = std::make_shared<MemorySource>(
      std::vector<ResultColumn>{{"id", Type(TypeKind::kInt), true, true}},
      std::vector<std::vector<OwnedValue>>{{Own(Value::Integer(TypeKind::kInt, 9))}});
  EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(1)}}).substr(0, 2), "9|");
  EXPECT_EQ(sink_.columns[0].type.kind, TypeKind::kInt);
}

TEST_F(EngineTest, ScansGetColumnsAndBounds) {
  auto notes = Notes();
  tables_["notes"] = notes;
  const ParsedStatementPtr statement =
      Parse("SELECT title FROM notes WHERE id >= $1 AND 5 > id AND title = 'a' AND _seq BETWEEN 1 AND 99")
          .value();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(1)}}), "'a'");
    EXPECT_EQ(notes->last_columns.size(), 3u);
    std::string bounds;
    for (const auto& bound : notes->last_bounds) {
      bounds +=
          fmt::format("{} {} {}; ", bound.column, static_cast<int>(bound.op), ToDisplay(bound.value.view()));
    }
    EXPECT_THAT(bounds, HasSubstr("0 4 1;"));
    EXPECT_THAT(bounds, HasSubstr("0 1 5;"));
    EXPECT_THAT(bounds, HasSubstr("1 0 'a';"));
    EXPECT_THAT(bounds, HasSubstr("3 4 1;"));
    EXPECT_THAT(bounds, HasSubstr("3 2 99;"));
  }
  EXPECT_EQ(Rows("SELECT count(*) FROM notes"), "3");
  EXPECT_TRUE(notes->last_columns.empty());
}

// --- types

// A time of day that no clock shows may be stored; DuckDB reads past a table of digits for its text.
TEST_F(EngineTest, StoredTimesBeyondTheirRangeAreCut) {
  std::vector<std::vector<OwnedValue>> rows;
  for (const int64_t micros : {int64_t{-5}, int64_t{360'000'000'000}, int64_t{360'000'000'000'000'000},
                               INT64_MIN, INT64_MAX, int64_t{3'723'000'000}})
    rows.push_back({Own(Value::Integer(TypeKind::kTime, micros))});
  tables_["times"] = std::make_shared<MemorySource>(
      std::vector<ResultColumn>{{"ti", Type(TypeKind::kTime), false, false}}, std::move(rows));
  EXPECT_EQ(Rows("SELECT ti::TEXT FROM times"),
            "'00:00:00'; '24:00:00'; '24:00:00'; '00:00:00'; '24:00:00'; '01:02:03'");
  EXPECT_EQ(Rows("SELECT COUNT(*) FROM times WHERE ti = $1",
                 {.parameters = {Value::Integer(TypeKind::kTime, INT64_MAX)}}),
            "3");
}

TEST_F(EngineTest, EveryColumnTypeRoundTrips) {
  std::vector<ResultColumn> columns;
  std::vector<OwnedValue> row;
  std::vector<OwnedValue> nulls;
  const auto add = [&](DataType type, const Value& value) {
    columns.push_back({fmt::format("c{}", columns.size()), type});
    row.push_back(Own(value));
    nulls.push_back(Own(Value::Null(type.kind)));
  };
  const auto wide = [](uint64_t high, uint64_t low) {
    return static_cast<Int128>((static_cast<unsigned __int128>(high) << 64) | low);
  };
  const std::string long_text(5000, 'x');
  const float floats[3] = {1.5F, -2.0F, 1e-30F};
  add(Type(TypeKind::kBoolean), Value::Boolean(true));
  add(Type(TypeKind::kSmallInt), Value::Integer(TypeKind::kSmallInt, -32768));
  add(Type(TypeKind::kInt), Value::Integer(TypeKind::kInt, -2147483648LL));
  add(Type(TypeKind::kBigInt), Value::BigInt(INT64_MIN));
  add(Type(TypeKind::kFloat), Value::Real(TypeKind::kFloat, 0.25));
  add(Type(TypeKind::kDouble), Value::Real(TypeKind::kDouble, 1e300));
  add(Type(TypeKind::kText), Value::Text(long_text));
  add(Type(TypeKind::kText), Value::Text("12 bytes max"));
  add(Type(TypeKind::kText), Value::Text(""));
  add(Type(TypeKind::kTimestamp), Value::Integer(TypeKind::kTimestamp, -1));
  add(Type(TypeKind::kDateTime), Value::Integer(TypeKind::kDateTime, 1'700'000'000'000'001));
  add(Type(TypeKind::kDate), Value::Integer(TypeKind::kDate, -719528));
  add(Type(TypeKind::kTime), Value::Integer(TypeKind::kTime, 86'399'999'999));
  add(Type(TypeKind::kJson), Value::Bytes(TypeKind::kJson, "not even json"));
  add(Type(TypeKind::kFile), Value::Bytes(TypeKind::kFile, "{\"id\":1}"));
  add(Type(TypeKind::kBytes), Value::Bytes(TypeKind::kBytes, std::string_view("\0\xFF\x80 x", 5)));
  add(Type(TypeKind::kUuid), Value::Wide(TypeKind::kUuid, wide(0xFFEEDDCCBBAA9988, 0x7766554433221100)));
  add(Type(TypeKind::kUuid), Value::Wide(TypeKind::kUuid, 1));
  add(DataType{TypeKind::kDecimal, 4, 2, 0}, Value::Wide(TypeKind::kDecimal, -9999, 2));
  add(DataType{TypeKind::kDecimal, 9, 0, 0}, Value::Wide(TypeKind::kDecimal, 999'999'999, 0));
  add(DataType{TypeKind::kDecimal, 18, 6, 0}, Value::Wide(TypeKind::kDecimal, -1, 6));
  add(DataType{TypeKind::kDecimal, 38, 10, 0}, Value::Wide(TypeKind::kDecimal, -wide(1ULL << 40, 7), 10));
  add(DataType{TypeKind::kEmbedding, 0, 0, 3},
      Value::Bytes(TypeKind::kEmbedding, {reinterpret_cast<const char*>(floats), sizeof floats}));
  add(Type(TypeKind::kUBigInt), Value::Integer(TypeKind::kUBigInt, -1));
  add(Type(TypeKind::kHugeInt), Value::Wide(TypeKind::kHugeInt, -wide(5, 5)));
  tables_["all_types"] =
      std::make_shared<MemorySource>(columns, std::vector<std::vector<OwnedValue>>{row, nulls});
  for (const char* sql : {"SELECT * FROM all_types", "SELECT DISTINCT * FROM all_types ORDER BY c3",
                          "SELECT * FROM all_types UNION ALL SELECT * FROM all_types"}) {
    const ParsedStatementPtr statement = Parse(sql).value();
    for (int round = 0; round < 3; ++round) {
      const Result<int64_t> count = RunParsed(statement);
      ASSERT_TRUE(count.has_value()) << count.error().message;
      ASSERT_GE(sink_.rows.size(), 2u);
      for (size_t i = 0; i < columns.size(); ++i) {
        const bool from_table =
            std::string_view(sql) == "SELECT * FROM all_types" || columns[i].type.kind != TypeKind::kFile;
        if (from_table) {
          EXPECT_EQ(SqlName(sink_.columns[i].type), SqlName(columns[i].type)) << i;
        }
        Value got = sink_.rows[0][i].view();
        if (!from_table) got.kind = TypeKind::kFile;
        EXPECT_TRUE(Identical(got, row[i].view())) << sql << " " << i << " " << ToDisplay(got);
        EXPECT_TRUE(sink_.rows[1][i].view().is_null) << i;
      }
    }
  }
}

TEST_F(EngineTest, ManyRowsAcrossBatches) {
  std::vector<std::vector<OwnedValue>> rows;
  for (int i = 0; i < 10'000; ++i)
    rows.push_back({Int(9'999 - i),
                    i % 3 == 0 ? Own(Value::Null(TypeKind::kText)) : Str(fmt::format("row number {}", i))});
  tables_["many"] = std::make_shared<MemorySource>(
      std::vector<ResultColumn>{{"id", Type(TypeKind::kBigInt), true, true}, {"s", Type(TypeKind::kText)}},
      std::move(rows));
  ASSERT_EQ(RunParsed(Parse("SELECT * FROM many").value()).value(), 10'000);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(sink_.rows[static_cast<size_t>(i)][0].view().integer, i);
    const Value text = sink_.rows[static_cast<size_t>(i)][1].view();
    const int at = 9'999 - i;
    ASSERT_EQ(text.is_null, at % 3 == 0);
    if (!text.is_null) {
      ASSERT_EQ(text.text(), fmt::format("row number {}", at));
    }
  }
  EXPECT_EQ(Rows("SELECT count(*), count(s), min(id), max(id) FROM many WHERE id >= 5000"),
            "5000|3333|5000|9999");
}

TEST_F(EngineTest, ResultTypesOfExpressions) {
  EXPECT_EQ(Rows("SELECT [1, 2], {'a': 1, 'b': 'x'}, MAP {'k': true}, [[1.5], NULL]"),
            R"('[1,2]'|'{"a":1,"b":"x"}'|'{"k":true}'|'[["1.5"],null]')");
  EXPECT_EQ(sink_.columns[0].type.kind, TypeKind::kList);
  EXPECT_EQ(Rows("SELECT sum(id), count(*), avg(id), max(title), 1.50, 'x', NULL, true, 1::UBIGINT, "
                 "1::UTINYINT, 1::UINTEGER FROM notes"),
            "6|3|2|'c'|150|'x'|NULL|true|1|1|1");
  const TypeKind expected[] = {TypeKind::kHugeInt, TypeKind::kBigInt,   TypeKind::kDouble, TypeKind::kText,
                               TypeKind::kDecimal, TypeKind::kText,     TypeKind::kInt,    TypeKind::kBoolean,
                               TypeKind::kUBigInt, TypeKind::kSmallInt, TypeKind::kBigInt};
  for (size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(sink_.columns[i].type.kind, expected[i]) << i;
  EXPECT_EQ(Rows("SELECT TIMESTAMP_NS '1970-01-01 00:00:01.5', TIMESTAMP_S '1970-01-01 00:00:01', "
                 "TIMESTAMP_MS '1970-01-01 00:00:02'"),
            "1500000|1000000|2000000");
  EXPECT_EQ(Rows("SELECT DATE '1970-01-02', TIME '00:00:01', TIMESTAMPTZ '1970-01-01 01:00:00+01', "
                 "'x'::BLOB, '[1,2]'::EMBEDDING(2)")
                .substr(0, 14),
            "1|1000000|0|'x");
  EXPECT_EQ(Rows("SELECT INTERVAL 1 day"),
            "unsupported: Unsupported type INTERVAL in result; cast it to TEXT");
  EXPECT_EQ(sink_.begins, 0);
  EXPECT_EQ(Rows("SELECT (INTERVAL 1 day)::TEXT"), "'1 day'");
}

TEST_F(EngineTest, TimeZoneIsUtc) {
  EXPECT_EQ(Rows("SELECT TIMESTAMPTZ '1970-01-01 00:00:00', TIMESTAMPTZ '1970-01-01 00:00:00'::TEXT, "
                 "TIMESTAMP '1970-01-01 00:00:01'::TIMESTAMPTZ"),
            "0|'1970-01-01 00:00:00+00'|1000000");
}

// --- functions

TEST_F(EngineTest, FunctionsOfTheStatement) {
  EXPECT_EQ(Rows("SELECT SNOWFLAKE_ID() FROM notes"), "1000; 1001; 1002");
  ASSERT_EQ(RunParsed(Parse("SELECT UUID_V7() u, ULID() l FROM notes").value()).value(), 3);
  EXPECT_NE(sink_.rows[0][0].view().text(), sink_.rows[1][0].view().text());
  EXPECT_EQ(sink_.rows[0][0].view().text().size(), 36u);
  EXPECT_NE(sink_.rows[0][1].view().text(), sink_.rows[1][1].view().text());
  EXPECT_EQ(sink_.rows[0][1].view().text().size(), 26u);
  context_.now_micros = 86'400'000'001;
  EXPECT_EQ(Rows("SELECT NOW(), CURRENT_TIMESTAMP, current_date, today(), current_time, localtimestamp, "
                 "NOW() = CURRENT_TIMESTAMP"),
            "86400000001|86400000001|1|1|1|86400000001|true");
  EXPECT_EQ(Rows("SELECT CURRENT_USER, CURRENT_USER(), CURRENT_USER_ID(), CURRENT_ROLE, CURRENT_ROLE(), "
                 "session_user"),
            "'alice'|'alice'|'alice'|'user'|'user'|'alice'");
  EXPECT_EQ(Rows("SELECT id FROM notes WHERE title = CURRENT_USER() OR id = (SELECT count(*) FROM notes "
                 "WHERE CURRENT_ROLE = 'user')"),
            "3");
  EXPECT_EQ(Rows("SELECT user"), "invalid_operation: No field named user");
  for (const char* name : {"SNOWFLAKE_ID", "UUID_V7", "ULID", "NOW", "CURRENT_USER", "CURRENT_ROLE"}) {
    EXPECT_EQ(Rows(fmt::format("SELECT {}(1)", name)),
              fmt::format("invalid_operation: {}() takes no arguments", name));
  }
}

TEST_F(EngineTest, DivisionIsTheReferences) {
  EXPECT_EQ(Rows("SELECT 7/2, -7/2, 7.0/2, 7%3, mod(-7, 3), id/2, score/2 FROM notes WHERE id = 3"),
            "3|-3|3.5|1|-1|1|0.75");
  EXPECT_EQ(Rows("SELECT 1/0"), "execution: Divide by zero");
  EXPECT_EQ(Rows("SELECT id % (id - 1) FROM notes"), "execution: Divide by zero");
  EXPECT_EQ(Rows("SELECT NULL / 2, 2 / NULL"), "NULL|NULL");
}

TEST_F(EngineTest, CosineDistance) {
  const float a[2] = {1, 0};
  const float b[2] = {0, 2};
  std::vector<std::vector<OwnedValue>> rows;
  for (const float* v : {a, b}) {
    rows.push_back({Int(v == a ? 1 : 2),
                    Own(Value::Bytes(TypeKind::kEmbedding, {reinterpret_cast<const char*>(v), 8}))});
  }
  rows.push_back({Int(3), Own(Value::Null(TypeKind::kEmbedding))});
  tables_["v"] = std::make_shared<MemorySource>(
      std::vector<ResultColumn>{{"id", Type(TypeKind::kBigInt), true},
                                {"vec", DataType{TypeKind::kEmbedding, 0, 0, 2}}},
      rows);
  EXPECT_EQ(Rows("SELECT id, COSINE_DISTANCE(vec, '[0, 1]') d FROM v ORDER BY d"), "2|0; 1|1; 3|NULL");
  EXPECT_EQ(Rows("SELECT id FROM v ORDER BY COSINE_DISTANCE(vec, $1) LIMIT 1",
                 {.parameters = {Value::Text("[1,0.1]")}}),
            "1");
  EXPECT_EQ(Rows("SELECT COSINE_DISTANCE(vec) FROM v"),
            "invalid_operation: COSINE_DISTANCE() expects exactly 2 arguments");
  EXPECT_EQ(Rows("SELECT COSINE_DISTANCE(vec, '[1]') FROM v"),
            "execution: COSINE_DISTANCE() dimension mismatch: row has 2, query has 1");
  EXPECT_EQ(Rows("SELECT COSINE_DISTANCE(vec, '[]') FROM v"),
            "execution: COSINE_DISTANCE() query vector cannot be empty");
  EXPECT_EQ(Rows("SELECT COSINE_DISTANCE(vec, NULL) FROM v"),
            "execution: COSINE_DISTANCE() query vector cannot be NULL");
}

TEST_F(EngineTest, JsonOperators) {
  EXPECT_EQ(
      Rows(
          R"(SELECT '{"a":{"b":[1,2]}}'::JSON -> 'a' -> 'b', '{"a":"x"}'::JSON ->> 'a', json_extract('{"a":1}', '$.a'), json_array_length('[1,2]'))"),
      "'[1,2]'|'x'|'1'|2");
}

// --- order and limits

TEST_F(EngineTest, DefaultOrderIsThePrimaryKey) {
  const RunOptions no_order{.default_order = false};
  EXPECT_EQ(Rows("SELECT id FROM notes"), "1; 2; 3");
  EXPECT_EQ(Rows("SELECT id FROM notes", no_order), "3; 1; 2");
  EXPECT_EQ(Rows("SELECT * FROM notes LIMIT 1"), "1|'a'|2.5|10|false");
  EXPECT_EQ(Rows("SELECT title FROM notes"), "'c'; 'a'; NULL");  // the key is not in the output
  EXPECT_EQ(Rows("SELECT id FROM notes ORDER BY id DESC"), "3; 2; 1");
  EXPECT_EQ(Rows("SELECT n.id AS x FROM notes AS n, range(2)"), "1; 1; 2; 2; 3; 3");
  EXPECT_EQ(Rows("SELECT title FROM notes ORDER BY title DESC"), "'c'; 'a'; NULL");  // NULLS LAST
  auto sorted = Notes();
  sorted->sorted_by = 0;  // it says so, so nobody sorts again
  tables_["notes"] = sorted;
  EXPECT_EQ(Rows("SELECT id FROM notes"), "3; 1; 2");
  EXPECT_EQ(Rows("SELECT a.id FROM notes a JOIN notes b ON a.id = b.id"), "1; 2; 3");
}

TEST_F(EngineTest, OrderFallsBackToSeq) {
  auto source = std::make_shared<MemorySource>(
      std::vector<ResultColumn>{{"v", Type(TypeKind::kBigInt)}, {"_seq", Type(TypeKind::kBigInt)}},
      std::vector<std::vector<OwnedValue>>{{Int(1), Int(9)}, {Int(2), Int(8)}});
  tables_["stream"] = source;
  EXPECT_EQ(Rows("SELECT * FROM stream"), "2|8; 1|9");
  EXPECT_EQ(Rows("SELECT v FROM stream"), "1; 2");
}

TEST_F(EngineTest, RowLimitStopsTheQuery) {
  auto endless = Notes();
  endless->endless = true;
  tables_["endless"] = endless;
  EXPECT_EQ(Rows("SELECT title FROM endless", {.row_limit = 4}), "'c'; 'a'; NULL; 'c'");
  EXPECT_EQ(Rows("SELECT id FROM notes", {.row_limit = 2}), "1; 2");
  EXPECT_EQ(Rows("SELECT id FROM notes LIMIT 3", {.row_limit = 2}), "1; 2");
  EXPECT_EQ(Rows("SELECT id FROM notes LIMIT 1", {.row_limit = 2}), "1");
  EXPECT_EQ(Rows("SELECT id FROM notes UNION SELECT 7", {.row_limit = 2}).size(), 4u);
  const ParsedStatementPtr statement = Parse("SELECT title FROM endless").value();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Rows(statement, {.row_limit = i}).empty(), i == 0);
    EXPECT_EQ(endless->open_scans, 0);
  }
}

// --- parameters

TEST_F(EngineTest, ParametersMeanTheSameInKeptPlans) {
  const ParsedStatementPtr by_id = Parse("SELECT id FROM notes WHERE id = $1").value();
  const ParsedStatementPtr by_score = Parse("SELECT id FROM notes WHERE score > $1").value();
  const ParsedStatementPtr sum = Parse("SELECT id + $1, $1 FROM notes WHERE id = 1").value();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Rows(by_id, {.parameters = {Value::BigInt(2)}}), "2");
    EXPECT_EQ(Rows(by_id, {.parameters = {Value::Text("2")}}), "2");
    EXPECT_EQ(Rows(by_id, {.parameters = {Value::Real(TypeKind::kDouble, 2.0)}}), "2");
    EXPECT_EQ(Rows(by_id, {.parameters = {Value::Real(TypeKind::kDouble, 1.5)}}), "");
    EXPECT_EQ(Rows(by_id, {.parameters = {Value::Null()}}), "");
    EXPECT_THAT(Rows(by_id, {.parameters = {Value::Text("abc")}}),
                HasSubstr("execution: Could not convert string 'abc'"));
    EXPECT_EQ(Rows(by_score, {.parameters = {Value::BigInt(1)}}), "1; 3");
    EXPECT_EQ(Rows(by_score, {.parameters = {Value::Real(TypeKind::kDouble, 1.5)}}), "1");
    EXPECT_EQ(Rows(sum, {.parameters = {Value::BigInt(5)}}), "6|5");
    EXPECT_EQ(Rows(sum, {.parameters = {Value::BigInt(5'000'000'000)}}), "5000000001|5000000000");
    EXPECT_EQ(Rows(sum, {.parameters = {Value::Real(TypeKind::kDouble, 0.5)}}), "1.5|0.5");
  }
  EXPECT_EQ(Rows("SELECT id FROM notes ORDER BY id LIMIT $1 OFFSET $2",
                 {.parameters = {Value::BigInt(1), Value::BigInt(1)}}),
            "2");
  EXPECT_EQ(Rows("SELECT $1, $2, $3 || 'x'",
                 {.parameters = {Value::Boolean(true), Value::Null(), Value::Text("y")}}),
            "true|NULL|'yx'");
  EXPECT_EQ(Rows("SELECT * FROM range($1)", {.parameters = {Value::BigInt(2)}}), "0; 1");
  EXPECT_EQ(Rows("WITH a AS (SELECT $1 AS x) SELECT a.x, b.x FROM a, a b LIMIT 5",
                 {.parameters = {Value::BigInt(7)}}),
            "7|7");
  EXPECT_THAT(Rows("SELECT $2", {.parameters = {Value::BigInt(1)}}),
              HasSubstr("param_count_mismatch: Parameter binding error: $2 has no value"));
}

TEST_F(EngineTest, FewKeptPlansAreEnough) {
  options_.prepared_max = 2;
  options_.connections = 1;
  engine_ = std::move(Engine::Open(options_, clock_, random_)).value();
  std::vector<ParsedStatementPtr> statements;
  for (int i = 0; i < 5; ++i)
    statements.push_back(Parse(fmt::format("SELECT id + {} FROM notes WHERE id = $1", i)).value());
  for (int round = 0; round < 4; ++round) {
    for (size_t i = 0; i < statements.size(); ++i) {
      EXPECT_EQ(Rows(statements[i], {.parameters = {Value::BigInt(1)}}), std::to_string(1 + i));
    }
  }
}

// --- writes

const ResultColumn kId{"id", Type(TypeKind::kBigInt), true, true};
const ResultColumn kTitle{"title", Type(TypeKind::kText)};

TEST_F(EngineTest, InsertedRowsAreCastCellByCell) {
  const RunOptions insert{.form = RunForm::kInsertedRows, .cast_to = {kId, kTitle}};
  EXPECT_EQ(Rows("INSERT INTO t VALUES (1 + 1, upper('x'))", insert), "2|'X'");
  EXPECT_EQ(
      Rows("INSERT INTO t VALUES (1 + 0, '05'), ('7', 6), (SNOWFLAKE_ID(), CURRENT_USER() || '!')", insert),
      "1|'05'; 7|'6'; 1000|'alice!'");
  EXPECT_EQ(sink_.columns[0].name, "id");
  EXPECT_EQ(
      Rows("INSERT INTO t VALUES ($1, $2), ($2, $1)", {.form = RunForm::kInsertedRows,
                                                       .parameters = {Value::BigInt(1), Value::Text("2")},
                                                       .cast_to = {kId, kTitle}}),
      "1|'2'; 2|'1'");
  EXPECT_EQ(Rows("INSERT INTO t SELECT id + 10, score FROM notes ORDER BY id", insert),
            "11|'2.5'; 12|NULL; 13|'1.5'");
  EXPECT_EQ(Rows("WITH x AS (SELECT 5 AS a) INSERT INTO t SELECT a, a FROM x", insert), "5|'5'");
  EXPECT_EQ(Rows("INSERT INTO t VALUES (1, 'a'), ('zz', 'b')", insert),
            "constraint: Unable to cast value 'zz' of type TEXT to BIGINT for column 'id'");
  EXPECT_EQ(Rows("INSERT INTO t SELECT title, id FROM notes", insert),
            "constraint: Unable to cast value 'c' of type TEXT to BIGINT for column 'id'");
  EXPECT_EQ(Rows("INSERT INTO t VALUES (1 + 1)", insert),
            "invalid_operation: INSERT expects 2 values per row but 1 are supplied");
  EXPECT_EQ(Rows("INSERT INTO t SELECT 1, 2, 3", insert),
            "invalid_operation: INSERT expects 2 values per row but 3 are supplied");
}

TEST_F(EngineTest, ChangedRowsOfUpdateAndDelete) {
  const RunOptions update{.form = RunForm::kChangedRows,
                          .cast_to = {kTitle, {"score", Type(TypeKind::kDouble)}}};
  EXPECT_EQ(Rows("UPDATE notes SET title = id, score = score * 2 WHERE id <> 2", update),
            "3|'c'|1.5|30|false|'3'|3; 1|'a'|2.5|10|false|'1'|5");
  EXPECT_EQ(sink_.Names(), "id,title,score,_seq,_deleted,title,score");
  EXPECT_EQ(
      Rows("UPDATE app.notes AS n SET title = (SELECT max(title) FROM notes), score = n.id WHERE n.id = 2",
           update),
      "2|NULL|NULL|20|false|'c'|2");
  EXPECT_EQ(Rows("UPDATE notes SET title = 1, score = title WHERE id = 1", update),
            "constraint: Unable to cast value 'a' of type TEXT to DOUBLE for column 'score'");
  EXPECT_EQ(Rows("UPDATE notes SET title = nosuch, score = 1 WHERE id = 1", update),
            "invalid_operation: No field named nosuch");
  const RunOptions remove{.form = RunForm::kChangedRows};
  EXPECT_EQ(Rows("DELETE FROM notes WHERE title IS NULL", remove), "2|NULL|NULL|20|false");
  EXPECT_EQ(Rows("WITH x AS (SELECT 3 AS a) DELETE FROM notes WHERE id IN (SELECT a FROM x)", remove),
            "3|'c'|1.5|30|false");
  const ParsedStatementPtr statement = Parse("UPDATE notes SET score = $1 WHERE id = $2").value();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Rows(statement, {.form = RunForm::kChangedRows,
                               .parameters = {Value::BigInt(i), Value::BigInt(1)},
                               .cast_to = {{"score", Type(TypeKind::kDouble)}}}),
              fmt::format("1|'a'|2.5|10|false|{}", i));
  }
}

// --- errors

TEST_F(EngineTest, ErrorsSayWhatIsWrongInOurWords) {
  EXPECT_EQ(Rows("SELECT nosuch FROM notes"), "invalid_operation: No field named nosuch");
  EXPECT_EQ(Rows("SELECT n.nosuch FROM notes n"), "invalid_operation: No field named nosuch");
  EXPECT_EQ(Rows("SELECT id FROM notes WHERE nosuch = 1"), "invalid_operation: No field named nosuch");
  EXPECT_EQ(Rows("SELECT nosuch"), "invalid_operation: No field named nosuch");
  EXPECT_THAT(Rows("SELECT x.id FROM notes"), HasSubstr("invalid_operation: "));
  EXPECT_THAT(Rows("SELECT nosuch(1)"), HasSubstr("invalid_operation: Invalid function 'nosuch'"));
  EXPECT_THAT(Rows("SELECT abs('x', 2)"), HasSubstr("invalid_operation: No function matches"));
  EXPECT_THAT(Rows("SELECT id, count(*) FROM notes"), HasSubstr("invalid_operation: "));
  EXPECT_THAT(Rows("SELECT id FROM notes, notes b"), HasSubstr("invalid_operation: Ambiguous"));
  EXPECT_THAT(Rows("SELECT CAST('x' AS INT)"), HasSubstr("execution: Could not convert"));
  EXPECT_THAT(Rows("WITH a AS (SELECT * FROM a) SELECT * FROM a"), HasSubstr("not_found_table: no table a"));
  for (const char* sql :
       {"SELECT kalam_write(1,2)", "SELECT id FROM notes WHERE id / 'x' > 1", "SELECT sum(title) FROM notes",
        "SELECT 'x' / 2", "WITH a AS (SELECT 1 AS b) SELECT c FROM a",
        "SELECT * FROM notes WHERE CURRENT_USER() > 1", "SELECT lpad(1,2)", "INSERT INTO t VALUES (nosuch)",
        "SELECT NOW() + 'x'"}) {
    const std::string text =
        Rows(sql, {.form = sql[0] == 'I' ? RunForm::kInsertedRows : RunForm::kQuery, .cast_to = {kId}});
    EXPECT_THAT(text, HasSubstr(": ")) << sql;
    for (const char* leak : {"kalam", "duckdb", "DuckDB", "scan(", "$now", "$user", "#1", "LINE 1"}) {
      if (std::string_view(sql).find(leak) == std::string_view::npos) {
        EXPECT_THAT(text, Not(HasSubstr(leak))) << sql;
      }
    }
  }
}

TEST_F(EngineTest, SourceAndSinkErrorsComeBackAsTheyAre) {
  auto broken = Notes();
  tables_["broken"] = broken;
  const ParsedStatementPtr statement = Parse("SELECT title FROM broken").value();
  for (int round = 0; round < 3; ++round) {
    broken->fail_at = 0;
    EXPECT_EQ(Rows(statement), "io: disk on fire");
    broken->fail_at = 1;
    EXPECT_EQ(Rows(statement), "corruption: block 7 is damaged");
    broken->fail_at = -1;
    broken->wrong_kind = true;
    EXPECT_THAT(Rows("SELECT id FROM broken"), HasSubstr("internal: A source gave a value"));
    broken->wrong_kind = false;
    EXPECT_EQ(Rows(statement), "'c'; 'a'; NULL");
  }
  std::vector<std::shared_ptr<const Source>> sources = {broken};
  RunRequest request;
  request.statement = statement;
  request.sources = sources;
  request.context = context_;
  Collector sink;
  sink.refuse_after = 1;
  EXPECT_EQ(engine_->Run(request, sink).error().message, "sink is full");
  EXPECT_EQ(broken->open_scans, 0);
  sink = Collector();
  EXPECT_EQ(engine_->Run(request, sink).value(), 3);
}

TEST_F(EngineTest, MemoryIsLimited) {
  options_.memory_bytes_max = 64u << 20;
  engine_ = std::move(Engine::Open(options_, clock_, random_)).value();
  for (const char* sql :
       {"SELECT count(*) FROM (SELECT DISTINCT md5(range::TEXT) FROM range(20000000))",
        "SELECT len(list_resize([1], 1000000000))", "SELECT len(list(range)) FROM range(100000000)"}) {
    EXPECT_EQ(Rows(sql), "limit_exceeded: The query needs more memory than the engine may use") << sql;
  }
  for (const char* sql : {"SELECT repeat('x', 2000000000)", "SELECT lpad('x', 2000000000, 'y')",
                          "SELECT levenshtein(repeat('x', 100000), repeat('y', 100000))",
                          "SELECT replace(repeat('x', 10000000), 'x', repeat('y', 1000))"}) {
    EXPECT_THAT(Rows(sql), HasSubstr("execution: The text")) << sql;
  }
  EXPECT_EQ(Rows("SELECT id FROM notes"), "1; 2; 3");
}

TEST_F(EngineTest, DeadlineEndsTheQuery) {
  auto endless = Notes();
  endless->endless = true;
  tables_["endless"] = endless;
  const ParsedStatementPtr statement = Parse("SELECT count(*) FROM endless").value();
  for (int round = 0; round < 3; ++round) {
    const int64_t start = clock_.MonotonicNanos();
    context_.deadline_nanos = start + 50'000'000;
    EXPECT_EQ(Rows(statement), "deadline: The statement ran longer than its time limit");
    EXPECT_LT(clock_.MonotonicNanos() - start, 5'000'000'000);
  }
  EXPECT_THAT(Rows("SELECT count(*) FROM range(10000000) a, range(10000000) b"), HasSubstr("deadline: "));
  context_.deadline_nanos = INT64_MAX;
  EXPECT_EQ(Rows("SELECT id FROM notes"), "1; 2; 3");
}

TEST_F(EngineTest, StopEndsTheQuery) {
  auto endless = Notes();
  endless->endless = true;
  tables_["endless"] = endless;
  std::stop_source stop;
  context_.stop = stop.get_token();
  std::thread stopper([&] {
    endless->scans.wait(0);
    stop.request_stop();
  });
  EXPECT_EQ(Rows("SELECT count(*) FROM endless"), "cancelled: The query was cancelled");
  stopper.join();
  EXPECT_EQ(Rows("SELECT 1"), "cancelled: The query was cancelled");
  context_.stop = {};
  EXPECT_EQ(Rows("SELECT 1"), "1");
}

TEST_F(EngineTest, WaitingForAConnectionHasTheDeadlineToo) {
  options_.connections = 1;
  engine_ = std::move(Engine::Open(options_, clock_, random_)).value();
  auto endless = Notes();
  endless->endless = true;
  std::stop_source stop;
  std::thread other([&] {
    std::vector<std::shared_ptr<const Source>> sources = {endless};
    RunRequest request;
    request.statement = engine_->Parse("SELECT count(*) FROM endless").value();
    request.sources = sources;
    request.context.stop = stop.get_token();
    Collector sink;
    EXPECT_FALSE(engine_->Run(request, sink).has_value());
  });
  endless->scans.wait(0);
  context_.deadline_nanos = clock_.MonotonicNanos() + 20'000'000;
  EXPECT_THAT(Rows("SELECT 1"), HasSubstr("deadline: "));
  stop.request_stop();
  other.join();
  context_.deadline_nanos = INT64_MAX;
  EXPECT_EQ(Rows("SELECT 1"), "1");
}

TEST_F(EngineTest, ManyThreadsShareStatementsAndKeepTheirOwnContext) {
  const ParsedStatementPtr statement =
      Parse("SELECT id, CURRENT_USER() u, $1 FROM notes WHERE id <= $1").value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const Principal me{fmt::format("user{}", t), Role::kUser};
      const auto source = Notes();
      for (int i = 0; i < 60; ++i) {
        std::vector<std::shared_ptr<const Source>> sources = {source};
        const Value parameter = Value::BigInt(1 + i % 3);
        RunRequest request;
        request.statement = statement;
        request.sources = sources;
        request.parameters = {&parameter, 1};
        request.context.principal = &me;
        Collector sink;
        const Result<int64_t> count = engine_->Run(request, sink);
        ASSERT_TRUE(count.has_value()) << count.error().message;
        ASSERT_EQ(*count, 1 + i % 3);
        for (const auto& row : sink.rows) ASSERT_EQ(row[1].view().text(), me.user_id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// --- explain

TEST_F(EngineTest, ExplainNamesTheSources) {
  for (const char* sql :
       {"EXPLAIN SELECT * FROM notes WHERE id = $1", "EXPLAIN ANALYZE SELECT count(*) FROM notes",
        "EXPLAIN UPDATE notes SET title = NOW() WHERE id = 1", "EXPLAIN INSERT INTO t SELECT id FROM notes",
        "EXPLAIN DELETE FROM notes WHERE id = CURRENT_USER()::BIGINT"}) {
    ASSERT_EQ(RunParsed(Parse(sql).value(), {.parameters = {Value::BigInt(1)}}).value(), 1) << sql;
    EXPECT_EQ(sink_.Names(), "plan_type,plan");
    const std::string plan(sink_.rows[0][1].view().text());
    EXPECT_THAT(plan, HasSubstr("memory table")) << sql;
    EXPECT_THAT(plan, Not(HasSubstr("kalam")));
  }
}

// What the parser lets through as a table name cannot reach DuckDB's catalog or files even when a source
// stands for it.
TEST_F(EngineTest, NamesOfDuckDbReachOnlySources) {
  for (const char* name : {"duckdb_settings", "sqlite_master", "pg_tables", "file.csv"}) {
    tables_[name] = Notes();
    EXPECT_EQ(Rows(fmt::format("SELECT count(*) FROM \"{}\"", name)), "3");
    EXPECT_EQ(Rows(fmt::format("WITH \"{0}\" AS (SELECT * FROM \"{0}\" LIMIT 1) SELECT count(*) FROM \"{0}\"",
                               name)),
              "1");
  }
}

}  // namespace
}  // namespace kalam::engine
