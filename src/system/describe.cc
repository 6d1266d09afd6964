// system.describe: the columns that DESCRIBE TABLE answers with. It has no rows; the statement makes them.
#include <array>

#include "system/tables.h"

namespace kalam::system {

std::span<const ResultColumn> DescribeColumns() {
  static const std::array<ResultColumn, 9> kColumns = {
      {{"column_name", Type(TypeKind::kText), false, true},
       {"ordinal_position", Type(TypeKind::kInt), false, true},
       {"column_id", Type(TypeKind::kBigInt), false, false},
       {"data_type", Type(TypeKind::kText), false, true},
       {"is_nullable", Type(TypeKind::kBoolean), false, true},
       {"is_primary_key", Type(TypeKind::kBoolean), false, true},
       {"column_default", Type(TypeKind::kText), false, false},
       {"column_comment", Type(TypeKind::kText), false, false},
       {"schema_version", Type(TypeKind::kInt), false, true}}};
  return kColumns;
}

namespace {
Status Rows(const SystemContext&, RowSink&) { return {}; }
}  // namespace

SystemTable DescribeTable() { return {"system", "describe", Readers::kAdmins, &DescribeColumns, &Rows}; }

}  // namespace kalam::system
