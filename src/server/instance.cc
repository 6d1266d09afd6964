#include "server/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "cold/storage/storage_template.h"
#include "hot/key_codec.h"
#include "jobs/backup/restore.h"
#include "jobs/list.h"
#include "jobs/table_job.h"
#include "observe/log.h"
#include "server/version.h"

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
  options.free_bytes_min = static_cast<uint64_t>(settings.storage.free_bytes_min);
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
  // Two more than statements can use: jobs read and move cold rows.
  options.connections = static_cast<int>(settings.performance.worker_max_blocking_threads) + 2;
  return options;
}

live::HubOptions HubOptionsOf(const config::Settings& settings) {
  live::HubOptions options;
  options.subscriptions_per_user_max = static_cast<size_t>(settings.rate_limit.max_subscriptions_per_user);
  options.subscriptions_per_connection_max =
      static_cast<size_t>(settings.websocket.max_subscriptions_per_connection);
  options.page_rows = static_cast<uint32_t>(settings.live.page_rows);
  options.paused_bytes_max = static_cast<size_t>(settings.live.paused_bytes);
  options.queue_bytes_max = static_cast<size_t>(settings.live.queue_bytes);
  options.push_after_micros = settings.live.page_push_ms * 1'000;
  options.lag_micros_max = settings.live.slow_consumer_seconds * 1'000'000;
  options.readers = static_cast<size_t>(settings.live.readers);
  return options;
}

jobs::SchedulerOptions SchedulerOptionsOf(const config::Settings& settings) {
  jobs::SchedulerOptions options;
  options.threads = static_cast<int>(settings.jobs.max_concurrent);
  options.max_retries = settings.jobs.max_retries;
  options.retry_backoff_ms = settings.jobs.retry_backoff_ms;
  options.round_delay_ms = settings.jobs.round_delay_ms;
  options.active_max = settings.jobs.active_max;
  options.history_max = settings.jobs.history_max;
  options.history_days = settings.jobs.history_days;
  return options;
}

topics::TopicOptions TopicOptionsOf(const config::Settings& settings) {
  topics::TopicOptions options;
  options.visibility_timeout_ms = settings.topics.visibility_timeout_secs * 1'000;
  options.long_poll_ms_max = settings.topics.long_poll_max_ms;
  options.fetch_bytes_max = settings.topics.max_fetch_bytes;
  options.groups_max = settings.topics.max_groups_per_topic;
  options.retention.seconds = settings.topics.default_retention_seconds;
  options.retention.bytes_max = settings.topics.default_retention_max_bytes;
  return options;
}

auth::AuditOptions AuditOptionsOf(const config::Settings& settings) {
  constexpr int64_t kDayMillis = 86'400'000;
  auth::AuditOptions options;
  options.enabled = settings.audit.enabled;
  options.retention_millis = settings.audit.retention_days * kDayMillis;
  options.entries_max = settings.audit.max_entries;
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

// A text that is made at the first start and kept in the meta space.
Result<std::string> KeptText(const char* key, const std::function<std::string()>& make, hot::Store& store) {
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, key, stored));
  if (found) return std::string(stored.bytes());
  std::string text = make();
  hot::Batch batch;
  batch.meta.push_back({key, text});
  KALAM_TRY(store.Commit(std::move(batch)).status);
  return text;
}

// The signing secret of this database: the configured one, or one that is made at the first start and kept in
// the meta space.
Result<std::string> TokenSecret(const config::Settings& settings, hot::Store& store, Random& random) {
  if (!settings.auth.jwt_secret.empty()) return settings.auth.jwt_secret;
  return KeptText("server/jwt_secret", [&] { return UuidV4(random) + UuidV4(random); }, store);
}

Result<std::unique_ptr<cold::StorageResolver>> OpenStorages(const config::Settings& settings,
                                                            hot::Store& store,
                                                            const catalog::Catalog& catalog,
                                                            const Clock& clock, Random& random) {
  cold::StorageDefaults defaults;
  defaults.data_path = settings.storage.data_path;
  defaults.shared_tables_template = settings.storage.shared_tables_template;
  defaults.user_tables_template = settings.storage.user_tables_template;
  KALAM_TRY(cold::ValidateTemplate(cold::TemplateKind::kShared, defaults.shared_tables_template));
  KALAM_TRY(cold::ValidateTemplate(cold::TemplateKind::kUser, defaults.user_tables_template));
  defaults.connect_timeout_ms = settings.storage.remote_timeouts.connect_timeout_secs * 1000;
  defaults.request_timeout_ms = settings.storage.remote_timeouts.request_timeout_secs * 1000;
  defaults.env = [](const char* name) { return std::getenv(name); };
  KALAM_ASSIGN(cold::SecretBox secrets, cold::SecretBox::Open(defaults.data_path + "/storage.key", random));
  defaults.secrets = std::make_shared<const cold::SecretBox>(std::move(secrets));
  KALAM_ASSIGN(defaults.owner, KeptText("server/instance_id", [&] { return UuidV4(random); }, store));
  return std::make_unique<cold::StorageResolver>(
      std::move(defaults), [&catalog](std::string_view id) { return catalog.Snapshot()->FindStorage(id); },
      clock);
}

// What jobs ask the cold tier.
void ConnectColdJobs(jobs::JobServices& services, cold::ColdTier& cold) {
  services.pending = [&cold](std::span<const TableId> tables,
                             int64_t rows_max) -> Result<std::vector<jobs::PendingRows>> {
    KALAM_ASSIGN(const auto pending, cold.Pending(tables, static_cast<uint64_t>(rows_max)));
    std::vector<jobs::PendingRows> rows;
    for (const cold::PendingTable& table : pending) {
      rows.push_back({table.table, static_cast<int64_t>(table.rows), table.oldest_wall_ms});
    }
    return rows;
  };
  services.compactable = [&cold] { return cold.Compactable(); };
  services.collect_garbage = [&cold]() -> Status {
    KALAM_TRY(cold.CollectGarbage());
    return {};
  };
  services.erase_cold = [&cold](std::string_view prefix) -> Result<jobs::ErasedCold> {
    KALAM_ASSIGN(const cold::RemovalReport removed, cold.Remove(std::string(prefix)));
    return jobs::ErasedCold{static_cast<int64_t>(removed.rows), static_cast<int64_t>(removed.bytes),
                            removed.done};
  };
  services.read_cold = [&cold](const catalog::Table& table, const hot::Snapshot& snapshot,
                               const jobs::RowFn& visit) {
    return cold.ReadRows(tables::ShapeOf(table), hot::SharedPrefix(table.id), snapshot, visit);
  };
}

}  // namespace

Instance::Instance(const config::Settings& settings)
    : settings_(settings), column_cache_(static_cast<size_t>(settings.storage.column_cache_bytes)) {}

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
  i.store_->AddObserver(i.hub_feed_);
  KALAM_ASSIGN(i.catalog_, catalog::Catalog::Open(*i.store_, i.clock_));
  KALAM_ASSIGN(i.storages_, OpenStorages(settings, *i.store_, *i.catalog_, i.clock_, i.random_));
  KALAM_ASSIGN(std::string root_hash, RootPasswordHash(settings, *i.store_, i.random_));
  KALAM_ASSIGN(i.users_, auth::Users::Open(*i.store_, i.clock_, std::move(root_hash)));
  KALAM_ASSIGN(std::string secret, TokenSecret(settings, *i.store_, i.random_));
  i.tokens_ = std::make_unique<auth::Tokens>(
      auth::TokenOptions{std::move(secret), settings.auth.jwt_expiry_hours}, *i.users_, i.clock_);
  KALAM_ASSIGN(i.audit_, auth::AuditLog::Open(*i.store_, i.clock_, i.random_, AuditOptionsOf(settings)));
  i.hashing_ = std::make_unique<auth::HashingThread>();
  i.login_ = std::make_unique<auth::Login>(
      *i.users_, i.clock_,
      auth::LoginOptions{static_cast<int>(settings.auth.bcrypt_cost), settings.auth.max_failed_logins,
                         settings.auth.lockout_minutes},
      i.audit_.get());
  i.objects_ = std::make_unique<cold::ObjectReader>(*i.storages_, *i.store_);
  engine::EngineOptions engine_options = EngineOptionsOf(settings);
  engine_options.files = i.objects_.get();
  KALAM_ASSIGN(i.engine_, engine::Engine::Open(engine_options, i.clock_, i.random_));
  i.parquet_ = std::make_unique<engine::ParquetWriter>(
      i.random_, static_cast<size_t>(settings.engine.memory_limit), i.objects_.get());
  cold::TierOptions tier_options;
  tier_options.sort_bytes_max =
      static_cast<uint32_t>(std::min<int64_t>(settings.engine.memory_limit / 4, 1 << 30));
  i.cold_ = std::make_unique<cold::ColdTier>(*i.store_, *i.engine_, *i.parquet_, *i.storages_, i.clock_,
                                             tier_options);
  KALAM_TRY(i.cold_->Open());
  i.snowflake_ = std::make_unique<tables::SnowflakeIds>(i.clock_, kSnowflakeWorker, i.store_->last_seq());
  i.facts_ = {kVersion, BuildDate(), i.clock_.WallMicros(), {}};
  KALAM_ASSIGN(i.topics_, topics::Topics::Open(*i.store_, *i.catalog_, *i.engine_, i.clock_, i.metrics_,
                                               TopicOptionsOf(settings)));
  i.job_services_ = std::make_unique<jobs::JobServices>(
      jobs::JobServices{i.settings_, i.clock_, *i.store_, *i.catalog_, *i.users_});
  i.job_services_->topics = i.topics_.get();
  i.job_services_->cold = i.cold_.get();
  i.executors_ = jobs::MakeExecutors(*i.job_services_);
  KALAM_TRY(jobs::SweepRestores(*i.store_));
  KALAM_ASSIGN(i.jobs_, jobs::Scheduler::Open(*i.store_, i.clock_, i.random_, SchedulerOptionsOf(settings),
                                              i.executors_));
  i.services_ = std::make_unique<sql::Services>(
      sql::Services{i.settings_, i.clock_, i.random_, *i.store_, *i.catalog_, *i.users_, *i.storages_,
                    *i.engine_, *i.snowflake_, *i.jobs_, *i.topics_, i.transactions_, *i.audit_, i.metrics_,
                    *i.cold_, i.facts_, i.column_cache_});
  i.hub_ = std::make_unique<live::Hub>(*i.store_, *i.catalog_, *i.users_, *i.engine_, i.cold_.get(), i.clock_,
                                       HubOptionsOf(i.settings_));
  i.hub_feed_.Attach(*i.hub_);
  i.services_->live = i.hub_.get();
  i.executor_ = std::make_unique<sql::Executor>(*i.services_);
  i.job_services_->store_of = [storages = i.storages_.get()](std::string_view id) {
    return storages->StoreOf(id);
  };
  ConnectColdJobs(*i.job_services_, *i.cold_);
  i.job_services_->create_job = [scheduler = i.jobs_.get()](jobs::JobRequest request) {
    return jobs::CreateUnlessActive(*scheduler, std::move(request));
  };
  // Last: jobs use everything above.
  i.jobs_->Start(jobs::MakePlanners(*i.job_services_, *i.jobs_));
  i.AddMetrics();
  return instance;
}

// What is asked for when somebody looks; counters belong to those who count.
void Instance::AddMetrics() {
  metrics_.AddGaugeReader("kalam_uptime_seconds", "Seconds since the database was opened.",
                          [this, start = clock_.MonotonicNanos()] {
                            return static_cast<double>((clock_.MonotonicNanos() - start) / 1'000'000) / 1e3;
                          });
  metrics_.AddGaugeReader("kalam_namespaces", "Namespaces.",
                          [this] { return static_cast<double>(catalog_->Snapshot()->Namespaces().size()); });
  metrics_.AddGaugeReader("kalam_tables", "Tables of all namespaces.",
                          [this] { return static_cast<double>(catalog_->Snapshot()->Tables().size()); });
  metrics_.AddGaugeReader("kalam_column_cache_bytes", "Memory that columns of fresh rows take.",
                          [this] { return static_cast<double>(column_cache_.bytes()); });
  metrics_.AddGaugeReader("kalam_column_cache_hits", "Scans that found columns of fresh rows in memory.",
                          [this] { return static_cast<double>(column_cache_.hits()); });
  metrics_.AddGaugeReader("kalam_users", "Accounts, dropped ones too.",
                          [this] { return static_cast<double>(users_->List().size()); });
  metrics_.AddGaugeReader("kalam_transactions_open", "Explicit transactions between BEGIN and COMMIT.",
                          [this] { return static_cast<double>(transactions_.size()); });
  metrics_.AddGaugeReader("kalam_commit_sync_seconds", "Median of recent disk syncs of commits.",
                          [this] { return static_cast<double>(store_->sync_micros()) / 1e6; });
  const auto live = [this](uint64_t live::HubCounters::* counter) {
    return [this, counter] { return static_cast<double>(hub_->Counters().*counter); };
  };
  metrics_.AddGaugeReader("kalam_live_connections", "Open live connections.",
                          live(&live::HubCounters::connections));
  metrics_.AddGaugeReader("kalam_live_subscriptions", "Live subscriptions.",
                          live(&live::HubCounters::subscriptions));
  metrics_.AddGaugeReader("kalam_live_deliveries",
                          "Changes that were given to subscriptions, since the start.",
                          live(&live::HubCounters::deliveries));
  metrics_.AddGaugeReader("kalam_live_resyncs",
                          "Subscriptions that were synchronised again, since the start.",
                          live(&live::HubCounters::resyncs));
  metrics_.AddGaugeReader("kalam_log_lines_lost", "Log lines that could not be written.",
                          [] { return static_cast<double>(observe::LostLogLines()); });
  metrics_.AddGaugeReader("kalam_topics_topics", "Topics.",
                          [this] { return static_cast<double>(topics_->List().size()); });
  // The same numbers in SQL. The front counts its connections in this gauge.
  const observe::Gauge& connections = metrics_.AddGauge("kalam_http_connections", "Open connections.");
  facts_.gauges.emplace_back("active_connections", [&connections] { return connections.value(); });
  facts_.gauges.emplace_back("topic_cache_topic_count",
                             [this] { return static_cast<int64_t>(topics_->List().size()); });
  facts_.gauges.emplace_back("topic_cache_total_routes", [this] {
    int64_t routes = 0;
    for (const topics::TopicPtr& topic : topics_->List())
      routes += static_cast<int64_t>(topic->routes.size());
    return routes;
  });
  facts_.gauges.emplace_back("open_transactions",
                             [this] { return static_cast<int64_t>(transactions_.size()); });
}

Instance::~Instance() { Stop(); }

void Instance::Stop() {
  if (std::exchange(stopped_, true)) return;
  if (executor_) executor_->Stop();
  if (hub_) hub_->Stop();
  if (jobs_) jobs_->Stop();
  if (hashing_) hashing_->Stop();
  if (store_) store_->Stop();
}

}  // namespace kalam::server
