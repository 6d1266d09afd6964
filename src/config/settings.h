// The server's settings: one struct to read from, one table that describes every key.
//
// Purpose: values with defaults for code (Settings), and one row per key for loading, validation, environment
// overrides, the example file and the settings system table (kSettingRows in settings.cc). A new setting =
// one field here and one row there. Owner: main() loads one and passes references; immutable afterwards, so
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalam::config {

struct Settings {
  struct Server {
    std::string host = "127.0.0.1";
    int64_t port = 8080;
    std::string public_origin;
    int64_t workers = 0;  // I/O threads; 0 = one per core, at most 4
    std::string ui_path;
    bool enable_null_route = false;  // POST /v1/api/null for benchmarks
  } server;
  struct Storage {
    std::string data_path = "./data";
    std::string durability = "sync";  // sync | os
    std::string shared_tables_template = "{namespace}/{tableName}";
    std::string user_tables_template = "{namespace}/{tableName}/{userId}";
    struct RemoteTimeouts {
      int64_t request_timeout_secs = 60;
      int64_t connect_timeout_secs = 10;
    } remote_timeouts;
    int64_t block_cache_bytes = 32 << 20;
    int64_t write_buffer_bytes = 32 << 20;
    int64_t column_cache_bytes = 128 << 20;
    int64_t background_jobs_max = 2;
    int64_t open_files_max = 512;
    int64_t free_bytes_min = 64 << 20;
  } storage;
  struct Limits {
    int64_t default_query_limit = 0;  // rows of a SELECT without LIMIT; 0 = no cap
    int64_t max_query_limit = 0;      // rows of any SELECT; 0 = no cap
    int64_t max_response_bytes = 256 << 20;
    int64_t max_insert_rows = 100'000;  // rows in one INSERT statement
    int64_t max_columns_per_table = 1'000;
  } limits;
  struct Logging {
    std::string level = "info";
    std::string logs_path = "./logs";
    bool log_to_console = true;
    bool log_to_file = false;
    std::string format = "compact";
    int64_t slow_query_threshold_ms = 1200;
  } logging;
  struct Performance {
    int64_t keepalive_timeout = 75;  // seconds
    int64_t max_connections = 25'000;
    int64_t backlog = 4096;
    int64_t client_request_timeout = 5;  // seconds to receive a request head
    int64_t max_header_size = 16'384;
    int64_t worker_max_blocking_threads = 4;  // engine queries and other blocking statements at once
    int64_t worker_queue_max = 1'024;         // blocking statements that may wait; beyond it 503
  } performance;
  struct Engine {
    int64_t memory_limit = 256 << 20;
    int64_t query_parallelism = 0;  // 0 = cores
  } engine;                         // [engine], also spelled [datafusion]
  struct Execution {
    int64_t handler_timeout_seconds = 30;
    int64_t max_parameters = 50;
    int64_t max_parameter_size_bytes = 524'288;
    int64_t sql_plan_cache_max_entries = 2'000;
  } execution;
  struct Flush {
    int64_t default_row_limit = 1'000'000;  // of tables without FLUSH_POLICY; 0 = none
    int64_t default_time_interval = 0;      // seconds, of tables without FLUSH_POLICY; 0 = none
    int64_t check_interval_seconds = 60;
  } flush;
  struct Retention {
    int64_t default_deleted_retention_hours = 168;
    int64_t check_interval_seconds = 3'600;
    int64_t batch_size = 1'000;
  } retention;
  struct Stream {
    int64_t eviction_interval_seconds = 60;
    int64_t eviction_batch_size = 10'000;
  } stream;
  struct Jobs {
    int64_t max_concurrent = 5;
    int64_t max_retries = 3;
    int64_t retry_backoff_ms = 1'000;
    int64_t round_delay_ms = 5'000;
    int64_t active_max = 20'000;
    int64_t history_max = 10'000;
    int64_t history_days = 30;
  } jobs;
  struct Topics {
    int64_t visibility_timeout_secs = 60;
    int64_t long_poll_max_ms = 1'000;
    int64_t max_fetch_bytes = 8 << 20;
    int64_t max_groups_per_topic = 10'000;
    int64_t default_retention_seconds = 604'800;    // 0 = without limit
    int64_t default_retention_max_bytes = 1 << 30;  // 0 = without limit
    int64_t retention_check_interval_seconds = 60;
  } topics;
  struct UserManagement {
    int64_t deletion_grace_period_days = 30;
  } user_management;
  struct Transactions {
    bool enabled = true;
    int64_t timeout_secs = 300;
    int64_t max_buffer_bytes = 104'857'600;
    std::string conflicts = "last_commit_wins";  // last_commit_wins | first_commit_wins
  } transactions;
  struct RateLimit {
    int64_t max_queries_per_sec = 100;  // per user; 0 = no limit
    int64_t max_auth_requests_per_ip_per_sec = 20;
    int64_t max_requests_per_ip_per_sec = 200;
    int64_t max_connections_per_ip = 100;
    int64_t max_messages_per_sec = 10'000;     // per WebSocket; 0 = no limit
    int64_t max_subscriptions_per_user = 100;  // over all sockets
    int64_t request_body_limit_bytes = 10'485'760;
    int64_t ban_duration_seconds = 300;
    bool enable_connection_protection = true;
    int64_t cache_max_entries = 1'000;
    int64_t cache_ttl_seconds = 600;
  } rate_limit;
  struct WebSocket {
    int64_t client_timeout_secs = 10;
    int64_t auth_timeout_secs = 3;
    int64_t heartbeat_interval_secs = 5;
    int64_t outbox_bytes = 1 << 20;  // that may wait for one socket
    int64_t max_subscriptions_per_connection = 100;
  } websocket;
  struct Live {
    bool refuse_drop_with_subscribers = false;
    int64_t page_rows = 1'000;           // of a snapshot page without batch_size
    int64_t paused_bytes = 256 << 10;    // changes kept per subscription while it loads
    int64_t queue_bytes = 64 << 20;      // committed changes that wait to be matched
    int64_t slow_consumer_seconds = 30;  // until a socket that stays full is closed
    int64_t page_push_ms = 100;          // until a page that nobody asked for is sent
    int64_t readers = 2;                 // threads
  } live;
  struct Security {
    std::vector<std::string> trusted_proxy_ranges;
    int64_t max_ws_message_size = 1 << 20;
    bool strict_ws_origin_check = false;
    struct Cors {
      std::vector<std::string> allowed_origins;
      std::vector<std::string> allowed_methods = {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
      std::vector<std::string> allowed_headers = {"Authorization", "Content-Type", "Accept", "Origin",
                                                  "X-Requested-With"};
      std::vector<std::string> expose_headers;
      bool allow_credentials = false;
      int64_t max_age = 3600;
    } cors;
  } security;
  struct Audit {
    bool enabled = true;
    bool dml = false;
    int64_t retention_days = 90;
    int64_t max_entries = 200'000;
  } audit;
  struct Auth {
    std::string root_password;
    std::string jwt_secret = "CHANGE_ME_IN_PRODUCTION";
    std::string jwt_trusted_issuers;
    int64_t jwt_expiry_hours = 24;
    bool cookie_secure = true;
    int64_t bcrypt_cost = 12;
    int64_t max_failed_logins = 5;
    int64_t lockout_minutes = 15;
    bool enforce_password_complexity = false;
    bool allow_remote_setup = false;
  } auth;  // [auth], also spelled [authentication]
};

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> warnings;  // unknown keys by name, "[dead]" keys, insecure choices
};

// Reads an environment variable; nullptr when unset. A parameter so that tests need no process environment.
using EnvLookup = std::function<const char*(const char*)>;

// Defaults, then the file (`toml_text` empty = no file), then the environment; then validation. Errors name
// the key, the value and what is allowed. `file_name` appears in messages.
Result<LoadedSettings> LoadSettings(std::string_view toml_text, std::string_view file_name,
                                    const EnvLookup& env);

// One row per key, for system.settings and documentation. Secrets show as "***".
struct SettingInfo {
  std::string name;  // "server.port"
  std::string value;
  std::string default_value;
  std::string type;  // integer, boolean, text, list of text
  std::string env;   // environment variable or empty
  std::string description;
};
std::vector<SettingInfo> DescribeSettings(const Settings& settings);

// The complete example file (server.example.toml is this text; a test compares them).
std::string ExampleToml();

}  // namespace kalam::config
