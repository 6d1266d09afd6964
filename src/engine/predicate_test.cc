// Predicates evaluated row by row decide as WHERE does.
#include "engine/predicate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "engine/engine.h"
#include "engine/memory_source_for_test.h"

namespace kalam::engine {
namespace {

using testing::HasSubstr;

struct Row {
  int64_t id;
  std::optional<std::string> title;
  std::optional<double> score;
};

class PredicateTest : public testing::Test {
 protected:
  PredicateTest() { engine_ = std::move(Engine::Open({}, clock_, random_)).value(); }

  Result<std::shared_ptr<const BoundPredicate>> Bind(const std::string& where) {
    KALAM_ASSIGN(const ParsedStatementPtr parsed, engine_->Parse("SELECT id FROM app.notes WHERE " + where));
    return engine_->BindPredicate(parsed, columns_, {"ann", Role::kUser});
  }
  static Value CellOf(const Row& row, size_t column) {
    switch (column) {
      case 0:
        return Value::BigInt(row.id);
      case 1:
        return row.title ? Value::Text(*row.title) : Value::Null(TypeKind::kText);
      default:
        return row.score ? Value::Real(TypeKind::kDouble, *row.score) : Value::Null(TypeKind::kDouble);
    }
  }
  Status Evaluate(const BoundPredicate& predicate, const std::vector<Row>& rows, std::vector<uint8_t>& out) {
    return predicate.Evaluate(
        rows.size(),
        [&](BatchWriter& writer) {
          for (size_t r = 0; r < rows.size(); ++r) {
            for (size_t c = 0; c < predicate.columns().size(); ++c)
              writer.Set(c, r, CellOf(rows[r], predicate.columns()[c]));
          }
        },
        clock_.WallMicros(), out);
  }
  // Ids of matching rows.
  std::set<int64_t> Matching(const std::string& where) {
    const auto predicate = Bind(where);
    EXPECT_TRUE(predicate) << where << ": " << predicate.error().message;
    std::vector<uint8_t> matches;
    const Status status = Evaluate(**predicate, rows_, matches);
    EXPECT_TRUE(status) << status.error().message;
    std::set<int64_t> ids;
    for (size_t i = 0; i < matches.size(); ++i) {
      if (matches[i] != 0) ids.insert(rows_[i].id);
    }
    return ids;
  }
  // The same question to a query.
  std::set<int64_t> Selected(const std::string& where) {
    class Ids final : public RowSink {
     public:
      void Begin(std::span<const ResultColumn>) override {}
      Status Row(std::span<const Value> values) override {
        ids.insert(values[0].integer);
        return {};
      }
      std::set<int64_t> ids;
    };
    std::vector<std::vector<OwnedValue>> stored;
    for (const Row& row : rows_) {
      auto& cells = stored.emplace_back();
      for (size_t c = 0; c < 3; ++c) cells.emplace_back(CellOf(row, c));
    }
    std::vector<std::shared_ptr<const Source>> sources = {
        std::make_shared<MemorySource>(columns_, std::move(stored))};
    const Principal ann{"ann", Role::kUser};
    RunRequest request;
    request.statement = engine_->Parse("SELECT id FROM app.notes WHERE " + where).value();
    request.sources = sources;
    request.context.principal = &ann;
    request.context.now_micros = clock_.WallMicros();
    Ids sink;
    const auto rows = engine_->Run(request, sink);
    EXPECT_TRUE(rows) << rows.error().message;
    return sink.ids;
  }

  ManualClock clock_{1'750'000'000'000'000};
  SeededRandom random_{7};
  std::unique_ptr<Engine> engine_;
  std::vector<ResultColumn> columns_ = {{"id", Type(TypeKind::kBigInt), true, true},
                                        {"title", Type(TypeKind::kText), false, false},
                                        {"score", Type(TypeKind::kDouble), false, false}};
  std::vector<Row> rows_ = {{1, "apple", 1.5},           {2, "Banana", std::nullopt},
                            {3, std::nullopt, 2.5},      {4, "ann", -1.0},
                            {5, "a%b", 100.25},          {6, "", 0.0},
                            {7, "2025-06-15", 1750000.0}};
};

TEST_F(PredicateTest, DecidesAsTheQueryDoes) {
  for (const char* where : {"id > 3",
                            "score > 1",
                            "title LIKE 'a%'",
                            "title ILIKE 'B%'",
                            "NOT (score > 1)",
                            "title IS NULL",
                            "score IS NOT NULL AND id <> 5",
                            "title = CURRENT_USER()",
                            "id IN (1, 3, NULL)",
                            "id NOT IN (1, NULL)",
                            "score / 2 > 1 OR title = ''",
                            "CASE WHEN score IS NULL THEN true ELSE score < 0 END",
                            "LENGTH(title) BETWEEN 3 AND 5",
                            "notes.id = 2",
                            "app.notes.id = 2",
                            "TRY_CAST(title AS DATE) <= NOW()",
                            "NOW() > TIMESTAMP '2000-01-01' AND id = 1",
                            "id = '3'",
                            "true",
                            "NULL",
                            "title || 'x' = 'annx'",
                            "coalesce(score, 7) = 7"}) {
    EXPECT_EQ(Matching(where), Selected(where)) << where;
  }
  EXPECT_EQ(Matching("title = CURRENT_USER()"), std::set<int64_t>{4});
  EXPECT_EQ(Matching("TRY_CAST(title AS DATE) <= NOW()"), std::set<int64_t>{7});
}

TEST_F(PredicateTest, ReadsOnlyTheColumnsItNeeds) {
  EXPECT_THAT((*Bind("score > 1 AND id > 1 AND score < 9"))->columns(), testing::ElementsAre(0, 2));
  EXPECT_THAT((*Bind("true"))->columns(), testing::IsEmpty());
}

TEST_F(PredicateTest, RefusesWhatDoesNotLookAtOneRow) {
  for (const char* where : {"id IN (SELECT 1)", "id IN (SELECT id FROM app.notes)", "RANDOM() > 0.5",
                            "id = SNOWFLAKE_ID()", "id = $1"}) {
    const auto bound = Bind(where);
    ASSERT_FALSE(bound) << where;
    EXPECT_EQ(bound.error().code, ErrorCode::kUnsupported) << where;
  }
  for (const char* where : {"nothing = 1", "COUNT(*) > 1", "id = 'x'"}) EXPECT_FALSE(Bind(where)) << where;
  for (const char* sql : {"SELECT a.id FROM app.notes a, app.notes b WHERE a.id = b.id",
                          "SELECT id FROM app.notes UNION SELECT id FROM app.notes",
                          "WITH x AS (SELECT 1 AS id) SELECT id FROM x WHERE id = 1"}) {
    const auto bound = engine_->BindPredicate(engine_->Parse(sql).value(), columns_, {"ann", Role::kUser});
    ASSERT_FALSE(bound) << sql;
    EXPECT_EQ(bound.error().code, ErrorCode::kUnsupported) << sql;
  }
}

TEST_F(PredicateTest, AFailingRowFailsTheEvaluationAndNothingElse) {
  const auto predicate = *Bind("CAST(title AS INTEGER) = 5");
  std::vector<uint8_t> matches;
  const Status status = Evaluate(*predicate, rows_, matches);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kExecution);
  ASSERT_TRUE(Evaluate(*predicate, {{1, "5", 0.0}, {2, std::nullopt, 0.0}}, matches));
  EXPECT_THAT(matches, testing::ElementsAre(1, 0));
}

TEST_F(PredicateTest, ManyThreadsShareOnePredicateAndOneConnection) {
  const auto shared = *Bind("score > 1");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto own = *Bind("id = " + std::to_string(t));
      for (int i = 0; i < 200; ++i) {
        std::vector<uint8_t> matches;
        EXPECT_TRUE(Evaluate(*shared, rows_, matches));
        EXPECT_THAT(matches, testing::ElementsAre(1, 0, 1, 0, 1, 0, 1));
        EXPECT_TRUE(Evaluate(*own, {{t, std::nullopt, 0.0}, {9, std::nullopt, 0.0}}, matches));
        EXPECT_THAT(matches, testing::ElementsAre(1, 0));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PredicateTest, MorePredicatesThanKeepTheirMemoryStillDecide) {
  constexpr int kPredicates = 400;
  std::vector<std::shared_ptr<const BoundPredicate>> predicates;
  for (int i = 0; i < kPredicates; ++i) predicates.push_back(*Bind("id % 400 = " + std::to_string(i)));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kPredicates; ++i) {
      std::vector<uint8_t> matches;
      ASSERT_TRUE(Evaluate(*predicates[static_cast<size_t>(i)], {{i, {}, {}}, {i + 1, {}, {}}}, matches));
      EXPECT_THAT(matches, testing::ElementsAre(1, 0));
    }
    predicates.erase(predicates.begin() + round);  // some go while their memory is kept
    predicates.insert(predicates.begin() + round, *Bind("id % 400 = " + std::to_string(round)));
  }
}

}  // namespace
}  // namespace kalam::engine
