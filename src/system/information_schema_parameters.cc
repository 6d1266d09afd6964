// information_schema.parameters: empty. Functions take arguments of many types, which this table cannot say.
#include <array>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 10> kColumns = {
      {{"specific_catalog", Type(TypeKind::kText), false, true},
       {"specific_schema", Type(TypeKind::kText), false, true},
       {"specific_name", Type(TypeKind::kText), false, true},
       {"ordinal_position", Type(TypeKind::kUBigInt), false, true},
       {"parameter_mode", Type(TypeKind::kText), false, true},
       {"parameter_name", Type(TypeKind::kText), false, false},
       {"data_type", Type(TypeKind::kText), false, true},
       {"parameter_default", Type(TypeKind::kText), false, false},
       {"is_variadic", Type(TypeKind::kBoolean), false, true},
       {"rid", Type(TypeKind::kSmallInt), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext&, RowSink&) { return {}; }

}  // namespace

SystemTable InformationSchemaParameters() {
  return {"information_schema", "parameters", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
