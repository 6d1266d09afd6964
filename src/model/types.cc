#include "model/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "model/value.h"

namespace kalam {
namespace {

struct TypeWord {
  std::string_view word;  // upper case, single spaces
  TypeKind kind;
};

// Every accepted spelling; see docs/sql.md.
constexpr auto kTypeWords = std::to_array<TypeWord>({
    {"BOOLEAN", TypeKind::kBoolean},
    {"BOOL", TypeKind::kBoolean},
    {"SMALLINT", TypeKind::kSmallInt},
    {"INT2", TypeKind::kSmallInt},
    {"SMALLSERIAL", TypeKind::kSmallInt},
    {"SERIAL2", TypeKind::kSmallInt},
    {"INT", TypeKind::kInt},
    {"INTEGER", TypeKind::kInt},
    {"INT4", TypeKind::kInt},
    {"MEDIUMINT", TypeKind::kInt},
    {"SERIAL", TypeKind::kInt},
    {"SERIAL4", TypeKind::kInt},
    {"SIGNED", TypeKind::kInt},
    {"BIGINT", TypeKind::kBigInt},
    {"INT8", TypeKind::kBigInt},
    {"INT64", TypeKind::kBigInt},
    {"BIGSERIAL", TypeKind::kBigInt},
    {"SERIAL8", TypeKind::kBigInt},
    {"FLOAT", TypeKind::kFloat},
    {"REAL", TypeKind::kFloat},
    {"FLOAT4", TypeKind::kFloat},
    {"DOUBLE", TypeKind::kDouble},
    {"DOUBLE PRECISION", TypeKind::kDouble},
    {"FLOAT8", TypeKind::kDouble},
    {"FLOAT64", TypeKind::kDouble},
    {"DECIMAL", TypeKind::kDecimal},
    {"NUMERIC", TypeKind::kDecimal},
    {"TEXT", TypeKind::kText},
    {"VARCHAR", TypeKind::kText},
    {"CHAR", TypeKind::kText},
    {"CHARACTER", TypeKind::kText},
    {"CHARACTER VARYING", TypeKind::kText},
    {"NVARCHAR", TypeKind::kText},
    {"CLOB", TypeKind::kText},
    {"STRING", TypeKind::kText},
    {"BYTES", TypeKind::kBytes},
    {"BINARY", TypeKind::kBytes},
    {"VARBINARY", TypeKind::kBytes},
    {"BLOB", TypeKind::kBytes},
    {"BYTEA", TypeKind::kBytes},
    {"JSON", TypeKind::kJson},
    {"JSONB", TypeKind::kJson},
    {"TIMESTAMP", TypeKind::kTimestamp},
    {"TIMESTAMPTZ", TypeKind::kTimestamp},
    {"TIMESTAMP WITHOUT TIME ZONE", TypeKind::kTimestamp},
    {"TIMESTAMP WITH TIME ZONE", TypeKind::kTimestamp},
    {"DATETIME", TypeKind::kDateTime},
    {"DATE", TypeKind::kDate},
    {"TIME", TypeKind::kTime},
    {"UUID", TypeKind::kUuid},
    {"EMBEDDING", TypeKind::kEmbedding},
    {"FILE", TypeKind::kFile},
});

std::string UpperWords(std::string_view name) {
  std::string out;
  for (char c : name) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (space && (out.empty() || out.back() == ' ')) continue;
    out.push_back(space ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Result<DataType> ParseDecimal(const int64_t* arguments, size_t count) {
  const int64_t precision = count > 0 ? arguments[0] : 38;
  const int64_t scale = count > 1 ? arguments[1] : (count > 0 ? 0 : 10);
  if (precision < 1 || precision > 38) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("DECIMAL precision must be between 1 and 38, got {}", precision));
  }
  if (scale < 0 || scale > precision) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("DECIMAL scale ({}) cannot exceed precision ({})", scale, precision));
  }
  return DataType{TypeKind::kDecimal, static_cast<uint8_t>(precision), static_cast<uint8_t>(scale), 0};
}

Result<DataType> ParseEmbedding(const int64_t* arguments, size_t count) {
  if (count != 1) {
    return Fail(ErrorCode::kInvalidSql,
                "EMBEDDING type requires exactly one dimension parameter, e.g., EMBEDDING(384)");
  }
  if (arguments[0] < 1) return Fail(ErrorCode::kInvalidSql, "EMBEDDING dimension must be at least 1");
  if (arguments[0] > 8192) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("EMBEDDING dimension must be at most 8192 (found {})", arguments[0]));
  }
  return DataType{TypeKind::kEmbedding, 0, 0, static_cast<uint16_t>(arguments[0])};
}

}  // namespace

size_t FixedWidth(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
      return 1;
    case TypeKind::kSmallInt:
      return 2;
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kFloat:
      return 4;
    case TypeKind::kBigInt:
    case TypeKind::kDouble:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
    case TypeKind::kTime:
    case TypeKind::kUBigInt:
      return 8;
    case TypeKind::kDecimal:
    case TypeKind::kUuid:
    case TypeKind::kHugeInt:
      return 16;
    default:
      return 4;
  }
}

bool IsVariable(TypeKind kind) {
  switch (kind) {
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kBytes:
    case TypeKind::kFile:
    case TypeKind::kEmbedding:
    case TypeKind::kList:
      return true;
    default:
      return false;
  }
}

bool IsInteger(TypeKind kind) {
  return kind == TypeKind::kSmallInt || kind == TypeKind::kInt || kind == TypeKind::kBigInt;
}

std::string SqlName(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kNull:
      return "NULL";
    case TypeKind::kBoolean:
      return "BOOLEAN";
    case TypeKind::kInt:
      return "INT";
    case TypeKind::kBigInt:
      return "BIGINT";
    case TypeKind::kDouble:
      return "DOUBLE";
    case TypeKind::kFloat:
      return "FLOAT";
    case TypeKind::kText:
      return "TEXT";
    case TypeKind::kTimestamp:
      return "TIMESTAMP";
    case TypeKind::kDate:
      return "DATE";
    case TypeKind::kDateTime:
      return "DATETIME";
    case TypeKind::kTime:
      return "TIME";
    case TypeKind::kJson:
      return "JSON";
    case TypeKind::kBytes:
      return "BYTES";
    case TypeKind::kEmbedding:
      return fmt::format("EMBEDDING({})", type.dimension);
    case TypeKind::kUuid:
      return "UUID";
    case TypeKind::kDecimal:
      return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeKind::kSmallInt:
      return "SMALLINT";
    case TypeKind::kFile:
      return "FILE";
    case TypeKind::kUBigInt:
      return "UBIGINT";
    case TypeKind::kHugeInt:
      return "HUGEINT";
    case TypeKind::kList:
      return "LIST";
  }
  return "UNKNOWN";
}

Result<DataType> ParseSqlType(std::string_view name, const int64_t* arguments, size_t argument_count) {
  const std::string word = UpperWords(name);
  const auto* found =
      std::find_if(kTypeWords.begin(), kTypeWords.end(), [&](const TypeWord& t) { return t.word == word; });
  if (found == kTypeWords.end()) {
    return Fail(ErrorCode::kInvalidSql, fmt::format("Unsupported data type: {}", word));
  }
  if (found->kind == TypeKind::kDecimal) return ParseDecimal(arguments, argument_count);
  if (found->kind == TypeKind::kEmbedding) return ParseEmbedding(arguments, argument_count);
  return Type(found->kind);
}

std::string ToDisplay(const Value& value) {
  constexpr size_t kShown = 64;
  if (value.is_null) return "NULL";
  switch (value.kind) {
    case TypeKind::kBoolean:
      return value.integer != 0 ? "true" : "false";
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return fmt::format("{}", value.real);
    case TypeKind::kDecimal:
    case TypeKind::kHugeInt:
      return fmt::format("{}", value.wide);
    case TypeKind::kUuid:
      return fmt::format("{:032x}", static_cast<unsigned __int128>(value.wide));
    case TypeKind::kUBigInt:
      return fmt::format("{}", static_cast<uint64_t>(value.integer));
    default:
      break;
  }
  if (IsVariable(value.kind)) {
    const std::string_view text = value.text();
    return text.size() <= kShown ? fmt::format("'{}'", text) : fmt::format("'{}...'", text.substr(0, kShown));
  }
  return fmt::format("{}", value.integer);
}

}  // namespace kalam
