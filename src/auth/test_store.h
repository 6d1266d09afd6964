// A store in a folder of its own, for the tests of auth.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "hot/store.h"

namespace kalam::auth {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("auth_test." + std::to_string(getpid()) + "." + test->test_suite_name() + "." + test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ReopenStore();
  }
  void ReopenStore() {
    CloseStore();
    // The kernel keeps what a test process wrote; waiting for the disk would only make the tests slow.
    auto store = hot::Store::Open({.path = folder_ / "db", .durability = hot::Durability::kOs}, clock_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  void CloseStore() {
    if (store_) store_->Stop();
    store_.reset();
  }
  void TearDown() override {
    CloseStore();
    std::filesystem::remove_all(folder_);
  }

  ManualClock clock_{1'767'225'600'000'000};  // 2026-01-01
  std::filesystem::path folder_;
  std::unique_ptr<hot::Store> store_;
};

}  // namespace kalam::auth
