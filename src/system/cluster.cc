// system.cluster: this node.
#include <fmt/format.h>

#include <sys/utsname.h>

#include <array>

#include "system/process.h"
#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr int64_t kMiB = 1 << 20;

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 25> kColumns = {
      {{"cluster_id", Type(TypeKind::kText), false, true},
       {"node_id", Type(TypeKind::kBigInt), true, true},
       {"role", Type(TypeKind::kText), false, true},
       {"status", Type(TypeKind::kText), false, true},
       {"rpc_addr", Type(TypeKind::kText), false, true},
       {"api_addr", Type(TypeKind::kText), false, true},
       {"is_self", Type(TypeKind::kBoolean), false, true},
       {"is_leader", Type(TypeKind::kBoolean), false, true},
       {"groups_leading", Type(TypeKind::kInt), false, true},
       {"total_groups", Type(TypeKind::kInt), false, true},
       {"current_term", Type(TypeKind::kBigInt), false, false},
       {"last_applied_log", Type(TypeKind::kBigInt), false, false},
       {"leader_last_log_index", Type(TypeKind::kBigInt), false, false},
       {"snapshot_index", Type(TypeKind::kBigInt), false, false},
       {"catchup_progress_pct", Type(TypeKind::kSmallInt), false, false},
       {"replication_lag", Type(TypeKind::kBigInt), false, false},
       {"hostname", Type(TypeKind::kText), false, false},
       {"version", Type(TypeKind::kText), false, false},
       {"memory_mb", Type(TypeKind::kBigInt), false, false},
       {"memory_usage_mb", Type(TypeKind::kBigInt), false, false},
       {"cpu_usage_percent", Type(TypeKind::kFloat), false, false},
       {"uptime_seconds", Type(TypeKind::kBigInt), false, false},
       {"uptime_human", Type(TypeKind::kText), false, false},
       {"os", Type(TypeKind::kText), false, false},
       {"arch", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  const ProcessFacts process = ReadProcess();
  const std::string host = HostName();
  const std::string api = fmt::format("{}:{}", context.settings.server.host, context.settings.server.port);
  const int64_t uptime = (context.clock.WallMicros() - context.server.started_at_micros) / 1'000'000;
  const std::string human = HumanDuration(uptime);
  utsname machine = {};
  const bool known = uname(&machine) == 0;
  const Value no_number = Value::Null(TypeKind::kBigInt);
  const std::array<Value, 25> row = {Value::Text("standalone"),
                                     Value::BigInt(1),
                                     Value::Text("leader"),
                                     Value::Text("active"),
                                     Value::Text(""),
                                     Value::Text(api),
                                     Value::Boolean(true),
                                     Value::Boolean(true),
                                     cells::Int(0),
                                     cells::Int(0),
                                     no_number,
                                     no_number,
                                     no_number,
                                     no_number,
                                     Value::Null(TypeKind::kSmallInt),
                                     no_number,
                                     Value::Text(host),
                                     Value::Text(context.server.version),
                                     Value::BigInt(process.machine_memory_bytes / kMiB),
                                     Value::BigInt(process.resident_bytes / kMiB),
                                     Value::Null(TypeKind::kFloat),
                                     Value::BigInt(uptime),
                                     Value::Text(human),
                                     known ? Value::Text(machine.sysname) : Value::Null(TypeKind::kText),
                                     known ? Value::Text(machine.machine) : Value::Null(TypeKind::kText)};
  return out.Row(row);
}

}  // namespace

SystemTable ClusterTable() { return {"system", "cluster", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
