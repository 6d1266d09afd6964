#include "tables/row_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hot/key_codec.h"
#include "hot/row_codec.h"

namespace kalam::tables {

std::string KeyText(const catalog::Table& table, const hot::RowOp& op) {
  const auto ordinal = table.schema().primary_key();
  if (!ordinal) return "?";
  const auto key = hot::DecodePrimaryKey(table.schema().columns[*ordinal].type,
                                         std::string_view(op.key).substr(op.prefix_size));
  if (!key) return "?";
  std::string shown = ToDisplay(*key);
  if (shown.size() >= 2 && shown.front() == '\'') shown = shown.substr(1, shown.size() - 2);
  return shown;
}

namespace {

// The 128 bits of a canonical UUID.
Int128 UuidNumber(std::string_view text) {
  unsigned __int128 number = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    number = (number << 4) | static_cast<unsigned>(digit);
  }
  return static_cast<Int128>(number);
}

}  // namespace

Value ComputeDefault(DefaultKind kind, const DefaultSources& sources, TypeKind column_kind, Arena& arena) {
  constexpr int64_t kMicrosPerDay = 86'400'000'000;
  switch (kind) {
    case DefaultKind::kNow: {
      const int64_t now = sources.now_micros;
      if (column_kind == TypeKind::kDate) return Value::Integer(TypeKind::kDate, now / kMicrosPerDay);
      if (column_kind == TypeKind::kTime) return Value::Integer(TypeKind::kTime, now % kMicrosPerDay);
      return Value::Integer(column_kind == TypeKind::kDateTime ? TypeKind::kDateTime : TypeKind::kTimestamp,
                            now);
    }
    case DefaultKind::kSnowflakeId:
      return Value::BigInt(sources.snowflake.Next());
    case DefaultKind::kUuidV7: {
      const std::string uuid = UuidV7(sources.random, sources.now_micros / 1000);
      if (column_kind == TypeKind::kUuid) return Value::Wide(TypeKind::kUuid, UuidNumber(uuid));
      return Value::Text(arena.Copy(uuid));
    }
    case DefaultKind::kUlid:
      return Value::Text(arena.Copy(Ulid(sources.random, sources.now_micros / 1000)));
    case DefaultKind::kCurrentUser:
      return Value::Text(sources.user_id);
    case DefaultKind::kNone:
    case DefaultKind::kLiteral:
      break;
  }
  return Value::Null(column_kind);
}

Value DefaultOf(const Column& column, const DefaultSources& sources, Arena& arena) {
  if (column.default_value.kind == DefaultKind::kLiteral) return column.default_value.literal.view();
  Value value = ComputeDefault(column.default_value.kind, sources, column.type.kind, arena);
  if (value.is_null) return value;
  if (IsInteger(column.type.kind) || IsVariable(value.kind)) value.kind = column.type.kind;
  return value;
}

RowBuilder::RowBuilder(const catalog::Table& table, std::span<const size_t> columns, std::string prefix,
                       DefaultSources sources)
    : table_(table),
      columns_(columns),
      prefix_(std::move(prefix)),
      sources_(sources),
      primary_key_(table.schema().primary_key().value_or(0)),
      given_(table.schema().columns.size(), -1),
      row_(table.schema().columns.size()) {
  for (size_t i = 0; i < columns.size(); ++i) given_[columns[i]] = static_cast<int>(i);
}

Status RowBuilder::Add(std::span<const Value> values, hot::Batch& batch, std::span<const size_t> defaulted) {
  ++row_number_;
  Arena arena;
  const TableSchema& schema = table_.schema();
  for (size_t ordinal = 0; ordinal < row_.size(); ++ordinal) {
    const Column& column = schema.columns[ordinal];
    Value& cell = row_[ordinal];
    const bool given = given_[ordinal] >= 0 &&
                       std::ranges::find(defaulted, static_cast<size_t>(given_[ordinal])) == defaulted.end();
    cell = given ? values[static_cast<size_t>(given_[ordinal])] : DefaultOf(column, sources_, arena);
    if (cell.is_null && !column.nullable) {
      return Fail(
          ErrorCode::kConstraint,
          given ? fmt::format("NOT NULL constraint violation: column '{}' cannot be NULL (row {})",
                              column.name, row_number_)
                : fmt::format(
                      "NOT NULL constraint violation: column '{}' has no default and is missing in row {}",
                      column.name, row_number_));
    }
  }
  hot::RowOp op;
  const bool stream = table_.type == TableType::kStream;
  op.kind = stream ? hot::RowOpKind::kAppend : hot::RowOpKind::kInsert;
  op.prefix_size = static_cast<uint32_t>(prefix_.size());
  op.key.reserve(prefix_.size() + 24);
  op.key = prefix_;
  // The committer ends the key of a STREAM row with its _seq; a primary key is not unique there.
  if (!stream) KALAM_TRY(hot::AppendPrimaryKey(row_[primary_key_], op.key));
  KALAM_TRY(table_.codec->Encode(row_, op.value));
  batch.rows.push_back(std::move(op));
  return {};
}

Error DuplicateKeyError(const catalog::Table& table, const hot::RowOp& op, bool within_statement) {
  const auto ordinal = table.schema().primary_key();
  const std::string column = ordinal ? table.schema().columns[*ordinal].name : std::string("?");
  const std::string value = KeyText(table, op);
  return Error(
      ErrorCode::kAlreadyExists,
      within_statement
          ? fmt::format("Already exists: Primary key violation: value '{}' appears multiple times in the "
                        "insert batch "
                        "for column '{}'",
                        value, column)
          : fmt::format("Already exists: Primary key violation: value '{}' already exists in column '{}'",
                        value, column));
}

}  // namespace kalam::tables
