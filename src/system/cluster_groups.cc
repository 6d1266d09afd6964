// system.cluster_groups: consensus groups, of which a single node has none.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 14> kColumns = {
      {{"group_id", Type(TypeKind::kBigInt), true, true},
       {"cluster_id", Type(TypeKind::kText), false, true},
       {"node_id", Type(TypeKind::kBigInt), false, true},
       {"group_type", Type(TypeKind::kText), false, true},
       {"current_term", Type(TypeKind::kBigInt), false, false},
       {"vote", Type(TypeKind::kJson), false, false},
       {"last_log_index", Type(TypeKind::kBigInt), false, false},
       {"last_applied", Type(TypeKind::kBigInt), false, false},
       {"snapshot", Type(TypeKind::kBigInt), false, false},
       {"purged", Type(TypeKind::kBigInt), false, false},
       {"committed", Type(TypeKind::kBigInt), false, false},
       {"state", Type(TypeKind::kText), false, false},
       {"current_leader", Type(TypeKind::kBigInt), false, false},
       {"millis_since_quorum_ack", Type(TypeKind::kBigInt), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext&, RowSink&) { return {}; }

}  // namespace

SystemTable ClusterGroupsTable() { return {"system", "cluster_groups", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
