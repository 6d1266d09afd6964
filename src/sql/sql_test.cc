#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "sql/bind.h"
#include "sql/handlers.h"
#include "sql/parse/parse.h"
#include "sql/plan.h"
#include "sql/worker_pool.h"

namespace kalam::sql {
namespace {

TEST(ParameterTest, CountMustMatchThePlaceholdersBothWays) {
  const std::vector<uint32_t> two = {1, 2};
  EXPECT_TRUE(CheckParameterCount(two, 2));
  EXPECT_EQ(CheckParameterCount(two, 1).error().message,
            "Parameter count mismatch: expected 2 parameters, got 1");
  EXPECT_EQ(CheckParameterCount(two, 3).error().code, ErrorCode::kParamCountMismatch);
  EXPECT_EQ(CheckParameterCount({}, 1).error().code, ErrorCode::kParamCountMismatch);
  const std::vector<uint32_t> gap = {1, 3};
  EXPECT_FALSE(CheckParameterCount(gap, 2));
  EXPECT_FALSE(CheckParameterCount(gap, 3));
}

TEST(ParameterTest, LimitsComeFromTheSettings) {
  config::Settings settings;
  const std::string at_limit(524'288, 'x');
  const std::string above(524'289, 'x');
  EXPECT_TRUE(CheckParameterLimits(std::vector<Value>{Value::Text(at_limit)}, settings));
  EXPECT_EQ(CheckParameterLimits(std::vector<Value>{Value::Text(above)}, settings).error().message,
            "Parameter size exceeded: parameter at index 0 is 524289 bytes (max 524288 bytes)");
  EXPECT_TRUE(CheckParameterLimits(std::vector<Value>(50), settings));
  EXPECT_FALSE(CheckParameterLimits(std::vector<Value>(51), settings));
  settings.execution.max_parameters = 2;
  EXPECT_FALSE(CheckParameterLimits(std::vector<Value>(3), settings));
}

TEST(PlanCacheTest, ForgetsOldCatalogVersionsAndStaysBounded) {
  PlanCache cache(32);
  auto plan = std::make_shared<Plan>();
  plan->catalog_version = 1;
  cache.Insert("a", plan);
  EXPECT_EQ(cache.Find("a", 1), plan);
  EXPECT_EQ(cache.Find("a", 2), nullptr);
  EXPECT_EQ(cache.Find("a", 1), nullptr);
  for (int i = 0; i < 1000; ++i) cache.Insert("k" + std::to_string(i), plan);
  EXPECT_LE(cache.size(), 32u);
}

TEST(HandlersTest, RowsAreFoundByKind) {
  EXPECT_EQ(HandlerOf(StatementKind::kSelect).name, "SELECT");
  EXPECT_EQ(HandlerOf(StatementKind::kRollback).name, "ROLLBACK");
}

TEST(HandlersTest, EveryKindHasARowOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::kCount); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    const HandlerRow& row = HandlerOf(kind);
    EXPECT_EQ(row.kind, kind);
    EXPECT_EQ(row.name, StatementName(kind)) << "the parser and the handler table call it differently";
    EXPECT_NE(row.run, nullptr);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.access == Access::kAdmin, !row.admin_area.empty()) << row.name;
  }
}

TEST(WorkerPoolTest, RefusesWhenFullAndRunsWhatItTook) {
  WorkerPool pool(1, 1);
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<int> ran{0};
  ASSERT_TRUE(pool.Post([&] {
    started.set_value();
    release.get_future().wait();
    ++ran;
  }));
  started.get_future().wait();
  ASSERT_TRUE(pool.Post([&] { ++ran; }));
  EXPECT_FALSE(pool.Post([&] { ++ran; }));
  release.set_value();
  pool.Stop();
  EXPECT_EQ(ran, 2);
  EXPECT_FALSE(pool.Post([] {}));
}

}  // namespace
}  // namespace kalam::sql
