// system.stats: the server's numbers as of this moment, one row each.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "system/process.h"
#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr int64_t kMiB = 1 << 20;

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 2> kColumns = {
      {{"metric_name", Type(TypeKind::kText), true, true},
       {"metric_value", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

// Writes rows until one fails.
class StatWriter {
 public:
  explicit StatWriter(RowSink& out) : out_(out) {}
  void Add(std::string_view name, std::string_view value) {
    if (!status_) return;
    const std::array<Value, 2> row = {Value::Text(name), Value::Text(value)};
    status_ = out_.Row(row);
  }
  void Add(std::string_view name, int64_t value) { Add(name, fmt::to_string(value)); }
  Status status() const { return status_; }

 private:
  RowSink& out_;
  Status status_;
};

void AddServer(const SystemContext& context, StatWriter& out) {
  const int64_t seconds = (context.clock.WallMicros() - context.server.started_at_micros) / 1'000'000;
  out.Add("server_uptime_seconds", seconds);
  out.Add("server_uptime_human", HumanDuration(seconds));
  out.Add("server_version", context.server.version);
  out.Add("server_build_date", context.server.build_date);
  out.Add("node_id", 1);
  out.Add("cluster_mode", "false");
}

void AddProcess(StatWriter& out) {
  const ProcessFacts facts = ReadProcess();
  out.Add("pid", facts.pid);
  out.Add("cpu_logical_cores", facts.cores);
  out.Add("memory_usage_mb", facts.resident_bytes / kMiB);
  out.Add("memory_usage_bytes", facts.resident_bytes);
  out.Add("memory_usage_source", "rss");
  out.Add("memory_rss_mb", facts.resident_bytes / kMiB);
  out.Add("memory_rss_bytes", facts.resident_bytes);
  out.Add("memory_virtual_mb", facts.virtual_bytes / kMiB);
  out.Add("memory_virtual_bytes", facts.virtual_bytes);
  out.Add("system_total_memory_mb", facts.machine_memory_bytes / kMiB);
  out.Add("system_used_memory_mb", (facts.machine_memory_bytes - facts.machine_free_bytes) / kMiB);
  out.Add("thread_count", facts.threads);
  out.Add("open_files_total", facts.open_files);
  out.Add("open_files_sockets", facts.open_sockets);
}

void AddSettings(const config::Settings& settings, StatWriter& out) {
  const ProcessFacts facts = ReadProcess();
  const int64_t workers =
      settings.server.workers > 0 ? settings.server.workers : std::min<int64_t>(facts.cores, 4);
  out.Add("server_workers_configured", settings.server.workers);
  out.Add("server_workers_effective", workers);
  out.Add("max_connections", settings.performance.max_connections);
  out.Add("max_connections_configured", settings.performance.max_connections);
  out.Add("connection_backlog", settings.performance.backlog);
  out.Add("worker_max_blocking_threads", settings.performance.worker_max_blocking_threads);
  out.Add("datafusion_query_parallelism", settings.engine.query_parallelism);
  out.Add("datafusion_memory_limit_mb", settings.engine.memory_limit / kMiB);
  out.Add("plan_cache_max_entries", settings.execution.sql_plan_cache_max_entries);
}

void AddCatalog(const SystemContext& context, StatWriter& out) {
  const auto snapshot = context.catalog.Snapshot();
  const auto tables = static_cast<int64_t>(snapshot->table_count());
  out.Add("total_users", static_cast<int64_t>(context.users.List().size()));
  out.Add("total_namespaces", static_cast<int64_t>(snapshot->Namespaces().size()));
  out.Add("total_tables", tables);
  out.Add("schema_registry_size", tables);
  out.Add("last_seq", context.store.last_seq().value);
  out.Add("commit_sync_micros", context.store.sync_micros());
  out.Add("durability", context.settings.storage.durability);
}

Status Rows(const SystemContext& context, RowSink& out) {
  StatWriter writer(out);
  AddServer(context, writer);
  AddProcess(writer);
  AddSettings(context.settings, writer);
  AddCatalog(context, writer);
  for (const auto& [name, read] : context.server.gauges) writer.Add(name, read());
  return writer.status();
}

}  // namespace

SystemTable StatsTable() { return {"system", "stats", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
