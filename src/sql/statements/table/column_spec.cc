#include "sql/statements/table/column_spec.h"

#include <fmt/format.h>

#include <utility>

#include "base/arena.h"

namespace kalam::sql {
namespace {

// A volatile default must be able to fill the column.
bool DefaultFits(DefaultKind kind, TypeKind type) {
  switch (kind) {
    case DefaultKind::kNow:
      return type == TypeKind::kTimestamp || type == TypeKind::kDateTime || type == TypeKind::kDate ||
             type == TypeKind::kTime;
    // The full id needs 64 bits; the narrower SERIAL spellings would overflow at the first row.
    case DefaultKind::kSnowflakeId:
      return type == TypeKind::kBigInt;
    case DefaultKind::kUuidV7:
      return type == TypeKind::kText || type == TypeKind::kUuid;
    case DefaultKind::kUlid:
    case DefaultKind::kCurrentUser:
      return type == TypeKind::kText;
    case DefaultKind::kNone:
    case DefaultKind::kLiteral:
      return true;
  }
  return false;
}

std::string_view FunctionText(DefaultKind kind) {
  switch (kind) {
    case DefaultKind::kNow:
      return "NOW()";
    case DefaultKind::kSnowflakeId:
      return "SNOWFLAKE_ID()";
    case DefaultKind::kUuidV7:
      return "UUID_V7()";
    case DefaultKind::kUlid:
      return "ULID()";
    case DefaultKind::kCurrentUser:
      return "CURRENT_USER()";
    case DefaultKind::kNone:
    case DefaultKind::kLiteral:
      break;
  }
  return "";
}

}  // namespace

Result<ColumnDefault> MakeDefault(const DefaultClause& clause, const DataType& type,
                                  const Services& services) {
  ColumnDefault stored;
  stored.kind = clause.kind;
  if (clause.kind == DefaultKind::kNone) return stored;
  if (!DefaultFits(clause.kind, type.kind)) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: DEFAULT {} does not fit type {}", FunctionText(clause.kind),
                            SqlName(type)));
  }
  stored.sql = FunctionText(clause.kind);
  if (clause.kind == DefaultKind::kLiteral) {
    Arena arena;
    auto value = services.engine.EvaluateConstant(clause.expression, type, arena);
    if (!value) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: DEFAULT {} is not a constant of type {}: {}",
                              clause.expression, SqlName(type), value.error().message));
    }
    stored.literal = OwnedValue(*value);
    stored.sql = clause.expression;
  }
  return stored;
}

Result<Column> MakeColumn(const ColumnDefinition& definition, const Services& services) {
  if (const Status valid = catalog::ValidateColumnName(definition.name); !valid) {
    return Fail(valid.error().code,
                fmt::format("Invalid column name '{}': {}", definition.name, valid.error().message));
  }
  if (definition.type.kind == TypeKind::kFile || definition.type.kind == TypeKind::kEmbedding) {
    return Fail(Error(ErrorCode::kUnsupported, fmt::format("Column '{}': type {} is not supported yet",
                                                           definition.name, SqlName(definition.type)))
                    .With("feature", SqlName(definition.type)));
  }
  Column column;
  column.name = definition.name;
  column.type = definition.type;
  column.primary_key = definition.primary_key;
  column.nullable = !definition.primary_key && definition.nullable.value_or(true);
  DefaultClause clause = definition.default_value;
  if (definition.auto_increment && clause.kind == DefaultKind::kNone) {
    clause.kind = DefaultKind::kSnowflakeId;
    if (IsInteger(column.type.kind)) column.type = Type(TypeKind::kBigInt);
  }
  KALAM_ASSIGN(column.default_value, MakeDefault(clause, column.type, services));
  return column;
}

}  // namespace kalam::sql
