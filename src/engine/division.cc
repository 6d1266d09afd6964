// The operators / and % as the reference has them: integers divide to integers, and a zero divisor is an error instead of NULL.
// All other types keep DuckDB's functions. They stand in a schema of their own, since DuckDB's macros count on its division.
#include <limits>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/common/vector_operations/binary_executor.hpp"
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
      if (a == std::numeric_limits<T>::min() && b == T(-1)) throw duckdb::OutOfRangeException("Overflow in division");
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
  duckdb::BinaryExecutor::Execute<T, T, T>(arguments.data[0], arguments.data[1], result, arguments.size(), Op::template Apply<T>);
}

template <typename Op, typename T>
void Add(duckdb::ScalarFunctionSet& set, const LogicalType& type) {
  ScalarFunction function({type, type}, type, Execute<Op, T>);
  ScalarFunction::SetReturnsError(function);
  set.AddFunction(std::move(function));
}

template <typename Op>
void Register(duckdb::ClientContext& context, const char* name) {
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
  auto& system = duckdb::Catalog::GetSystemCatalog(context);
  const auto& built_in = system.GetEntry<duckdb::ScalarFunctionCatalogEntry>(context, DEFAULT_SCHEMA, name);
  for (const ScalarFunction& function : built_in.functions.functions) {
    if (!function.arguments[0].IsIntegral()) set.AddFunction(function);
  }
  duckdb::CreateScalarFunctionInfo info(std::move(set));
  info.schema = kOperatorSchema;
  info.internal = false;  // internal ones may stand in the system catalog only
  duckdb::Catalog::GetCatalog(context, INVALID_CATALOG).CreateFunction(context, info);
}

}  // namespace

void RegisterDivision(duckdb::ClientContext& context) {
  auto& catalog = duckdb::Catalog::GetCatalog(context, INVALID_CATALOG);
  duckdb::MetaTransaction::Get(context).ModifyDatabase(catalog.GetAttached());
  duckdb::CreateSchemaInfo schema;
  schema.schema = kOperatorSchema;
  catalog.CreateSchema(context, schema);
  Register<Divide>(context, "/");
  Register<Modulo>(context, "%");
  Register<Modulo>(context, "mod");
}

}  // namespace kalam::engine
