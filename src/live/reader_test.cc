// Reads in turns: what they bring does not depend on the turns, and nobody waits for a long one.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "live/hub_for_test.h"
#include "live/reader.h"
#include "live/reader_pool.h"

namespace kalam::live {
namespace {

class ReaderTest : public HubTest {
 protected:
  struct Outcome {
    ReadResult result;
    int turns = 0;
  };

  ReadRequest Request(ReadKind kind, const std::string& where) {
    Queries queries(*db_.catalog, *db_.engine);
    auto query = queries.Compile("SELECT id FROM app.notes WHERE " + where, Principal{"root", Role::kSystem});
    EXPECT_TRUE(query.has_value()) << (query ? "" : query.error().message);
    ReadRequest request;
    request.kind = kind;
    request.query = *query;
    request.rows_max = 1'000;
    request.bytes_max = 1u << 20;
    return request;
  }

  Outcome Read(ReadRequest request) {
    const Reader reader(*db_.store, *db_.engine, db_.cold_tier.get(), db_.clock);
    const std::unique_ptr<ReadTask> task = reader.Start(std::move(request));
    Outcome out;
    for (;;) {
      ++out.turns;
      auto turn = task->Turn();
      if (!turn) continue;
      EXPECT_TRUE(turn->has_value());
      out.result = std::move(**turn);
      return out;
    }
  }

  // Rows 1 to `count` in one commit; n is `id` modulo 10'000.
  void Fill(int64_t count) {
    hot::Batch batch;
    for (int64_t id = 1; id <= count; ++id)
      batch.rows.push_back(db_.InsertOp("notes", "", id, "a", id % 10'000));
    db_.Commit(std::move(batch));
  }

  static constexpr int64_t kRows = 30'000;
  static constexpr int kTurnsMin = static_cast<int>(kRows / ReadTask::kTurnRows);
};

TEST_F(ReaderTest, APageOfALargeTableTakesTurns) {
  Fill(kRows);
  for (const bool cold : {false, true}) {
    if (cold) db_.Flush("notes");
    const Outcome none = Read(Request(ReadKind::kPage, "n + 0 < 0"));
    EXPECT_GE(none.turns, kTurnsMin);
    EXPECT_FALSE(none.result.more);
    EXPECT_FALSE(none.result.last_row);
    EXPECT_EQ(none.result.cursor, none.result.snapshot);
    // Three rows, far apart.
    // The second is decided without the engine, and in files before rows are read.
    for (const char* where : {"n + 0 = 9999", "n = 9999"}) {
      const Outcome some = Read(Request(ReadKind::kPage, where));
      EXPECT_GE(some.turns, where == std::string("n = 9999") && cold ? 1 : kTurnsMin);
      for (const char* id : {"\"9999\"", "\"19999\"", "\"29999\""}) {
        EXPECT_NE(some.result.page->tail().find(id), std::string::npos) << some.result.page->tail();
      }
      EXPECT_FALSE(some.result.more);
    }
    // The newest two are looked for backwards, then read.
    ReadRequest last = Request(ReadKind::kPage, "n + 0 = 9999");
    last.last_rows = 2;
    const Outcome newest = Read(std::move(last));
    EXPECT_GE(newest.turns, 2);
    EXPECT_EQ(newest.result.page->tail().find("\"9999\""), std::string::npos);
    EXPECT_NE(newest.result.page->tail().find("\"19999\""), std::string::npos);
  }
}

TEST_F(ReaderTest, ChangesOfALargeTableTakeTurns) {
  const Seq before = db_.Insert(100'000);
  Fill(kRows);
  ReadRequest request = Request(ReadKind::kChanges, "n = 9999");
  request.after = before;
  request.rows_max = 10;
  const Outcome out = Read(std::move(request));
  EXPECT_GE(out.turns, kTurnsMin);
  EXPECT_EQ(out.result.changes.size(), 3U);
  EXPECT_EQ(out.result.cursor, out.result.snapshot);
}

// What is committed between two turns is not in the read: it has one snapshot.
TEST_F(ReaderTest, TurnsShareASnapshot) {
  Fill(kRows);
  const Reader reader(*db_.store, *db_.engine, db_.cold_tier.get(), db_.clock);
  const std::unique_ptr<ReadTask> task = reader.Start(Request(ReadKind::kResume, "room = 'b'"));
  EXPECT_FALSE(task->Turn());
  const Seq late = db_.Insert(100'000, "b");
  for (;;) {
    auto turn = task->Turn();
    if (!turn) continue;
    ASSERT_TRUE(turn->has_value());
    EXPECT_FALSE((*turn)->last_row);
    EXPECT_LT((*turn)->snapshot, late);
    return;
  }
}

// One thread: a task that goes on forever, and others that come meanwhile.
TEST(ReaderPoolTest, FreshTasksGetEverySecondTurn) {
  std::vector<std::string> ran;  // the pool's thread alone, until it has ended
  std::promise<void> done;
  {
    ReaderPool pool(1);
    pool.Post([&, turn = 0]() mutable {
      ran.push_back("long");
      if (++turn == 1) {
        for (const char* name : {"a", "b", "c"}) {
          pool.Post([&ran, name] {
            ran.emplace_back(name);
            return false;
          });
        }
      }
      if (turn < 6) return true;
      done.set_value();
      return false;
    });
    done.get_future().wait();
  }
  EXPECT_EQ(ran, (std::vector<std::string>{"long", "a", "long", "b", "long", "c", "long", "long", "long"}));
}

}  // namespace
}  // namespace kalam::live
