// information_schema.columns: the columns of the tables and views that the caller may read.
#include <array>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 15> kColumns = {
      {{"table_catalog", Type(TypeKind::kText), false, true},
       {"table_schema", Type(TypeKind::kText), false, true},
       {"table_name", Type(TypeKind::kText), false, true},
       {"column_name", Type(TypeKind::kText), false, true},
       {"ordinal_position", Type(TypeKind::kUBigInt), false, true},
       {"column_default", Type(TypeKind::kText), false, false},
       {"is_nullable", Type(TypeKind::kText), false, true},
       {"data_type", Type(TypeKind::kText), false, true},
       {"character_maximum_length", Type(TypeKind::kUBigInt), false, false},
       {"character_octet_length", Type(TypeKind::kUBigInt), false, false},
       {"numeric_precision", Type(TypeKind::kUBigInt), false, false},
       {"numeric_precision_radix", Type(TypeKind::kUBigInt), false, false},
       {"numeric_scale", Type(TypeKind::kUBigInt), false, false},
       {"datetime_precision", Type(TypeKind::kUBigInt), false, false},
       {"interval_type", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

// Digits of a number and the base in which they are counted; 0 = not a number.
struct Digits {
  int64_t count = 0;
  int64_t base = 0;
};
Digits DigitsOf(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kSmallInt:
      return {16, 2};
    case TypeKind::kInt:
      return {32, 2};
    case TypeKind::kBigInt:
      return {64, 2};
    case TypeKind::kFloat:
      return {24, 2};
    case TypeKind::kDouble:
      return {53, 2};
    case TypeKind::kDecimal:
      return {type.precision, 10};
    default:
      return {};
  }
}

bool IsTime(TypeKind kind) {
  return kind == TypeKind::kTimestamp || kind == TypeKind::kDateTime || kind == TypeKind::kTime;
}

struct Described {
  std::string_view ns;
  std::string_view table;
  std::string_view column;
  size_t ordinal = 0;  // from 0
  std::string_view column_default;
  bool nullable = true;
  const DataType& type;
};

Status Add(const Described& column, RowSink& out) {
  const auto count = [](int64_t n) { return Value::Integer(TypeKind::kUBigInt, n); };
  const Value none = Value::Null(TypeKind::kUBigInt);
  const std::string type_name = SqlName(column.type);
  const Digits digits = DigitsOf(column.type);
  const std::array<Value, 15> row = {
      Value::Text(kCatalogName),
      Value::Text(column.ns),
      Value::Text(column.table),
      Value::Text(column.column),
      count(static_cast<int64_t>(column.ordinal) + 1),
      column.column_default.empty() ? Value::Null(TypeKind::kText) : Value::Text(column.column_default),
      Value::Text(column.nullable ? "YES" : "NO"),
      Value::Text(type_name),
      none,
      none,
      digits.base > 0 ? count(digits.count) : none,
      digits.base > 0 ? count(digits.base) : none,
      digits.base == 10 ? count(column.type.scale) : none,
      IsTime(column.type.kind) ? count(6) : none,
      Value::Null(TypeKind::kText)};
  return out.Row(row);
}

Status Rows(const SystemContext& context, RowSink& out) {
  const catalog::SnapshotPtr snapshot = context.catalog.Snapshot();
  for (const catalog::ViewPtr& view : snapshot->Views()) {
    if (!MayReadView(*snapshot, *view, *context.principal)) continue;
    size_t ordinal = 0;
    for (const auto& column : view->columns)
      KALAM_TRY(Add({view->ns, view->name, column.name, ordinal++, "", true, column.type}, out));
  }
  for (const catalog::TablePtr& table : snapshot->Tables()) {
    if (!MayUse(context, *table)) continue;
    const TableSchema& schema = table->schema();
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      const Column& column = schema.columns[i];
      KALAM_TRY(Add(
          {table->ns, table->name, column.name, i, column.default_value.sql, column.nullable, column.type},
          out));
    }
  }
  for (const SystemTable& table : SystemTables()) {
    if (!MayUse(context, table)) continue;
    size_t ordinal = 0;
    for (const ResultColumn& column : table.columns()) {
      KALAM_TRY(Add({table.ns, table.name, column.name, ordinal++, "", !column.not_null, column.type}, out));
    }
  }
  return {};
}

}  // namespace

SystemTable InformationSchemaColumns() {
  return {"information_schema", "columns", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
