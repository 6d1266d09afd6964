// SQL's implicit cast of a written value. Common pairs are done here with the result that DuckDB gives, the
// rest by DuckDB.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/translate.h"

namespace kalam::engine {
namespace {

bool IsText(TypeKind kind) {
  return kind == TypeKind::kText || kind == TypeKind::kJson || kind == TypeKind::kFile ||
         kind == TypeKind::kList;
}
bool IsMicros(TypeKind kind) { return kind == TypeKind::kTimestamp || kind == TypeKind::kDateTime; }

struct Pair {
  const Value& value;
  const DataType& from;
  const DataType& to;
  std::string_view column;
};

std::unexpected<Error> CannotCast(const Pair& pair, std::string_view why = {}) {
  std::string message = fmt::format("Unable to cast value {} of type {} to {}", ToDisplay(pair.value),
                                    SqlName(pair.from), SqlName(pair.to));
  if (!why.empty()) message += fmt::format(": {}", why);
  if (!pair.column.empty()) message += fmt::format(" for column '{}'", pair.column);
  Error error(ErrorCode::kConstraint, std::move(message));
  if (!pair.column.empty()) error = std::move(error).With("column", std::string(pair.column));
  return std::unexpected(std::move(error));
}

Result<Value> ToInteger(const Pair& pair) {
  const int64_t n = pair.value.integer;
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();
  if (pair.to.kind == TypeKind::kInt)
    low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
  if (pair.to.kind == TypeKind::kSmallInt)
    low = std::numeric_limits<int16_t>::min(), high = std::numeric_limits<int16_t>::max();
  if (n < low || n > high) return CannotCast(pair, "the value is out of range");
  return Value::Integer(pair.to.kind, n);
}

// As the reference's engine: the number is the stored one. DuckDB's infinities are the largest numbers.
Result<Value> IntegerToTime(const Pair& pair) {
  const int64_t n = pair.value.integer;
  constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();
  bool fits = true;
  if (pair.to.kind == TypeKind::kTime) fits = n >= 0 && n <= kTimeMicrosMax;
  if (pair.to.kind == TypeKind::kDate) fits = n == static_cast<int32_t>(n);
  if (IsMicros(pair.to.kind)) fits = n >= kTimestampMicrosMin || n == -kInfinity;
  if (!fits) return CannotCast(pair, "the value is out of range");
  return Value::Integer(pair.to.kind, n);
}

// One float of a JSON array; the end of the number, or null.
const char* ParseFloat(const char* at, const char* end, float& out) {
  const auto parsed = std::from_chars(at, end, out);
  if (parsed.ec == std::errc::result_out_of_range) {
    // Too small to hold is 0, too large is an error.
    double wide = 0;
    const auto again = std::from_chars(at, end, wide);
    if (again.ec != std::errc() || std::fabs(wide) > 1) return nullptr;
    out = static_cast<float>(wide);
    return again.ptr;
  }
  return parsed.ec == std::errc() && std::isfinite(out) ? parsed.ptr : nullptr;
}

Result<Value> ToEmbedding(const Pair& pair, Arena& arena) {
  std::vector<float> floats;
  if (!ParseEmbedding(pair.value.text(), floats)) return CannotCast(pair, "expected a JSON array of numbers");
  if (floats.size() != pair.to.dimension)
    return CannotCast(pair, fmt::format("expected {}, got {}", pair.to.dimension, floats.size()));
  const std::string_view bytes(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  return Value::Bytes(TypeKind::kEmbedding, arena.Copy(bytes));
}

Result<Value> EmbeddingToJson(const Pair& pair, Arena& arena) {
  std::string json = "[";
  for (size_t i = 0; i + sizeof(float) <= pair.value.bytes.size; i += sizeof(float)) {
    float f = 0;
    std::memcpy(&f, pair.value.bytes.data + i, sizeof f);
    json += fmt::format("{}{}", i == 0 ? "" : ",", f);
  }
  json += "]";
  return Value::Bytes(pair.to.kind, arena.Copy(json));
}

Result<Value> BytesToUuid(const Pair& pair) {
  if (pair.value.bytes.size != 16) return CannotCast(pair, "UUID binary literal must be 16 bytes");
  unsigned __int128 wide = 0;
  for (size_t i = 0; i < 16; ++i) wide = (wide << 8) | static_cast<unsigned char>(pair.value.bytes.data[i]);
  return Value::Wide(TypeKind::kUuid, static_cast<Int128>(wide));
}

Result<Value> ThroughDuck(const Pair& pair, Arena& arena) {
  try {
    DataType from = pair.from;
    DataType to = pair.to;
    // The zone is UTC, so both kinds of timestamps are the same number; text may name another zone.
    if (from.kind == TypeKind::kDateTime) from.kind = TypeKind::kTimestamp;
    if (to.kind == TypeKind::kDateTime && !IsText(from.kind)) to.kind = TypeKind::kTimestamp;
    duckdb::Value source = ToDuck(pair.value, IsText(from.kind) ? Type(TypeKind::kText) : from);
    duckdb::Value result;
    std::string why;
    const duckdb::LogicalType target = IsText(to.kind) ? duckdb::LogicalType::VARCHAR : ToDuck(to);
    if (!source.DefaultTryCastAs(target, result, &why)) return CannotCast(pair);
    Value out = FromDuck(result, to, arena);
    out.kind = pair.to.kind;
    return out;
  } catch (const std::exception&) {
    return CannotCast(pair);
  }
}

}  // namespace

bool ParseEmbedding(std::string_view json, std::vector<float>& out) {
  const char* at = json.data();
  const char* const end = at + json.size();
  const auto skip = [&] {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  };
  const auto take = [&](char c) {
    skip();
    if (at == end || *at != c) return false;
    ++at;
    return true;
  };
  if (!take('[')) return false;
  if (!take(']')) {
    do {
      skip();
      float f = 0;
      if (at == end) return false;
      at = ParseFloat(at, end, f);
      if (at == nullptr) return false;
      out.push_back(f);
    } while (take(','));
    if (!take(']')) return false;
  }
  skip();
  return at == end;
}

Result<Value> CastValue(const Value& value, const DataType& from, const DataType& to, std::string_view column,
                        Arena& arena) {
  if (value.is_null) return Value::Null(to.kind);
  const Pair pair{value, from, to, column};
  if (from.kind == to.kind) {
    const bool same_decimal = from.scale == to.scale &&
                              (to.precision == 38 || (from.precision != 0 && from.precision <= to.precision));
    if (to.kind == TypeKind::kEmbedding && value.bytes.size != to.dimension * sizeof(float)) {
      return CannotCast(pair,
                        fmt::format("expected {}, got {}", to.dimension, value.bytes.size / sizeof(float)));
    }
    if (to.kind != TypeKind::kDecimal || same_decimal) return value;
  }
  if (IsInteger(from.kind)) {
    if (IsInteger(to.kind)) return ToInteger(pair);
    if (to.kind == TypeKind::kDouble) return Value::Real(to.kind, static_cast<double>(value.integer));
    if (IsMicros(to.kind) || to.kind == TypeKind::kTime || to.kind == TypeKind::kDate)
      return IntegerToTime(pair);
  }
  if (from.kind == TypeKind::kFloat && to.kind == TypeKind::kDouble) return Value::Real(to.kind, value.real);
  if (IsMicros(from.kind) && IsMicros(to.kind)) return Value::Integer(to.kind, value.integer);
  if (IsText(from.kind)) {
    if (IsText(to.kind) || to.kind == TypeKind::kBytes) return Value::Bytes(to.kind, value.text());
    if (to.kind == TypeKind::kEmbedding) return ToEmbedding(pair, arena);
  }
  if (from.kind == TypeKind::kEmbedding && IsText(to.kind)) return EmbeddingToJson(pair, arena);
  if (from.kind == TypeKind::kBytes && to.kind == TypeKind::kUuid) return BytesToUuid(pair);
  return ThroughDuck(pair, arena);
}

}  // namespace kalam::engine
