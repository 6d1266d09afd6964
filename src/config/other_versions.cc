// What settings files and environments written for the original may hold and this version does not use. A
// setting that we start to use moves from here to kSettingRows.
#include "config/setting_rows.h"

namespace kalam::config {
namespace {

constexpr std::string_view kKeysWithoutEffect[] = {
    "server.api_version",
    "server.enable_http2",
    "limits.max_message_size",
    "performance.request_timeout",
    "performance.tokio_worker_threads",
    "performance.client_disconnect_timeout",
    "storage.rocksdb.disable_wal",
    "storage.rocksdb.compact_on_startup",
    "storage.rocksdb.cf_profiles.",
    "logging.targets.",
    "logging.otlp.enabled",
    "logging.otlp.endpoint",
    "logging.otlp.protocol",
    "logging.otlp.service_name",
    "logging.otlp.timeout_ms",
    "engine.max_partitions",
    "engine.batch_size",
    "flush.flush_batch_size",
    "manifest_cache.eviction_interval_seconds",
    "manifest_cache.max_entries",
    "manifest_cache.eviction_ttl_days",
    "manifest_cache.user_table_weight_factor",
    "retention.enable_dba_stats",
    "retention.dba_stats_retention_days",
    "stream.default_ttl_seconds",
    "stream.default_max_buffer",
    "user_management.cleanup_job_schedule",
    "shutdown.flush.timeout",
    "jobs.wal_cleanup_interval_seconds",
    "execution.sql_plan_cache_ttl_seconds",
    "files.max_size_bytes",
    "files.max_files_per_request",
    "files.max_files_per_folder",
    "files.staging_path",
    "files.allowed_mime_types",
    "security.max_request_body_size",
    "security.cors.allow_private_network",
    "auth.min_password_length",
    "auth.max_password_length",
    "auth.pg_auth_token",
    "oauth.enabled",
    "oauth.auto_provision",
    "oauth.default_role",
    "oauth.providers.",
    "cluster.cluster_id",
    "cluster.node_id",
    "cluster.rpc_addr",
    "cluster.api_addr",
    "cluster.peers",
    "cluster.user_shards",
    "cluster.shared_shards",
    "cluster.heartbeat_interval_ms",
    "cluster.election_timeout_ms",
    "cluster.snapshot_policy",
    "cluster.max_snapshots_to_keep",
    "cluster.replication_timeout_ms",
    "cluster.reconnect_interval_ms",
    "cluster.peer_wait_max_retries",
    "cluster.peer_wait_initial_delay_ms",
    "cluster.peer_wait_max_delay_ms",
    "rpc_tls.enabled",
    "rpc_tls.ca_cert",
    "rpc_tls.server_cert",
    "rpc_tls.server_key",
    "rpc_tls.require_client_cert",
};

constexpr std::string_view kEnvWithoutEffect[] = {
    "KALAMDB_TOKIO_WORKER_THREADS", "KALAMDB_OTLP_ENABLED",       "KALAMDB_OTLP_ENDPOINT",
    "KALAMDB_OTLP_PROTOCOL",        "KALAMDB_OTLP_SERVICE_NAME",  "KALAMDB_OTLP_TIMEOUT_MS",
    "KALAMDB_PG_AUTH_TOKEN",        "KALAMDB_CLUSTER_ID",         "KALAMDB_NODE_ID",
    "KALAMDB_CLUSTER_NODE_ID",      "KALAMDB_CLUSTER_RPC_ADDR",   "KALAMDB_CLUSTER_API_ADDR",
    "KALAMDB_CLUSTER_PEERS",        "KALAMDB_RPC_TLS_ENABLED",    "KALAMDB_RPC_TLS_CA_CERT",
    "KALAMDB_RPC_TLS_SERVER_CERT",  "KALAMDB_RPC_TLS_SERVER_KEY", "KALAMDB_RPC_TLS_REQUIRE_CLIENT_CERT",
};

}  // namespace

std::span<const std::string_view> KeysWithoutEffect() { return kKeysWithoutEffect; }
std::span<const std::string_view> EnvWithoutEffect() { return kEnvWithoutEffect; }

}  // namespace kalam::config
