// The decision of a live filter is that of SELECT's WHERE, for generated conditions and rows.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/memory_source_for_test.h"
#include "live/fake_outlet_for_test.h"
#include "live/query.h"

namespace kalam::live {
namespace {

class Conditions {
 public:
  explicit Conditions(uint64_t seed) : random_(seed) {}

  std::string Any(int depth = 3) {
    if (depth == 0) return Leaf();
    switch (Pick(6)) {
      case 0:
      case 1:
        return "(" + Any(depth - 1) + " AND " + Any(depth - 1) + ")";
      case 2:
        return "(" + Any(depth - 1) + " OR " + Any(depth - 1) + ")";
      case 3:
        return "NOT (" + Any(depth - 1) + ")";
      default:
        return Leaf();
    }
  }
  size_t Pick(size_t n) { return static_cast<size_t>(random_() % n); }

 private:
  std::string Of(const std::vector<std::string>& choices) { return choices[Pick(choices.size())]; }
  std::string Op() { return Of({"=", "<>", "!=", "<", "<=", ">", ">="}); }
  std::string Number() { return Of({"0", "1", "2", "3", "-1", "2.5", "9000000000", "NULL", "'2'"}); }
  std::string Text() { return Of({"'a'", "'b'", "'ab'", "''", "'A'", "NULL", "'it''s'", "CURRENT_USER()"}); }

  std::string Leaf() {
    switch (Pick(15)) {
      case 12:
        return "room" + Of({" IN ", " NOT IN "}) + "(" + Text() + ", " + Text() + ", " + Text() + ")";
      case 13:
        return "(room = " + Text() + " OR room = " + Text() + " OR room IN (" + Text() + ", " + Text() + "))";
      case 14:
        return "(id = " + Number() + " OR " + Of({"id", "n"}) + " IN (" + Number() + ") OR " + Number() +
               " = id)";
      case 0:
        return Of({"n", "id"}) + " " + Op() + " " + Number();
      case 1:
        return Number() + " " + Op() + " " + Of({"n", "id"});
      case 2:
        return Of({"room", "body"}) + " " + Op() + " " + Text();
      case 3:
        return Of({"room", "n", "body"}) + Of({" IS NULL", " IS NOT NULL"});
      case 4:
        return "n" + Of({" BETWEEN ", " NOT BETWEEN "}) + Number() + " AND " + Number();
      case 5:
        return Of({"room", "body"}) + Of({" LIKE ", " NOT LIKE ", " ILIKE "}) +
               Of({"'a%'", "'%b'", "'_'", "''", "NULL"});
      case 6:
        return "n" + Of({" IN ", " NOT IN "}) + "(" + Number() + ", " + Number() + ")";
      case 7:
        return "n " + Of({"+", "-", "*"}) + " 1 " + Op() + " " + Of({"0", "1", "2", "3"});
      case 8:
        return Of({"upper", "lower", "trim"}) + "(room) " + Op() + " " + Text();
      case 9:
        return "length(body) " + Op() + " " + Of({"0", "1", "2"});
      case 10:
        return "coalesce(n, 7) " + Op() + " " + Number();
      default:
        return "app.notes.room = " + Text();
    }
  }

  std::mt19937_64 random_;
};

class Ids final : public RowSink {
 public:
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    ids.insert(values[0].integer);
    return {};
  }
  std::set<int64_t> ids;
};

TEST(FilterDifferentialTest, DecidesAsSelectDoes) {
  const char* given = std::getenv("KALAM_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("KALAM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  LiveDatabase db;
  Conditions conditions(seed);
  const std::vector<std::string> texts = {"a", "b", "ab", "", "A", "it's", "root"};
  std::vector<std::string> stored;
  for (int64_t id = 0; id < 40; ++id) {
    const auto n = conditions.Pick(5) == 0
                       ? std::nullopt
                       : std::optional<int64_t>(static_cast<int64_t>(conditions.Pick(5)) - 1);
    const hot::RowOp op = db.InsertOp("notes", "", id, texts[conditions.Pick(texts.size())], n,
                                      texts[conditions.Pick(texts.size())]);
    stored.push_back(op.value);
    db.Commit(op);
  }
  const catalog::TablePtr table = db.Table("notes");
  std::vector<hot::RowView> rows;
  for (const std::string& bytes : stored) rows.push_back(*table->codec->Open(bytes));
  const Principal root{"root", Role::kSystem};
  Queries queries(*db.catalog, *db.engine);
  std::vector<ResultColumn> columns;
  for (size_t i = 0; i < table->schema().columns.size() + 2; ++i) {
    columns.push_back(tables::ResultColumnOf(table->schema(), i));
  }
  std::vector<std::vector<OwnedValue>> cells;
  for (const hot::RowView& row : rows) {
    auto& out = cells.emplace_back();
    for (size_t i = 0; i < columns.size(); ++i) out.emplace_back(tables::CellOf(row, table->schema(), i));
  }
  const std::shared_ptr<const engine::Source> source =
      std::make_shared<engine::MemorySource>(columns, std::move(cells));
  int compared = 0;
  int by_terms = 0;
  for (int i = 0; i < 1'500; ++i) {
    const std::string sql = "SELECT id FROM app.notes WHERE " + conditions.Any();
    const auto query = queries.Compile(sql, root);
    const auto parsed = db.engine->Parse(sql);
    ASSERT_TRUE(parsed) << sql;
    engine::RunRequest run;
    run.statement = *parsed;
    run.sources = std::span(&source, 1);
    run.context.principal = &root;
    Ids expected;
    const auto ran = db.engine->Run(run, expected);
    // What SELECT refuses cannot be subscribed to either, or fails at the first row.
    if (!query) {
      EXPECT_FALSE(ran) << sql << "\n" << query.error().message;
      continue;
    }
    std::vector<uint8_t> matches;
    const Status matched = (*query)->filter->Match(rows, table->schema(), 0, matches);
    if (!ran || !matched) {
      EXPECT_TRUE(!ran && !matched) << sql << (ran ? "" : "\nSELECT: " + ran.error().message)
                                    << (matched ? "" : "\nlive: " + matched.error().message);
      continue;
    }
    std::set<int64_t> live;
    for (size_t row = 0; row < rows.size(); ++row) {
      if (matches[row] != 0) live.insert(static_cast<int64_t>(row));
    }
    ASSERT_EQ(live, expected.ids) << sql;
    ++compared;
    if ((*query)->filter->equality()) ++by_terms;
  }
  EXPECT_GT(compared, 1'200);
  EXPECT_GT(by_terms, 50);  // found by hash
}

}  // namespace
}  // namespace kalam::live
