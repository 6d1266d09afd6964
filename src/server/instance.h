// Instance: one database, opened bottom-up and stopped in reverse. Everything but the network.
#pragma once

#include <memory>
#include <vector>

#include "auth/audit_log.h"
#include "auth/login.h"
#include "auth/passwords.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "cold/object_reader.h"
#include "cold/storage/storage_resolver.h"
#include "config/settings.h"
#include "engine/engine.h"
#include "engine/parquet_writer.h"
#include "hot/store.h"
#include "jobs/executor.h"
#include "jobs/scheduler.h"
#include "jobs/services.h"
#include "live/hub.h"
#include "live/hub_feed.h"
#include "observe/metrics.h"
#include "sql/executor.h"
#include "sql/services.h"
#include "system/server_facts.h"
#include "tables/column_cache.h"
#include "tables/snowflake.h"
#include "tables/transaction_list.h"
#include "topics/topics.h"

namespace rocksdb {
class Env;
}

namespace kalam::server {

// Owner: main() or a test. Members are in the order of their construction; each uses only those above it.
// Stop() ends work in reverse order; the destructor calls it.
class Instance {
 public:
  // Opens or creates the database under settings.storage.data_path. `env` (not owned) replaces the operating
  // system's files in tests.
  static Result<std::unique_ptr<Instance>> Open(const config::Settings& settings,
                                                rocksdb::Env* env = nullptr);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void Stop();

  const config::Settings& settings() const { return settings_; }
  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }
  hot::Store& store() { return *store_; }
  catalog::Catalog& catalog() { return *catalog_; }
  auth::Users& users() { return *users_; }
  auth::Tokens& tokens() { return *tokens_; }
  auth::Login& login() { return *login_; }
  auth::AuditLog& audit() { return *audit_; }
  auth::HashingThread& hashing() { return *hashing_; }
  live::Hub& hub() { return *hub_; }
  jobs::Scheduler& jobs() { return *jobs_; }
  topics::Topics& topics() { return *topics_; }
  cold::ColdTier& cold() { return *cold_; }
  sql::Executor& executor() { return *executor_; }
  sql::Services& services() { return *services_; }
  observe::Metrics& metrics() { return metrics_; }
  // Modules above add their gauges here before statements run.
  system::ServerFacts& facts() { return facts_; }

 private:
  explicit Instance(const config::Settings& settings);
  void AddMetrics();

  const config::Settings settings_;
  SystemClock clock_;
  SystemRandom random_;
  live::HubFeed hub_feed_;
  observe::Metrics metrics_;
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<cold::StorageResolver> storages_;
  std::unique_ptr<auth::Users> users_;
  std::unique_ptr<auth::Tokens> tokens_;
  std::unique_ptr<auth::AuditLog> audit_;
  std::unique_ptr<auth::HashingThread> hashing_;
  std::unique_ptr<auth::Login> login_;
  std::unique_ptr<cold::ObjectReader> objects_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::ParquetWriter> parquet_;
  std::unique_ptr<cold::ColdTier> cold_;
  std::unique_ptr<tables::SnowflakeIds> snowflake_;
  std::unique_ptr<live::Hub> hub_;
  std::unique_ptr<topics::Topics> topics_;
  std::unique_ptr<jobs::JobServices> job_services_;
  std::vector<std::unique_ptr<jobs::Executor>> executors_;
  std::unique_ptr<jobs::Scheduler> jobs_;
  tables::TransactionList transactions_;
  system::ServerFacts facts_;
  tables::ColumnCache column_cache_;
  std::unique_ptr<sql::Services> services_;
  std::unique_ptr<sql::Executor> executor_;
  bool stopped_ = false;
};

}  // namespace kalam::server
