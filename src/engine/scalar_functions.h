// Functions beyond DuckDB's: SNOWFLAKE_ID(), UUID_V7(), ULID(), COSINE_DISTANCE(). Not for other modules.
#pragma once

#include <span>
#include <vector>

#include "duckdb/function/scalar_function.hpp"
#include "duckdb/main/client_context.hpp"

namespace kalam::engine {

// The cast of one written value inside VALUES: kalam_write(value, column) with the type of
// RunState::cast_to[column].
inline constexpr const char* kWriteFunction = "kalam_write";

// Puts the functions of IsAdjustedFunction into the schema kAdjustedSchema. Within a transaction.
void RegisterAdjustedFunctions(duckdb::ClientContext& context);

// -> and ->> and the json_* functions of the reference (json_functions.cc).
std::vector<duckdb::ScalarFunction> JsonFunctions();

// CREATE MACRO statements that complete the schema kAdjustedSchema (function_macros.cc).
std::span<const char* const> FunctionMacros();

// Puts all functions of this module, scan() too, into DuckDB's system catalog.
void RegisterFunctions(duckdb::ClientContext& context);
// A text becomes BYTES as it is.
void RegisterCasts(duckdb::DatabaseInstance& database);

}  // namespace kalam::engine
