// information_schema.routines: the functions that statements may call. Types depend on the arguments, so the
// columns that would name one type are NULL.
#include <array>

#include "engine/engine.h"
#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 12> kColumns = {
      {{"specific_catalog", Type(TypeKind::kText), false, true},
       {"specific_schema", Type(TypeKind::kText), false, true},
       {"specific_name", Type(TypeKind::kText), false, true},
       {"routine_catalog", Type(TypeKind::kText), false, true},
       {"routine_schema", Type(TypeKind::kText), false, true},
       {"routine_name", Type(TypeKind::kText), false, true},
       {"routine_type", Type(TypeKind::kText), false, true},
       {"is_deterministic", Type(TypeKind::kBoolean), false, false},
       {"data_type", Type(TypeKind::kText), false, false},
       {"function_type", Type(TypeKind::kText), false, false},
       {"description", Type(TypeKind::kText), false, false},
       {"syntax_example", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext&, RowSink& out) {
  const Value none = Value::Null(TypeKind::kText);
  for (const std::string_view name : engine::FunctionNames()) {
    // Operators are functions to the engine, but nobody calls them by name.
    if (name.front() < 'a' || name.front() > 'z') continue;
    const std::array<Value, 12> row = {Value::Text(kCatalogName),
                                       Value::Text("main"),
                                       Value::Text(name),
                                       Value::Text(kCatalogName),
                                       Value::Text("main"),
                                       Value::Text(name),
                                       Value::Text("FUNCTION"),
                                       Value::Null(TypeKind::kBoolean),
                                       none,
                                       none,
                                       none,
                                       none};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable InformationSchemaRoutines() {
  return {"information_schema", "routines", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
