#include "auth/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "auth/test_store.h"

namespace kalam::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr int64_t kDayMillis = 86'400'000;

class AuditLogTest : public StoreTest {
 protected:
  void OpenLog(AuditOptions options = {}) {
    auto log = AuditLog::Open(*store_, clock_, random_, options);
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
  }
  static AuditEntry Entry(std::string target) {
    AuditEntry entry;
    entry.actor_user_id = "dora";
    entry.action = "CREATE_TABLE";
    entry.target = std::move(target);
    return entry;
  }
  void Write(AuditEntry entry) {
    hot::Batch batch;
    log_->Add(std::move(entry), batch.meta);
    ASSERT_TRUE(store_->Commit(std::move(batch)).status);
  }
  std::vector<AuditEntry> Entries() {
    std::vector<AuditEntry> entries;
    EXPECT_TRUE(log_->Scan([&](const AuditEntry& entry) -> Status {
      entries.push_back(entry);
      return {};
    }));
    return entries;
  }
  std::vector<std::string> Targets() {
    std::vector<std::string> targets;
    for (const AuditEntry& entry : Entries()) targets.push_back(entry.target);
    return targets;
  }
  int64_t Stored() {
    int64_t count = 0;
    for (auto cursor = store_->Scan(hot::Space::kMeta, "audit/", "audit0"); cursor->Valid(); cursor->Next())
      ++count;
    return count;
  }

  SeededRandom random_{1};
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditLogTest, EntriesComeBackInOrderAndSurviveARestart) {
  OpenLog();
  AuditEntry full = Entry("app.t");
  full.details = "Type: user";
  full.subject_user_id = "bob";
  full.source = {"10.0.0.1", "request-1"};
  Write(full);
  Write(Entry("app.u"));
  clock_.AdvanceMicros(1'000'000);
  Write(Entry("app.v"));
  ReopenStore();
  OpenLog();
  EXPECT_THAT(Targets(), ElementsAre("app.t", "app.u", "app.v"));
  const AuditEntry first = Entries().at(0);
  EXPECT_EQ(first.actor_user_id, "dora");
  EXPECT_EQ(first.action, "CREATE_TABLE");
  EXPECT_EQ(first.details, "Type: user");
  EXPECT_EQ(first.subject_user_id, "bob");
  EXPECT_EQ(first.source.ip_address, "10.0.0.1");
  EXPECT_EQ(first.source.request_id, "request-1");
  EXPECT_THAT(first.audit_id, StartsWith("audit_1767225600000_"));
  EXPECT_EQ(first.audit_id.size(), std::string("audit_1767225600000_").size() + 32);
}

TEST_F(AuditLogTest, ARefusedBatchLeavesNoEntryAndAnAcceptedOneKnowsItsRows) {
  OpenLog();
  hot::Batch refused;
  log_->Add(Entry("refused"), refused.meta);
  store_->SetSchemaVersion(TableId(5), 2);
  refused.guards.push_back({TableId(5), 1});
  EXPECT_FALSE(store_->Commit(std::move(refused)).status);
  hot::Batch rows;
  log_->AddWithRows(Entry("rows"), rows.meta);
  ASSERT_TRUE(store_->Commit(std::move(rows)).status);
  ASSERT_THAT(Targets(), ElementsAre("rows"));
  EXPECT_EQ(Entries().at(0).details, R"({"rows_affected":0})");
}

TEST_F(AuditLogTest, OldEntriesAreInvisibleAtOnceAndRemovedByNewOnes) {
  OpenLog({.retention_millis = 10 * kDayMillis});
  for (int i = 0; i < 20; ++i) Write(Entry("old"));
  clock_.AdvanceMicros(11 * kDayMillis * 1000);
  EXPECT_THAT(Targets(), ElementsAre());
  EXPECT_EQ(Stored(), 20);
  for (int i = 0; i < 3; ++i) Write(Entry("new"));
  EXPECT_EQ(Stored(), 3);
  EXPECT_THAT(Targets(), ElementsAre("new", "new", "new"));
}

TEST_F(AuditLogTest, TheNumberOfEntriesIsBounded) {
  OpenLog({.entries_max = 100});
  for (int i = 0; i < 1'000; ++i) Write(Entry(std::to_string(i)));
  EXPECT_GE(Stored(), 100);
  EXPECT_LE(Stored(), 100 + 100 / 8 + 8);
  EXPECT_EQ(Targets().back(), "999");
}

TEST_F(AuditLogTest, SwitchedOffItWritesNothing) {
  OpenLog({.enabled = false});
  Write(Entry("x"));
  log_->Submit(Entry("y"));
  EXPECT_EQ(Stored(), 0);
}

}  // namespace
}  // namespace kalam::auth
