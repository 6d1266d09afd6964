// The cold tier against an in-memory map: random statements, flushes, compactions, restarts and schema
// changes on a user table and a shared one; after every step the tables hold exactly what the map holds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <random>

#include "database.h"

namespace kalam {
namespace {

constexpr int kIds = 60;

struct Row {
  std::string body;  // as shown; "null"
  std::string n;
  std::string extra;  // of the column that comes and goes
};

// One scope: what one user sees of a table.
struct Scope {
  std::string table;
  std::string user;
  bool text_key = false;
  std::map<int, Row> rows;
};

class ColdModel : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("KALAM_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    random_.seed(seed_);
    Must("CREATE NAMESPACE m");
    // The key is not the first column.
    Must("CREATE USER TABLE m.u (body TEXT, n INT, id BIGINT PRIMARY KEY)");
    Must("CREATE SHARED TABLE m.s (n INT, key TEXT PRIMARY KEY, body TEXT) ACCESS LEVEL public");
    scopes_ = {{"m.u", "alice", false, {}}, {"m.u", "bob", false, {}}, {"m.s", "root", true, {}}};
    extra_ = {{"m.u", std::nullopt}, {"m.s", std::nullopt}};
  }

  Answer Must(const std::string& sql, const std::string& user = "root") {
    Answer answer = db_.Run(sql, user);
    EXPECT_TRUE(answer.ok) << sql << ": " << answer.message;
    return answer;
  }
  bool Chance(unsigned percent) { return random_() % 100 < percent; }
  int Id() { return static_cast<int>(random_() % kIds); }
  int N() { return static_cast<int>(random_() % 50); }

  static std::string KeyName(const Scope& scope) { return scope.text_key ? "key" : "id"; }
  // Text keys sort as the numbers do.
  static std::string Shown(const Scope& scope, int id) {
    char text[16];
    std::snprintf(text, sizeof(text), scope.text_key ? "k%04d" : "%d", id);
    return text;
  }
  static std::string Key(const Scope& scope, int id) {
    return scope.text_key ? "'" + Shown(scope, id) + "'" : Shown(scope, id);
  }
  std::string ExtraDefault(const Scope& scope) const {
    const auto& extra = extra_.at(scope.table);
    return extra ? std::to_string(*extra) : "";
  }

  void Insert(Scope& scope) {
    std::string values;
    std::map<int, Row> fresh;
    bool duplicate = false;
    const int count = Chance(30) ? 1 + static_cast<int>(random_() % 8) : 1;
    for (int i = 0; i < count; ++i) {
      const int id = Id();
      if (fresh.contains(id)) continue;
      Row row{Chance(20) ? "null" : "b" + std::to_string(random_() % 1000),
              Chance(20) ? "null" : std::to_string(N()), ExtraDefault(scope)};
      const std::string body = row.body == "null" ? "NULL" : "'" + row.body + "'";
      const std::string n = row.n == "null" ? "NULL" : row.n;
      values += (values.empty() ? "(" : ", (") + Key(scope, id) + ", " + body + ", " + n + ")";
      duplicate = duplicate || scope.rows.contains(id);
      fresh.emplace(id, std::move(row));
    }
    const Answer answer =
        db_.Run("INSERT INTO " + scope.table + " (" + KeyName(scope) + ", body, n) VALUES " + values,
                scope.user, Chance(30));
    EXPECT_EQ(answer.ok, !duplicate) << answer.message << " " << values;
    if (answer.ok) scope.rows.merge(fresh);
  }

  // Sets n of the rows of an id range, or of one id.
  void Update(Scope& scope) {
    const int from = Id();
    const int to = Chance(50) ? from : from + static_cast<int>(random_() % 10);
    const int n = N();
    const bool add = Chance(30);
    const std::string where =
        from == to ? KeyName(scope) + " = " + Key(scope, from)
                   : KeyName(scope) + " BETWEEN " + Key(scope, from) + " AND " + Key(scope, to);
    const Answer answer = db_.Run(
        "UPDATE " + scope.table + " SET n = " + (add ? "n + " : "") + std::to_string(n) + " WHERE " + where,
        scope.user, Chance(30));
    ASSERT_TRUE(answer.ok) << answer.message;
    for (auto it = scope.rows.lower_bound(from); it != scope.rows.end() && it->first <= to; ++it) {
      std::string& value = it->second.n;
      if (!add) {
        value = std::to_string(n);
      } else if (value != "null") {
        value = std::to_string(std::stoi(value) + n);
      }
    }
  }

  void Delete(Scope& scope) {
    const int from = Id();
    const int to = Chance(70) ? from : from + static_cast<int>(random_() % 6);
    const std::string where =
        from == to ? KeyName(scope) + " = " + Key(scope, from)
                   : KeyName(scope) + " BETWEEN " + Key(scope, from) + " AND " + Key(scope, to);
    const Answer answer = db_.Run("DELETE FROM " + scope.table + " WHERE " + where, scope.user, Chance(30));
    ASSERT_TRUE(answer.ok) << answer.message;
    int64_t deleted = 0;
    for (int id = from; id <= to; ++id) deleted += static_cast<int64_t>(scope.rows.erase(id));
    EXPECT_EQ(answer.affected, deleted);
  }

  // A transaction that changes rows of one scope and reads them back before it ends.
  void Transact(Scope& scope) {
    const int update = Id();
    const int remove = Id();
    const int insert = Id();
    const bool commit = Chance(60);
    std::map<int, Row> next = scope.rows;
    if (next.contains(update)) next[update].body = "tx";
    next.erase(remove);
    const bool inserts = !next.contains(insert);
    if (inserts) next[insert] = {"new", "1", ExtraDefault(scope)};
    const std::string key = KeyName(scope);
    std::string sql = "BEGIN; UPDATE " + scope.table + " SET body = 'tx' WHERE " + key + " = " +
                      Key(scope, update) + "; DELETE FROM " + scope.table + " WHERE " + key + " = " +
                      Key(scope, remove) + "; ";
    if (inserts) {
      sql += "INSERT INTO " + scope.table + " (" + key + ", body, n) VALUES (" + Key(scope, insert) +
             ", 'new', 1); ";
    }
    sql += "SELECT COUNT(*), SUM(n) FROM " + scope.table + "; " + (commit ? "COMMIT" : "ROLLBACK");
    const Answer answer = db_.Run(sql, scope.user);
    ASSERT_TRUE(answer.ok) << answer.message;
    ASSERT_EQ(answer.rows.size(), 1u);
    EXPECT_EQ(answer.rows[0][0], std::to_string(next.size()));
    if (commit) scope.rows = std::move(next);
  }

  void Alter() {
    const std::string table = Chance(50) ? "m.u" : "m.s";
    std::optional<int>& extra = extra_.at(table);
    if (extra) {
      Must("ALTER TABLE " + table + " DROP COLUMN extra");
      extra.reset();
    } else {
      extra = N();
      Must("ALTER TABLE " + table + " ADD COLUMN extra INT DEFAULT " + std::to_string(*extra));
    }
    for (Scope& scope : scopes_) {
      if (scope.table != table) continue;
      for (auto& [id, row] : scope.rows) row.extra = ExtraDefault(scope);
    }
  }

  void Step() {
    Scope& scope = scopes_[random_() % scopes_.size()];
    const auto action = random_() % 100;
    if (action < 34) return Insert(scope);
    if (action < 54) return Update(scope);
    if (action < 68) return Delete(scope);
    if (action < 76) return Transact(scope);
    const std::string table = scope.table.substr(2);
    if (action < 88) {
      const auto flushed = db_.Flush("m", table);
      ASSERT_TRUE(flushed.has_value()) << flushed.error().message;
    } else if (action < 94) {
      const auto compacted = db_.Compact("m", table);
      ASSERT_TRUE(compacted.has_value()) << compacted.error().message;
    } else if (action < 97) {
      Alter();
    } else if (action < 99) {
      ASSERT_TRUE(db_.instance().cold().CollectGarbage().has_value());
    } else {
      db_.Restart();
    }
  }

  std::vector<std::string> Line(const Scope& scope, int id, const Row& row) const {
    std::vector<std::string> line = {Shown(scope, id), row.body, row.n};
    if (extra_.at(scope.table)) line.push_back(row.extra);
    return line;
  }

  void Check(const Scope& scope) {
    const std::string key = KeyName(scope);
    Rows expected;
    for (const auto& [id, row] : scope.rows) expected.push_back(Line(scope, id, row));
    const std::string columns = key + ", body, n" + (extra_.at(scope.table) ? ", extra" : "");
    const std::string from = " FROM " + scope.table;
    ASSERT_EQ(Must("SELECT " + columns + from + " ORDER BY " + key, scope.user).rows, expected);
    const auto count = Must("SELECT COUNT(*)" + from, scope.user).rows;
    ASSERT_EQ(count[0][0], std::to_string(expected.size()));
    for (int i = 0; i < 3; ++i) {
      const int id = Id();
      const auto found =
          Must("SELECT " + columns + from + " WHERE " + key + " = " + Key(scope, id), scope.user).rows;
      const auto row = scope.rows.find(id);
      if (row == scope.rows.end()) {
        ASSERT_TRUE(found.empty()) << id;
      } else {
        ASSERT_EQ(found, Rows{Line(scope, id, row->second)});
      }
    }
    const auto distinct = Must("SELECT COUNT(DISTINCT _seq)" + from, scope.user).rows;
    ASSERT_EQ(distinct[0][0], std::to_string(expected.size()));
  }

  Database db_;
  uint64_t seed_ = 0;
  std::mt19937_64 random_;
  std::vector<Scope> scopes_;
  std::map<std::string, std::optional<int>> extra_;
};

TEST_F(ColdModel, TablesHoldWhatTheMapHolds) {
  const char* given = std::getenv("KALAM_STEPS");
  const int steps = given != nullptr ? std::atoi(given) : 2'500;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + " step " + std::to_string(step));
    Step();
    for (const Scope& scope : scopes_) Check(scope);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace kalam
