// A database in this process, driven with SQL, for the tests of the cold tier: flush and compaction are
// called directly, so that a test knows when they happen.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cold/cold_tier.h"
#include "front/error_table.h"
#include "server/instance.h"
#include "tables/read_view.h"

namespace kalam {

using Rows = std::vector<std::vector<std::string>>;

struct Answer {
  bool ok = false;
  std::string code;
  std::string message;
  Rows rows;              // of the last statement with rows; cells as JSON text
  int64_t affected = -1;  // of the last statement
};

class Database {
 public:
  Database() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-cold-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    Open();
    for (const char* user : {"root", "alice", "bob"}) {
      const Role role = std::string_view(user) == "root" ? Role::kSystem : Role::kUser;
      principals_[user] = std::make_shared<const Principal>(Principal{user, role});
    }
  }
  ~Database() {
    instance_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& folder() const { return folder_; }
  server::Instance& instance() { return *instance_; }

  void Restart() {
    if (instance_) instance_->Stop();
    instance_.reset();
    Open();
  }

  Answer Run(const std::string& sql, const std::string& user = "root", bool force_engine = false) {
    sql::Payload payload;
    payload.sql = sql;
    payload.name_space = "default";
    payload.principal = principals_.at(user);
    payload.request_id = "cold-" + std::to_string(++requests_);
    payload.client_ip = "127.0.0.1";
    payload.force_engine = force_engine;
    payload.received_at_micros = instance_->clock().WallMicros();
    std::promise<Answer> promise;
    instance_->executor().Execute(payload, [&](std::expected<wire::SqlResponse, sql::ExecutionError> done) {
      Answer answer;
      if (done) {
        answer = Decode(std::move(*done).FinishSuccess("cold", 0));
      } else {
        answer.code = front::WireCode(done.error().error);
        answer.message = done.error().error.message;
      }
      promise.set_value(std::move(answer));
    });
    return promise.get_future().get();
  }

  // Of a table that exists.
  cold::TableWork WorkOn(const std::string& ns, const std::string& table) {
    cold::TableWork work;
    work.shape = [this, ns, table]() -> Result<cold::TableShape> {
      const auto found = instance_->catalog().Snapshot()->FindTable(ns, table);
      if (found) return tables::ShapeOf(*found);
      return Fail(ErrorCode::kNotFoundTable, "gone");
    };
    work.storage_of = [](std::string_view) { return "local"; };
    return work;
  }
  Result<cold::FlushReport> Flush(const std::string& ns, const std::string& table) {
    return instance_->cold().Flush(WorkOn(ns, table));
  }
  Result<cold::CompactReport> Compact(const std::string& ns, const std::string& table) {
    return instance_->cold().Compact(WorkOn(ns, table));
  }
  // Parquet files of all storages on disk.
  size_t Files() const {
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      files += entry.path().extension() == ".parquet";
    }
    return files;
  }

 private:
  void Open() {
    config::Settings settings;
    settings.storage.data_path = folder_ + "/data";
    settings.storage.durability = "os";
    settings.auth.bcrypt_cost = 4;
    settings.auth.root_password = "Cold-root-1";
    settings.auth.jwt_secret = "a-secret-only-for-tests-0123456789-abcdefghijklmnop";
    auto opened = server::Instance::Open(settings);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    instance_ = std::move(*opened);
  }

  static Answer Decode(const std::string& body) {
    Answer answer;
    answer.ok = true;
    simdjson::dom::parser parser;
    const simdjson::dom::element document = parser.parse(body);
    for (const simdjson::dom::element result : document["results"].get_array()) {
      simdjson::dom::element value;
      if (result["rows_affected"].get(value) == simdjson::SUCCESS) answer.affected = value.get_int64();
      if (result["rows"].get(value) != simdjson::SUCCESS) continue;
      answer.rows.clear();
      for (const simdjson::dom::element row : value.get_array()) {
        auto& cells = answer.rows.emplace_back();
        for (const simdjson::dom::element cell : row.get_array()) {
          cells.push_back(cell.is_string() ? std::string(std::string_view(cell)) : simdjson::to_string(cell));
        }
      }
    }
    return answer;
  }

  std::string folder_;
  std::unique_ptr<server::Instance> instance_;
  std::map<std::string, std::shared_ptr<const Principal>> principals_;
  std::atomic<int> requests_ = 0;
};

}  // namespace kalam
