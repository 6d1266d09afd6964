// Bind: from the value positions of a direct plan to values of the columns' types.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "model/principal.h"
#include "model/value.h"
#include "sql/plan.h"
#include "sql/services.h"
#include "tables/predicate.h"
#include "tables/read_view.h"
#include "tables/row_builder.h"

namespace kalam::sql {

// What one execution of a direct plan fills the positions with.
struct BindContext {
  std::span<const Literal> literals;
  std::span<const Value> parameters;
  const Principal& principal;
  int64_t now_micros;
  Arena& arena;
  Services& services;
  tables::ReadView view;  // what rows are read from
};

// The operand's value as written, before any cast. nullopt when only the engine knows what it means (escape
// strings, numbers beyond 64 bits, ...).
std::optional<Value> RawValue(const OperandRef& ref, const BindContext& context);

// A constant to compare a column with, exactly as the engine would convert it, or nullopt when the engine
// must decide (NULL, other types, values out of range, text that does not convert).
std::optional<Value> ComparisonConstant(const OperandRef& ref, const Column& column,
                                        const BindContext& context);

// All of `where` bound; nullopt = run through the engine.
std::optional<std::vector<tables::Condition>> BindWhere(const std::vector<PlannedComparison>& where,
                                                        const TableSchema& schema,
                                                        const BindContext& context);

// The value that a written column gets, of the column's type. kParamTypeMismatch when a parameter does not
// convert (details index, placeholder, expected_type, actual_type, column_name), kConstraint for other
// values; an empty optional = run through the engine.
Result<std::optional<Value>> WrittenValue(const OperandRef& ref, const Column& column,
                                          const BindContext& context);

// A LIMIT or OFFSET; nullopt = run through the engine.
std::optional<int64_t> RowCount(const OperandRef& ref, const BindContext& context);

// Checks the request's parameters against the statement's placeholders. PARAM_COUNT_MISMATCH in both
// directions.
Status CheckParameterCount(std::span<const uint32_t> placeholders, size_t parameter_count);
// Number and sizes against `[execution]`. PARAM_COUNT_EXCEEDED, PARAM_SIZE_EXCEEDED.
Status CheckParameterLimits(std::span<const Value> parameters, const config::Settings& settings);

}  // namespace kalam::sql
