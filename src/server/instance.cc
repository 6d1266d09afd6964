#include "server/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace kalam::server {
namespace {

constexpr uint16_t kCommitWorker = 1;     // in _seq
constexpr uint16_t kSnowflakeWorker = 2;  // in SNOWFLAKE_ID()
// Setup and root always use this cost; SQL user management uses auth.bcrypt_cost.
constexpr int kRootBcryptCost = 12;

hot::StoreOptions StoreOptionsOf(const config::Settings& settings, rocksdb::Env* env) {
  hot::StoreOptions options;
  options.path = settings.storage.data_path + "/rocksdb";
  options.durability = settings.storage.durability == "os" ? hot::Durability::kOs : hot::Durability::kSync;
  options.block_cache_bytes = static_cast<size_t>(settings.storage.block_cache_bytes);
  options.write_buffer_bytes = static_cast<size_t>(settings.storage.write_buffer_bytes);
  options.background_jobs = static_cast<int>(settings.storage.background_jobs_max);
  options.open_files_max = static_cast<int>(settings.storage.open_files_max);
  options.worker_id = kCommitWorker;
  options.env = env;
  return options;
}

engine::EngineOptions EngineOptionsOf(const config::Settings& settings) {
  engine::EngineOptions options;
  options.memory_bytes_max = static_cast<size_t>(settings.engine.memory_limit);
  const auto cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.threads =
      settings.engine.query_parallelism > 0 ? static_cast<int>(settings.engine.query_parallelism) : cores;
  options.connections = static_cast<int>(settings.performance.worker_max_blocking_threads);
  return options;
}

// Of the configured root password; empty when there is none or root exists already, since hashing takes a
// quarter of a second.
Result<std::string> RootPasswordHash(const config::Settings& settings, const hot::Store& store,
                                     Random& random) {
  if (settings.auth.root_password.empty()) return std::string();
  hot::PinnedBytes root;
  KALAM_ASSIGN(const bool exists, store.Get(hot::Space::kMeta, "user/root", root));
  if (exists) return std::string();
  const int cost = std::min(kRootBcryptCost, static_cast<int>(settings.auth.bcrypt_cost));
  return auth::HashPassword(settings.auth.root_password, cost, random);
}

// The signing secret of this database: the configured one, or one that is made at the first start and kept in
// the meta space.
Result<std::string> TokenSecret(const config::Settings& settings, hot::Store& store, Random& random) {
  constexpr char kKey[] = "server/jwt_secret";
  if (!settings.auth.jwt_secret.empty()) return settings.auth.jwt_secret;
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, kKey, stored));
  if (found) return std::string(stored.bytes());
  std::string secret;
  for (int i = 0; i < 2; ++i) secret += UuidV4(random);
  hot::Batch batch;
  batch.meta.push_back({kKey, secret});
  KALAM_TRY(store.Commit(std::move(batch)).status);
  return secret;
}

}  // namespace

Instance::Instance(const config::Settings& settings) : settings_(settings) {}

Result<std::unique_ptr<Instance>> Instance::Open(const config::Settings& settings, rocksdb::Env* env) {
  std::error_code error;
  std::filesystem::create_directories(settings.storage.data_path, error);
  if (error) {
    return Fail(ErrorCode::kIo, fmt::format("Cannot create data folder '{}': {}", settings.storage.data_path,
                                            error.message()));
  }
  std::unique_ptr<Instance> instance(new Instance(settings));
  Instance& i = *instance;
  KALAM_ASSIGN(i.store_, hot::Store::Open(StoreOptionsOf(settings, env), i.clock_));
  KALAM_ASSIGN(i.catalog_, catalog::Catalog::Open(*i.store_, i.clock_));
  KALAM_ASSIGN(std::string root_hash, RootPasswordHash(settings, *i.store_, i.random_));
  KALAM_ASSIGN(i.users_, auth::Users::Open(*i.store_, i.clock_, std::move(root_hash)));
  KALAM_ASSIGN(std::string secret, TokenSecret(settings, *i.store_, i.random_));
  i.tokens_ = std::make_unique<auth::Tokens>(
      auth::TokenOptions{std::move(secret), settings.auth.jwt_expiry_hours}, *i.users_, i.clock_);
  i.hashing_ = std::make_unique<auth::HashingThread>();
  i.login_ = std::make_unique<auth::Login>(*i.users_, i.clock_, static_cast<int>(settings.auth.bcrypt_cost));
  KALAM_ASSIGN(i.engine_, engine::Engine::Open(EngineOptionsOf(settings), i.clock_, i.random_));
  i.snowflake_ = std::make_unique<tables::SnowflakeIds>(i.clock_, kSnowflakeWorker, i.store_->last_seq());
  i.services_ = std::make_unique<sql::Services>(sql::Services{
      i.settings_, i.clock_, i.random_, *i.store_, *i.catalog_, *i.users_, *i.engine_, *i.snowflake_});
  i.executor_ = std::make_unique<sql::Executor>(*i.services_);
  return instance;
}

Instance::~Instance() { Stop(); }

void Instance::Stop() {
  if (std::exchange(stopped_, true)) return;
  if (executor_) executor_->Stop();
  if (hashing_) hashing_->Stop();
  if (store_) store_->Stop();
}

}  // namespace kalam::server
