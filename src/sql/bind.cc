#include "sql/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace kalam::sql {
namespace {

using engine::Operand;

std::optional<Value> IntegerLiteral(std::string_view text, bool negative) {
  uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (magnitude > kMax) return std::nullopt;
  const auto number = static_cast<int64_t>(magnitude);
  return Value::BigInt(negative ? -number : number);
}

// Short decimals only: the engine reads longer ones and those with an exponent in its own way.
std::optional<Value> DecimalLiteral(std::string_view text, bool negative) {
  constexpr size_t kDigitsMax = 18;
  int64_t unscaled = 0;
  size_t digits = 0;
  uint8_t scale = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.') {
      if (point) return std::nullopt;
      point = true;
    } else if (c >= '0' && c <= '9') {
      if (++digits > kDigitsMax) return std::nullopt;
      unscaled = unscaled * 10 + (c - '0');
      if (point) ++scale;
    } else {
      return std::nullopt;
    }
  }
  return Value::Wide(TypeKind::kDecimal, negative ? -unscaled : unscaled, scale);
}

// Plain '...' strings; escape and dollar-quoted strings are left to the engine.
std::optional<Value> StringLiteral(std::string_view token, Arena& arena) {
  if (token.size() < 2 || token.front() != '\'' || token.back() != '\'') return std::nullopt;
  const std::string_view inner = token.substr(1, token.size() - 2);
  if (inner.find('\'') == std::string_view::npos) return Value::Text(inner);
  char* out = arena.Allocate(inner.size());
  size_t size = 0;
  for (size_t i = 0; i < inner.size(); ++i) {
    out[size++] = inner[i];
    if (inner[i] == '\'') ++i;  // a doubled quote
  }
  return Value::Text({out, size});
}

std::optional<Value> LiteralValue(const OperandRef& ref, const BindContext& context) {
  const Operand& operand = ref.operand;
  if (operand.literal_kind == Operand::LiteralKind::kNull) return Value::Null();
  // Booleans are words, so the normal form keeps TRUE and FALSE apart and the plan may hold the value.
  if (operand.literal_kind == Operand::LiteralKind::kBoolean) return Value::Boolean(operand.truth);
  const Literal& literal = context.literals[ref.literal];
  switch (literal.kind) {
    case TokenKind::kInteger:
      return IntegerLiteral(literal.text, operand.negative);
    case TokenKind::kDecimal:
      return DecimalLiteral(literal.text, operand.negative);
    case TokenKind::kString:
      return StringLiteral(literal.text, context.arena);
    default:
      return std::nullopt;
  }
}

std::optional<Value> FunctionValue(Operand::Function function, const BindContext& context) {
  const tables::DefaultSources sources{context.services.snowflake, context.services.random,
                                       context.now_micros, context.principal.user_id};
  switch (function) {
    case Operand::Function::kNow:
      return ComputeDefault(DefaultKind::kNow, sources, TypeKind::kTimestamp, context.arena);
    case Operand::Function::kSnowflakeId:
      return ComputeDefault(DefaultKind::kSnowflakeId, sources, TypeKind::kBigInt, context.arena);
    case Operand::Function::kUuidV7:
      return ComputeDefault(DefaultKind::kUuidV7, sources, TypeKind::kText, context.arena);
    case Operand::Function::kUlid:
      return ComputeDefault(DefaultKind::kUlid, sources, TypeKind::kText, context.arena);
    case Operand::Function::kCurrentUser:
      return Value::Text(context.principal.user_id);
    case Operand::Function::kCurrentRole:
      return Value::Text(RoleName(context.principal.role));
  }
  return std::nullopt;
}

// The constants of an IN, ascending, each once. False when the engine must decide: it looks for a type that
// all of them share.
bool BindList(const PlannedComparison& comparison, const Column& column, const BindContext& context,
              std::vector<Value>& out) {
  std::optional<TypeKind> kind;
  out.reserve(comparison.list.size());
  for (const OperandRef& ref : comparison.list) {
    const std::optional<Value> raw = RawValue(ref, context);
    if (!raw || (kind && raw->kind != *kind)) return false;
    kind = raw->kind;
    const auto constant = ComparisonConstant(ref, column, context);
    if (!constant) return false;
    out.push_back(*constant);
  }
  std::ranges::sort(out, [](const Value& a, const Value& b) { return tables::Compare(a, b) < 0; });
  const auto same =
      std::ranges::unique(out, [](const Value& a, const Value& b) { return tables::Compare(a, b) == 0; });
  out.erase(same.begin(), same.end());
  return true;
}

bool InRange(TypeKind kind, int64_t n) {
  switch (kind) {
    case TypeKind::kSmallInt:
      return n >= std::numeric_limits<int16_t>::min() && n <= std::numeric_limits<int16_t>::max();
    case TypeKind::kInt:
      return n >= std::numeric_limits<int32_t>::min() && n <= std::numeric_limits<int32_t>::max();
    default:
      return true;
  }
}

}  // namespace

std::optional<Value> RawValue(const OperandRef& ref, const BindContext& context) {
  switch (ref.operand.kind) {
    case Operand::Kind::kLiteral:
      return LiteralValue(ref, context);
    case Operand::Kind::kParameter:
      return context.parameters[ref.operand.parameter - 1];
    case Operand::Kind::kFunction:
      return FunctionValue(ref.operand.function, context);
    case Operand::Kind::kDefault:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Value> ComparisonConstant(const OperandRef& ref, const Column& column,
                                        const BindContext& context) {
  const std::optional<Value> raw = RawValue(ref, context);
  if (!raw || raw->is_null) return std::nullopt;
  if (ref.operand.kind == Operand::Kind::kFunction && raw->kind != TypeKind::kText) return std::nullopt;
  const TypeKind kind = column.type.kind;
  if (IsInteger(kind)) {
    if (raw->kind == TypeKind::kBigInt) {
      if (!InRange(kind, raw->integer)) return std::nullopt;
      return Value::Integer(kind, raw->integer);
    }
  } else if (kind == TypeKind::kText || kind == TypeKind::kBoolean) {
    if (raw->kind != kind) return std::nullopt;
    return raw;
  }
  if (raw->kind != TypeKind::kText) return std::nullopt;
  auto cast = context.services.engine.Cast(*raw, column.type, context.arena);
  if (!cast || cast->is_null) return std::nullopt;
  return *cast;
}

std::optional<std::vector<tables::Condition>> BindWhere(const std::vector<PlannedComparison>& where,
                                                        const TableSchema& schema,
                                                        const BindContext& context) {
  std::vector<tables::Condition> conditions;
  conditions.reserve(where.size());
  for (const PlannedComparison& comparison : where) {
    tables::Condition& condition = conditions.emplace_back();
    condition.ordinal = comparison.ordinal;
    condition.op = comparison.op;
    if (comparison.op == engine::CompareOp::kIsNull || comparison.op == engine::CompareOp::kIsNotNull)
      continue;
    if (comparison.op == engine::CompareOp::kIn) {
      if (!BindList(comparison, schema.columns[comparison.ordinal], context, condition.list))
        return std::nullopt;
      continue;
    }
    const auto constant = ComparisonConstant(comparison.value, schema.columns[comparison.ordinal], context);
    if (!constant) return std::nullopt;
    condition.constant = *constant;
  }
  return conditions;
}

Result<std::optional<Value>> WrittenValue(const OperandRef& ref, const Column& column,
                                          const BindContext& context) {
  if (ref.operand.kind == Operand::Kind::kDefault) {
    const tables::DefaultSources sources{context.services.snowflake, context.services.random,
                                         context.now_micros, context.principal.user_id};
    return std::optional<Value>(tables::DefaultOf(column, sources, context.arena));
  }
  const std::optional<Value> raw = RawValue(ref, context);
  if (!raw) return std::optional<Value>();
  if (raw->is_null) return std::optional<Value>(Value::Null(column.type.kind));
  // The engine writes a decimal literal out with the digits of its own type.
  if (raw->kind == TypeKind::kDecimal && IsVariable(column.type.kind)) return std::optional<Value>();
  auto cast = context.services.engine.Cast(*raw, column.type, context.arena);
  if (cast) return std::optional<Value>(*cast);
  if (ref.operand.kind == Operand::Kind::kParameter) {
    const std::string placeholder = fmt::format("${}", ref.operand.parameter);
    const std::string actual = SqlName(Type(raw->kind));
    return Fail(
        Error(ErrorCode::kParamTypeMismatch,
              fmt::format(
                  "Parameter type mismatch: {} expects {} but got {} that does not convert (column '{}')",
                  placeholder, SqlName(column.type), actual, column.name))
            .With("index", static_cast<int64_t>(ref.operand.parameter) - 1)
            .With("placeholder", placeholder)
            .With("expected_type", SqlName(column.type))
            .With("actual_type", actual)
            .With("column_name", column.name));
  }
  Error error = std::move(cast).error();
  // As the engine says it.
  error.message = fmt::format("{} for column '{}'", error.message, column.name);
  return Fail(std::move(error).With("column", column.name));
}

std::optional<int64_t> RowCount(const OperandRef& ref, const BindContext& context) {
  const std::optional<Value> raw = RawValue(ref, context);
  if (!raw || raw->is_null || raw->kind != TypeKind::kBigInt || raw->integer < 0) return std::nullopt;
  return raw->integer;
}

Status CheckParameterCount(std::span<const uint32_t> placeholders, size_t parameter_count) {
  const size_t highest = placeholders.empty() ? 0 : placeholders.back();
  if (placeholders.size() == parameter_count && highest == parameter_count) return {};
  const size_t expected = std::max(placeholders.size(), highest);
  std::vector<std::string> names;
  for (const uint32_t n : placeholders) names.push_back(fmt::format("${}", n));
  const std::string hint =
      expected == parameter_count ? " (placeholders must be numbered from $1 without gaps)" : "";
  return Fail(Error(ErrorCode::kParamCountMismatch,
                    fmt::format("Parameter count mismatch: expected {} parameters, got {}{}", expected,
                                parameter_count, hint))
                  .With("expected", static_cast<int64_t>(expected))
                  .With("actual", static_cast<int64_t>(parameter_count))
                  .With("placeholders", std::move(names)));
}

Status CheckParameterLimits(std::span<const Value> parameters, const config::Settings& settings) {
  const int64_t count_max = settings.execution.max_parameters;
  const int64_t bytes_max = settings.execution.max_parameter_size_bytes;
  if (static_cast<int64_t>(parameters.size()) > count_max) {
    return Fail(Error(ErrorCode::kParamCountExceeded,
                      fmt::format("Parameter count exceeded: maximum {} parameters allowed, got {}",
                                  count_max, parameters.size()))
                    .With("max", count_max)
                    .With("actual", static_cast<int64_t>(parameters.size())));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].is_null || !IsVariable(parameters[i].kind)) continue;
    const auto size = static_cast<int64_t>(parameters[i].text().size());
    if (size <= bytes_max) continue;
    return Fail(Error(ErrorCode::kParamSizeExceeded,
                      fmt::format("Parameter size exceeded: parameter at index {} is {} bytes (max {} bytes)",
                                  i, size, bytes_max))
                    .With("index", static_cast<int64_t>(i))
                    .With("size_bytes", size)
                    .With("max_bytes", bytes_max));
  }
  return {};
}

}  // namespace kalam::sql
