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
    rows.push_back({Int(3), Str("c"), Own(Value::Real(TypeKind::kDouble, 1.5)), Int(30), Own(Value::Boolean(false))});
    rows.push_back({Int(1), Str("a"), Own(Value::Real(TypeKind::kDouble, 2.5)), Int(10), Own(Value::Boolean(false))});
    rows.push_back({Int(2), Own(Value::Null(TypeKind::kText)), Own(Value::Null(TypeKind::kDouble)), Int(20), Own(Value::Boolean(false))});
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
    if (!statement) return fmt::format("{}: {}", ErrorCodeName(statement.error().code), statement.error().message);
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
  const ParsedStatementPtr statement = Parse("SELECT id, CURRENT_USER(), CURRENT_ROLE, NOW() FROM notes WHERE id > $1").value();
  for (int round = 0; round < 4; ++round) {
    principal_.user_id = fmt::format("user{}", round);
    context_.now_micros = 1000 + round;
    EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(round)}}).substr(0, 2), round == 0 ? "1|" : round == 3 ? "" : fmt::format("{}|", round + 1));
    if (round < 3) {
      EXPECT_EQ(sink_.rows[0][1].view().text(), principal_.user_id);
      EXPECT_EQ(sink_.rows[0][2].view().text(), "user");
      EXPECT_EQ(sink_.rows[0][3].view().integer, 1000 + round);
      EXPECT_EQ(sink_.columns[3].type.kind, TypeKind::kTimestamp);
      EXPECT_EQ(sink_.Names(), "id,current_user(),current_role,now()");
    }
  }
  // other columns: planned again
  tables_["notes"] = std::make_shared<MemorySource>(std::vector<ResultColumn>{{"id", Type(TypeKind::kInt), true, true}},
                                                    std::vector<std::vector<OwnedValue>>{{Own(Value::Integer(TypeKind::kInt, 9))}});
  EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(1)}}).substr(0, 2), "9|");
  EXPECT_EQ(sink_.columns[0].type.kind, TypeKind::kInt);
}

TEST_F(EngineTest, ScansGetColumnsAndBounds) {
  auto notes = Notes();
  tables_["notes"] = notes;
  const ParsedStatementPtr statement = Parse("SELECT title FROM notes WHERE id >= $1 AND 5 > id AND title = 'a' AND _seq BETWEEN 1 AND 99").value();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Rows(statement, {.parameters = {Value::BigInt(1)}}), "'a'");
    EXPECT_EQ(notes->last_columns.size(), 3u);
    std::string bounds;
    for (const auto& bound : notes->last_bounds) {
      bounds += fmt::format("{} {} {}; ", bound.column, static_cast<int>(bound.op), ToDisplay(bound.value.view()));
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

}  // namespace
}  // namespace kalam::engine
