// Functions of DuckDB that the module changes, in a schema of their own (DuckDB's macros count on the
// originals):
//  - / and % as the reference has them: integers divide to integers, and a zero divisor is an error instead
//  of NULL;
//  - functions whose cost explodes with an argument get a bound, since one call cannot be interrupted;
//  - octet_length() and to_timestamp() also take texts;
//  - what json_functions.cc and function_macros.cc make.
#include <algorithm>
#include <limits>
#include <string>

#include "base/limits.h"
#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/common/vector_operations/binary_executor.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/parser/parsed_data/create_scalar_function_info.hpp"
#include "duckdb/parser/parsed_data/create_schema_info.hpp"
#include "duckdb/transaction/meta_transaction.hpp"
#include "engine/scalar_functions.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

using duckdb::LogicalType;
using duckdb::ScalarFunction;

[[noreturn]] void DivideByZero() { throw duckdb::InvalidInputException("Divide by zero"); }

struct Divide {
  template <typename T>
  static T Apply(T a, T b) {
    if (b == T(0)) DivideByZero();
    if constexpr (std::is_signed_v<T>) {
      if (a == std::numeric_limits<T>::min() && b == T(-1))
        throw duckdb::OutOfRangeException("Overflow in division");
    }
    return static_cast<T>(a / b);
  }
};

struct Modulo {
  template <typename T>
  static T Apply(T a, T b) {
    if (b == T(0)) DivideByZero();
    if constexpr (std::is_signed_v<T>) {
      if (b == T(-1)) return T(0);
    }
    return static_cast<T>(a % b);
  }
};

template <typename Op, typename T>
void Execute(duckdb::DataChunk& arguments, duckdb::ExpressionState&, duckdb::Vector& result) {
  duckdb::BinaryExecutor::Execute<T, T, T>(arguments.data[0], arguments.data[1], result, arguments.size(),
                                           Op::template Apply<T>);
}

template <typename Op, typename T>
void Add(duckdb::ScalarFunctionSet& set, const LogicalType& type) {
  ScalarFunction function({type, type}, type, Execute<Op, T>);
  ScalarFunction::SetReturnsError(function);
  set.AddFunction(std::move(function));
}

const duckdb::ScalarFunctionSet& BuiltIn(duckdb::ClientContext& context, const char* name) {
  auto& system = duckdb::Catalog::GetSystemCatalog(context);
  return system.GetEntry<duckdb::ScalarFunctionCatalogEntry>(context, DEFAULT_SCHEMA, name).functions;
}

void Create(duckdb::ClientContext& context, duckdb::ScalarFunctionSet set) {
  duckdb::CreateScalarFunctionInfo info(std::move(set));
  info.schema = kAdjustedSchema;
  info.internal = false;  // internal ones may stand in the system catalog only
  duckdb::Catalog::GetCatalog(context, INVALID_CATALOG).CreateFunction(context, info);
}

template <typename Op>
void RegisterDivision(duckdb::ClientContext& context, const char* name) {
  duckdb::ScalarFunctionSet set(name);
  Add<Op, int8_t>(set, LogicalType::TINYINT);
  Add<Op, int16_t>(set, LogicalType::SMALLINT);
  Add<Op, int32_t>(set, LogicalType::INTEGER);
  Add<Op, int64_t>(set, LogicalType::BIGINT);
  Add<Op, duckdb::hugeint_t>(set, LogicalType::HUGEINT);
  Add<Op, uint8_t>(set, LogicalType::UTINYINT);
  Add<Op, uint16_t>(set, LogicalType::USMALLINT);
  Add<Op, uint32_t>(set, LogicalType::UINTEGER);
  Add<Op, uint64_t>(set, LogicalType::UBIGINT);
  for (const ScalarFunction& function : BuiltIn(context, name).functions) {
    if (!function.arguments[0].IsIntegral()) set.AddFunction(function);
  }
  Create(context, std::move(set));
}

// --- bounded functions

constexpr size_t kTextBytesMax = limits::kRowBytesMax;
constexpr size_t kReplacedBytesMax = 16 * kTextBytesMax;
constexpr size_t kEditCellsMax = 1u << 20;  // of the matrix that edit distances fill

using Check = void (*)(duckdb::DataChunk& arguments);

template <typename F>
void ForEachPair(duckdb::DataChunk& arguments, F check, size_t other = 1) {
  duckdb::UnifiedVectorFormat first;
  duckdb::UnifiedVectorFormat second;
  arguments.data[0].ToUnifiedFormat(arguments.size(), first);
  arguments.data[other].ToUnifiedFormat(arguments.size(), second);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t a = first.sel->get_index(i);
    const size_t b = second.sel->get_index(i);
    if (first.validity.RowIsValid(a) && second.validity.RowIsValid(b)) check(first, a, second, b);
  }
}

size_t TextSize(const duckdb::UnifiedVectorFormat& format, size_t index) {
  return duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format)[index].GetSize();
}

void CheckCount(int64_t count, size_t bytes_each) {
  if (count > 0 && static_cast<size_t>(count) > kTextBytesMax / std::max<size_t>(1, bytes_each)) {
    throw duckdb::InvalidInputException("The text would be longer than " + std::to_string(kTextBytesMax) +
                                        " bytes");
  }
}

void CheckRepeat(duckdb::DataChunk& arguments) {
  if (arguments.data[0].GetType().InternalType() != duckdb::PhysicalType::VARCHAR)
    return;  // lists: the memory guard
  ForEachPair(arguments, [](const auto& text, size_t a, const auto& count, size_t b) {
    CheckCount(duckdb::UnifiedVectorFormat::GetData<int64_t>(count)[b], TextSize(text, a));
  });
}

void CheckPad(duckdb::DataChunk& arguments) {
  ForEachPair(arguments, [](const auto&, size_t, const auto& length, size_t b) {
    CheckCount(duckdb::UnifiedVectorFormat::GetData<int32_t>(length)[b], 4);
  });
}

void CheckDistance(duckdb::DataChunk& arguments) {
  ForEachPair(arguments, [](const auto& left, size_t a, const auto& right, size_t b) {
    if (TextSize(left, a) > kEditCellsMax / std::max<size_t>(1, TextSize(right, b))) {
      throw duckdb::InvalidInputException("The texts are too long to compare");
    }
  });
}

// Every byte of the first text may be replaced by the third argument, or a reference in it by the whole text.
void CheckReplace(duckdb::DataChunk& arguments) {
  ForEachPair(
      arguments,
      [](const auto& text, size_t a, const auto& replacement, size_t b) {
        if (TextSize(text, a) > kReplacedBytesMax / std::max<size_t>(1, TextSize(replacement, b))) {
          throw duckdb::InvalidInputException("The texts are too long to replace");
        }
      },
      2);
}

void RegisterBounded(duckdb::ClientContext& context, const char* name, Check check) {
  duckdb::ScalarFunctionSet set(name);
  for (ScalarFunction function : BuiltIn(context, name).functions) {
    function.function = [check, original = function.function](duckdb::DataChunk& arguments,
                                                              duckdb::ExpressionState& state,
                                                              duckdb::Vector& result) {
      check(arguments);
      original(arguments, state, result);
    };
    ScalarFunction::SetReturnsError(function);
    set.AddFunction(std::move(function));
  }
  Create(context, std::move(set));
}

// --- functions that take one more type

void AddAll(duckdb::ScalarFunctionSet& set, const duckdb::ScalarFunctionSet& more) {
  for (const ScalarFunction& function : more.functions) set.AddFunction(function);
}

void CastResult(duckdb::DataChunk& arguments, duckdb::ExpressionState& state, duckdb::Vector& result) {
  duckdb::VectorOperations::Cast(state.GetContext(), arguments.data[0], result, arguments.size());
}

void RegisterExtended(duckdb::ClientContext& context) {
  duckdb::ScalarFunctionSet length("octet_length");
  AddAll(length, BuiltIn(context, "octet_length"));
  AddAll(length, BuiltIn(context, "strlen"));
  Create(context, std::move(length));
  duckdb::ScalarFunctionSet time("to_timestamp");
  AddAll(time, BuiltIn(context, "to_timestamp"));
  AddAll(time, BuiltIn(context, "strptime"));
  ScalarFunction from_text({LogicalType::VARCHAR}, LogicalType::TIMESTAMP, CastResult);
  ScalarFunction::SetReturnsError(from_text);
  time.AddFunction(std::move(from_text));
  Create(context, std::move(time));
}

}  // namespace

void RegisterAdjustedFunctions(duckdb::ClientContext& context) {
  auto& catalog = duckdb::Catalog::GetCatalog(context, INVALID_CATALOG);
  duckdb::MetaTransaction::Get(context).ModifyDatabase(catalog.GetAttached());
  duckdb::CreateSchemaInfo schema;
  schema.schema = kAdjustedSchema;
  catalog.CreateSchema(context, schema);
  RegisterDivision<Divide>(context, "/");
  RegisterDivision<Modulo>(context, "%");
  RegisterDivision<Modulo>(context, "mod");
  RegisterBounded(context, "repeat", CheckRepeat);
  RegisterBounded(context, "lpad", CheckPad);
  RegisterBounded(context, "rpad", CheckPad);
  RegisterBounded(context, "replace", CheckReplace);
  RegisterBounded(context, "regexp_replace", CheckReplace);
  RegisterBounded(context, "levenshtein", CheckDistance);
  RegisterBounded(context, "editdist3", CheckDistance);
  RegisterBounded(context, "damerau_levenshtein", CheckDistance);
  RegisterBounded(context, "jaro_similarity", CheckDistance);
  RegisterBounded(context, "jaro_winkler_similarity", CheckDistance);
  RegisterExtended(context);
  for (ScalarFunction& function : JsonFunctions()) {
    duckdb::ScalarFunctionSet set(function.name);
    set.AddFunction(std::move(function));
    Create(context, std::move(set));
  }
}

}  // namespace kalam::engine
