// What users rely on of the cold tier, told with SQL.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <thread>
#include <utility>

#include "cold/manifest.h"
#include "cold/segment.h"
#include "database.h"
#include "hot/key_codec.h"

namespace kalam {
namespace {

class ColdTest : public testing::Test {
 protected:
  void SetUp() override {
    Must("CREATE NAMESPACE c");
    Must("CREATE SHARED TABLE c.t (id BIGINT PRIMARY KEY, n INT, body TEXT) ACCESS LEVEL public");
  }
  Answer Must(const std::string& sql, const std::string& user = "root") {
    Answer answer = db_.Run(sql, user);
    EXPECT_TRUE(answer.ok) << sql << ": " << answer.message;
    return answer;
  }
  std::string One(const std::string& sql, const std::string& user = "root") {
    const Answer answer = Must(sql, user);
    return answer.rows.size() == 1 && answer.rows[0].size() == 1 ? answer.rows[0][0] : "?";
  }
  void Insert(int from, int to, const std::string& table = "c.t", const std::string& user = "root") {
    std::string sql = "INSERT INTO " + table + " (id, n, body) VALUES ";
    for (int id = from; id < to; ++id) {
      sql += (id == from ? "(" : ", (") + std::to_string(id) + ", " + std::to_string(id % 7) + ", 'row " +
             std::to_string(id) + "')";
    }
    Must(sql, user);
  }
  cold::FlushReport Flush(const std::string& table = "t") {
    const auto report = db_.Flush("c", table);
    EXPECT_TRUE(report.has_value()) << report.error().message;
    return report.value_or(cold::FlushReport());
  }
  size_t HotRows() {
    const auto table = db_.instance().catalog().Snapshot()->FindTable("c", "t");
    const std::string prefix = hot::SharedPrefix(table->id);
    size_t rows = 0;
    auto cursor = db_.instance().store().Scan(hot::Space::kRows, prefix, hot::PrefixEnd(prefix));
    for (; cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }

  Database db_;
};

TEST_F(ColdTest, AFlushMovesRowsAndChangesNothingElse) {
  Insert(0, 500);
  const auto before = Must("SELECT * FROM c.t").rows;
  const cold::FlushReport report = Flush();
  EXPECT_EQ(report.rows, 500u);
  EXPECT_EQ(report.files, 1u);
  EXPECT_EQ(HotRows(), 0u);
  EXPECT_EQ(Must("SELECT * FROM c.t").rows, before);
  EXPECT_EQ(Must("SELECT * FROM c.t WHERE id = 77").rows, Rows{before[77]});
  EXPECT_EQ(Flush().files, 0u);
  Insert(500, 600);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "600");
  EXPECT_EQ(One("SELECT SUM(id) FROM c.t WHERE id BETWEEN 490 AND 509"),
            std::to_string(20 * 499.5).substr(0, 4));
  EXPECT_EQ(Must("SELECT id FROM c.t ORDER BY id DESC LIMIT 2").rows, (Rows{{"599"}, {"598"}}));
  EXPECT_EQ(Must("SELECT id FROM c.t LIMIT 1").rows, (Rows{{"0"}}));
}

TEST_F(ColdTest, ColdRowsAreUniqueAndCanBeChangedDeletedAndInsertedAgain) {
  Insert(0, 100);
  Flush();
  const Answer duplicate = db_.Run("INSERT INTO c.t (id, n, body) VALUES (5, 1, 'x')");
  EXPECT_FALSE(duplicate.ok);
  EXPECT_NE(duplicate.message.find("Primary key violation: value '5' already exists"), std::string::npos);
  EXPECT_EQ(Must("UPDATE c.t SET n = 99 WHERE id = 5").affected, 1);
  EXPECT_EQ(Must("UPDATE c.t SET n = n + 1 WHERE id = 6").affected, 1);
  EXPECT_EQ(Must("UPDATE c.t SET body = 'many' WHERE n = 2").affected, 14);
  EXPECT_EQ(Must("DELETE FROM c.t WHERE id = 7").affected, 1);
  EXPECT_EQ(Must("DELETE FROM c.t WHERE id = 7").affected, 0);
  EXPECT_EQ(Must("DELETE FROM c.t WHERE id >= 90").affected, 10);
  Must("INSERT INTO c.t (id, n, body) VALUES (7, 1, 'again')");
  EXPECT_EQ(Must("SELECT n FROM c.t WHERE id IN (5, 6, 7) ORDER BY id").rows, (Rows{{"99"}, {"7"}, {"1"}}));
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "90");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t WHERE body = 'many'"), "13");
  Flush();
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "90");
  EXPECT_EQ(One("SELECT body FROM c.t WHERE id = 7"), "again");
  db_.Restart();
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "90");
  EXPECT_EQ(One("SELECT body FROM c.t WHERE id = 7"), "again");
}

TEST_F(ColdTest, UsersSeeTheirOwnColdRows) {
  Must("CREATE USER TABLE c.notes (id BIGINT PRIMARY KEY, n INT, body TEXT)");
  Insert(0, 50, "c.notes", "alice");
  Insert(0, 20, "c.notes", "bob");
  EXPECT_EQ(Flush("notes").files, 2u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "alice"), "50");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "20");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes"), "0");
  Must("DELETE FROM c.notes WHERE id < 10", "alice");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "20");
  EXPECT_EQ(db_.Files(), 2u);
  const auto table = db_.instance().catalog().Snapshot()->FindTable("c", "notes");
  const auto removed = db_.instance().cold().Remove(hot::UserPrefix(table->id, "bob"));
  ASSERT_TRUE(removed.has_value()) << removed.error().message;
  EXPECT_TRUE(removed->done);
  EXPECT_EQ(removed->rows, 20u);
  EXPECT_EQ(db_.Files(), 1u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "0");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "alice"), "40");
  Insert(0, 3, "c.notes", "bob");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "3");
}

TEST_F(ColdTest, CompactionKeepsRowsAndDropsDeadOnesAndFiles) {
  for (int i = 0; i < 6; ++i) {
    Insert(i * 100, i * 100 + 100);
    Flush();
  }
  Must("DELETE FROM c.t WHERE n = 3");
  const auto before = Must("SELECT * FROM c.t").rows;
  EXPECT_EQ(db_.Files(), 6u);
  const auto report = db_.Compact("c", "t");
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->files_before, 6u);
  EXPECT_EQ(report->files_after, 1u);
  EXPECT_EQ(db_.Files(), 1u);
  EXPECT_EQ(Must("SELECT * FROM c.t").rows, before);
  EXPECT_EQ(Must("SELECT * FROM c.t WHERE id = 599").rows.size(), 1u);
  EXPECT_EQ(Must("UPDATE c.t SET n = 50 WHERE id = 599").affected, 1);
  db_.Restart();
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), std::to_string(before.size()));
}

TEST_F(ColdTest, OldFilesFollowTheSchema) {
  Insert(0, 10);
  Flush();
  Must("ALTER TABLE c.t ADD COLUMN flag BOOLEAN DEFAULT true");
  Must("ALTER TABLE c.t ADD COLUMN note TEXT");
  Must("INSERT INTO c.t (id, n, flag, note) VALUES (10, 1, false, 'hot')");
  EXPECT_EQ(Must("SELECT flag, note FROM c.t WHERE id IN (3, 10) ORDER BY id").rows,
            (Rows{{"true", "null"}, {"false", "hot"}}));
  EXPECT_EQ(Must("SELECT flag, note FROM c.t WHERE id = 3").rows, (Rows{{"true", "null"}}));
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t WHERE flag"), "10");
  Must("ALTER TABLE c.t RENAME COLUMN body TO words");
  EXPECT_EQ(One("SELECT words FROM c.t WHERE id = 4"), "row 4");
  Must("ALTER TABLE c.t DROP COLUMN words");
  Must("ALTER TABLE c.t ADD COLUMN words INT DEFAULT 8");
  EXPECT_EQ(One("SELECT words FROM c.t WHERE id = 4"), "8");
  const Answer refused = db_.Run("ALTER TABLE c.t ADD COLUMN must TEXT NOT NULL");
  EXPECT_FALSE(refused.ok);
  Must("UPDATE c.t SET words = 9 WHERE id = 4");
  Flush();
  EXPECT_EQ(One("SELECT SUM(words) FROM c.t"), std::to_string(8 * 10 + 9));
}

TEST_F(ColdTest, ExplainShowsWhichFilesAreLeftOut) {
  for (int i = 0; i < 4; ++i) {
    Insert(i * 100, i * 100 + 100);
    Flush();
  }
  std::string plan;
  for (const auto& row : Must("EXPLAIN SELECT * FROM c.t WHERE id = 250").rows) plan += row.back();
  EXPECT_NE(plan.find("1 of 4"), std::string::npos) << plan;
}

TEST_F(ColdTest, APartialFlushIsAConsistentState) {
  Insert(0, 5000);
  auto work = db_.WorkOn("c", "t");
  work.should_stop = [calls = 0]() mutable { return ++calls > 2; };
  const auto report = db_.instance().cold().Flush(work);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_TRUE(report->stopped);
  EXPECT_EQ(report->rows, 4096u);
  EXPECT_EQ(HotRows(), 904u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "5000");
  db_.Restart();
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "5000");
  EXPECT_EQ(One("SELECT COUNT(DISTINCT id) FROM c.t"), "5000");
  Flush();
  EXPECT_EQ(HotRows(), 0u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "5000");
}

// A user's rows are erased while they are being moved.
class ErasureTest : public ColdTest {
 protected:
  void SetUp() override {
    ColdTest::SetUp();
    Must("CREATE USER TABLE c.notes (id BIGINT PRIMARY KEY, n INT, body TEXT)");
    Insert(0, 5000, "c.notes", "alice");
    Insert(0, 3000, "c.notes", "bob");
    work_ = db_.WorkOn("c", "notes");
  }
  // As a cleanup job does it: hot rows, then what is cold. True when it is done.
  bool Erase(const std::string& user) {
    hot::Batch batch;
    batch.dropped_hot_rows.push_back(PrefixOf(user));
    EXPECT_TRUE(db_.instance().store().Commit(std::move(batch)).status);
    const auto removed = db_.instance().cold().Remove(PrefixOf(user));
    EXPECT_TRUE(removed.has_value()) << removed.error().message;
    return removed->done;
  }
  std::string PrefixOf(const std::string& user) {
    return hot::UserPrefix(db_.instance().catalog().Snapshot()->FindTable("c", "notes")->id, user);
  }
  // No file, record, mark or row of the user is left anywhere.
  void ExpectNothingOf(const std::string& user) {
    hot::Store& store = db_.instance().store();
    EXPECT_EQ(cold::ReadSegments(store, PrefixOf(user))->size(), 0u);
    for (const std::string_view keys : {cold::kManifestKeys, cold::kManifestDueKeys}) {
      const std::string begin = std::string(keys) + PrefixOf(user);
      EXPECT_FALSE(store.Scan(hot::Space::kMeta, begin, hot::PrefixEnd(begin))->Valid()) << keys;
    }
    for (const hot::Space space : {hot::Space::kRows, hot::Space::kColdKeys}) {
      EXPECT_FALSE(store.Scan(space, PrefixOf(user), hot::PrefixEnd(PrefixOf(user)))->Valid());
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(db_.folder())) {
      if (entry.is_regular_file()) {
        EXPECT_EQ(entry.path().string().find("/" + user + "/"), std::string::npos) << entry.path();
      }
    }
    EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", user), "0");
  }

  cold::TableWork work_;
};

TEST_F(ErasureTest, RowsThatAFlushMovesMeanwhileGoWithTheRest) {
  int asked = 0;
  work_.moved = [&](uint64_t) {
    if (asked++ == 0) {
      EXPECT_FALSE(Erase("alice")) << "the flush works on these rows";
      // A scope that comes later does not wait, and the flush does not bring it back.
      EXPECT_TRUE(Erase("bob"));
    }
  };
  const auto report = db_.instance().cold().Flush(work_);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_GT(asked, 1);
  // What had moved before; the rows that moved afterwards are marked, for they were no more.
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "alice"), "2048");
  EXPECT_TRUE(Erase("alice"));
  ExpectNothingOf("alice");
  ExpectNothingOf("bob");
  EXPECT_EQ(Flush("notes").files, 0u);
  Insert(0, 10, "c.notes", "alice");
  EXPECT_EQ(Flush("notes").files, 1u);
  db_.Restart();
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "alice"), "10");
}

TEST_F(ErasureTest, RowsThatACompactionMovesMeanwhileGoWithTheRest) {
  Flush("notes");
  Insert(5000, 8000, "c.notes", "alice");
  Insert(3000, 6000, "c.notes", "bob");
  Flush("notes");
  int asked = 0;
  work_.moved = [&](uint64_t) {
    if (asked++ != 0) return;
    EXPECT_FALSE(Erase("alice")) << "the compaction works on these rows";
    EXPECT_FALSE(Erase("bob")) << "the compaction reads files, so none goes now";
    EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "0");
  };
  const auto report = db_.instance().cold().Compact(work_);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_GT(asked, 1);
  EXPECT_TRUE(Erase("alice"));
  EXPECT_TRUE(Erase("bob"));
  ExpectNothingOf("alice");
  ExpectNothingOf("bob");
}

TEST_F(ErasureTest, AJobThatWaitsForAnotherEndsWhenItShould) {
  Flush("notes");
  Insert(5000, 8000, "c.notes", "alice");
  cold::TableWork waiting = db_.WorkOn("c", "notes");
  waiting.should_stop = [calls = 0]() mutable { return ++calls > 3; };
  bool waited = false;
  work_.moved = [&](uint64_t) {
    if (std::exchange(waited, true)) return;
    const auto report = db_.instance().cold().Compact(waiting);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_TRUE(report->stopped);
    EXPECT_EQ(report->rows, 0u);
  };
  ASSERT_TRUE(db_.instance().cold().Flush(work_).has_value());
  EXPECT_TRUE(waited);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "alice"), "8000");
}

TEST_F(ErasureTest, ADroppedUserWaitsForTheFlushAndIsGoneAfterIt) {
  std::string job;
  work_.moved = [&](uint64_t) {
    if (!job.empty()) return;
    Must("DROP USER alice CASCADE");
    for (const jobs::JobPtr& found : db_.instance().jobs().List()) {
      if (found->type == jobs::JobType::kUserCleanup) job = found->id;
    }
    // It has looked once, and is neither done nor in a thread.
    while (db_.instance().jobs().Find(job)->rounds == 0) std::this_thread::yield();
    EXPECT_EQ(db_.instance().jobs().Find(job)->status, jobs::JobStatus::kRetrying);
  };
  Must("CREATE USER alice WITH PASSWORD 'Alice-passw0rd' ROLE user");
  ASSERT_TRUE(db_.instance().cold().Flush(work_).has_value());
  const jobs::JobPtr ended = db_.instance().jobs().WaitFor(job, std::chrono::seconds(60));
  EXPECT_EQ(ended->status, jobs::JobStatus::kCompleted) << ended->message;
  EXPECT_EQ(ended->metrics.Number("rows_deleted"), 5000);
  ExpectNothingOf("alice");
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.notes", "bob"), "3000");
}

TEST_F(ColdTest, FilesThatAStartFindsUnfinishedGo) {
  Insert(0, 10);
  Flush();
  const auto table = db_.instance().catalog().Snapshot()->FindTable("c", "t");
  // As a crash between the record and the first moved chunk leaves it.
  auto segments = cold::ReadSegments(db_.instance().store(), {});
  ASSERT_EQ(segments->size(), 1u);
  cold::Segment orphan = *segments->front();
  const std::string file = db_.folder() + "/data/storage/" + orphan.path;
  ASSERT_TRUE(std::filesystem::exists(file)) << file;
  orphan.id = 77;
  orphan.path.replace(orphan.path.find("batch-"), std::string::npos, "batch-77.parquet");
  orphan.visible_rows = 0;
  orphan.status = cold::SegmentStatus::kWriting;
  std::ofstream(db_.folder() + "/data/storage/" + orphan.path) << "half a file";
  hot::Batch batch;
  batch.meta.push_back({cold::SegmentKey(orphan), cold::EncodeSegment(orphan)});
  batch.meta.push_back({std::string(cold::kNextSegmentKey), "78"});
  ASSERT_TRUE(db_.instance().store().Commit(std::move(batch)).status);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "10");
  db_.Restart();
  EXPECT_TRUE(db_.instance().cold().CollectGarbage().value());
  EXPECT_EQ(db_.Files(), 1u);
  EXPECT_EQ(cold::ReadSegments(db_.instance().store(), {})->size(), 1u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "10");
}

TEST_F(ColdTest, AStorageIsNotDroppedUnderAFlushThatHasFoundIt) {
  Insert(1, 3);
  Must("CREATE STORAGE extra TYPE 'filesystem' PATH '" + db_.folder() + "/extra'");
  cold::TableWork work = db_.WorkOn("c", "t");
  std::future<Answer> dropped;
  work.storage_of = [&](std::string_view) {
    if (!dropped.valid())
      dropped = std::async(std::launch::async, [&] { return db_.Run("DROP STORAGE extra"); });
    EXPECT_EQ(dropped.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
    return "extra";
  };
  ASSERT_TRUE(db_.instance().cold().Flush(work).has_value());
  const Answer refused = dropped.get();
  EXPECT_FALSE(refused.ok);
  EXPECT_NE(refused.message.find("1 file(s) are left in it"), std::string::npos) << refused.message;
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "2");
}

TEST_F(ColdTest, AStorageIsNotDroppedWithTheFilesOfATableThatWentMeanwhile) {
  Insert(1, 3);
  Must("CREATE STORAGE extra TYPE 'filesystem' PATH '" + db_.folder() + "/extra'");
  Must("CREATE SHARED TABLE c.kept (id BIGINT PRIMARY KEY) WITH (STORAGE_ID = 'extra')");
  Must("INSERT INTO c.kept VALUES (1)");
  cold::TableWork kept = db_.WorkOn("c", "kept");
  kept.storage_of = [](std::string_view) { return "extra"; };
  ASSERT_TRUE(db_.instance().cold().Flush(kept).has_value());
  const auto left = [&] {
    const auto segments = cold::ReadSegments(db_.instance().store(), {});
    return std::ranges::count_if(*segments,
                                 [](const auto& segment) { return segment->storage_id == "extra"; });
  };
  EXPECT_EQ(left(), 1);
  EXPECT_NE(db_.Run("DROP STORAGE extra").message.find("1 table(s) still using it"), std::string::npos);
  cold::TableWork work = db_.WorkOn("c", "t");
  std::future<Answer> dropped;
  work.storage_of = [&](std::string_view) {
    // The drop of the storage has begun and waits for this file; the table goes without its cleanup job.
    dropped = std::async(std::launch::async, [&] { return db_.Run("DROP STORAGE extra"); });
    EXPECT_EQ(dropped.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
    EXPECT_TRUE(db_.instance().catalog().DropTable("c", "kept").has_value());
    return "local";
  };
  ASSERT_TRUE(db_.instance().cold().Flush(work).has_value());
  const Answer answer = dropped.get();
  EXPECT_TRUE(!answer.ok || left() == 0) << "files without a storage";
  if (!answer.ok) {
    EXPECT_NE(answer.message.find("1 file(s) are left in it"), std::string::npos) << answer.message;
  }
}

TEST_F(ColdTest, AFlushThatComesAfterTheDropOfItsStorageFindsThat) {
  Insert(1, 3);
  Must("CREATE STORAGE extra TYPE 'filesystem' PATH '" + db_.folder() + "/extra'");
  cold::TableWork work = db_.WorkOn("c", "t");
  work.storage_of = [](std::string_view) { return "extra"; };
  Must("DROP STORAGE extra");
  const auto flushed = db_.instance().cold().Flush(work);
  ASSERT_FALSE(flushed.has_value());
  EXPECT_EQ(flushed.error().code, ErrorCode::kNotFoundStorage);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.t"), "2");
}

TEST_F(ColdTest, FilesOfATableWhoseCleanupWasNeverAskedForGo) {
  Insert(0, 10);
  Flush();
  Must("CREATE SHARED TABLE c.other (id BIGINT PRIMARY KEY)");
  Must("INSERT INTO c.other VALUES (1)");
  ASSERT_TRUE(db_.Flush("c", "other").has_value());
  // As a crash between the drop and its job leaves it.
  ASSERT_TRUE(db_.instance().catalog().DropTable("c", "t").has_value());
  EXPECT_EQ(db_.Files(), 2u);
  db_.Restart();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (db_.Files() > 1 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(db_.Files(), 1u);
  EXPECT_EQ(One("SELECT COUNT(*) FROM c.other"), "1");
}

TEST_F(ColdTest, ADamagedFileIsANamedErrorAndNeverAWrongRow) {
  Insert(0, 3000);
  Flush();
  const auto segments = cold::ReadSegments(db_.instance().store(), {});
  const std::string file = db_.folder() + "/data/storage/" + segments->front()->path;
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto expected = Must("SELECT id, n, body FROM c.t").rows;
  for (size_t at = 5; at < bytes.size(); at += 1 + bytes.size() / 60) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    db_.Restart();
    const Answer answer = db_.Run("SELECT id, n, body FROM c.t");
    if (answer.ok) {
      EXPECT_EQ(answer.rows, expected) << "byte " << at;
    } else {
      EXPECT_FALSE(answer.message.empty());
    }
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() / 2);
  db_.Restart();
  EXPECT_FALSE(db_.Run("SELECT id, n, body FROM c.t").ok);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  db_.Restart();
  EXPECT_EQ(Must("SELECT id, n, body FROM c.t").rows, expected);
}

// COUNT(*) and point reads while rows move: nothing is ever missing or there twice.
TEST_F(ColdTest, ReadersNeverMissARowDuringFlushesAndCompactions) {
  constexpr int kRows = 400;
  Insert(0, kRows);
  std::atomic<bool> stop = false;
  std::atomic<int64_t> reads = 0;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      for (int i = reader; !stop; i += 7, ++reads) {
        const int id = i % kRows;
        const Answer count = db_.Run("SELECT COUNT(*), COUNT(DISTINCT id) FROM c.t");
        ASSERT_TRUE(count.ok) << count.message;
        ASSERT_EQ(count.rows[0][0], std::to_string(kRows));
        ASSERT_EQ(count.rows[0][1], std::to_string(kRows));
        const Answer point = db_.Run("SELECT id FROM c.t WHERE id = " + std::to_string(id));
        ASSERT_TRUE(point.ok) << point.message;
        ASSERT_EQ(point.rows.size(), 1u) << id;
      }
    });
  }
  const char* given = std::getenv("KALAM_FLUSHES");
  const int flushes = given != nullptr ? std::atoi(given) : 150;
  for (int round = 0; round < flushes && !HasFailure(); ++round) {
    // Some rows come back to the hot tier, to move again.
    const std::string low = std::to_string(round * 37 % kRows);
    Must("UPDATE c.t SET n = " + std::to_string(round) + " WHERE id >= " + low + " AND id < " + low +
         " + 20");
    Flush();
    if (round % 8 == 7) {
      const auto compacted = db_.Compact("c", "t");
      ASSERT_TRUE(compacted.has_value()) << compacted.error().message;
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(reads, 0);
}

}  // namespace
}  // namespace kalam
