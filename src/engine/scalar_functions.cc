#include "engine/scalar_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/function/cast/cast_function_set.hpp"
#include "duckdb/function/cast/default_casts.hpp"
#include "duckdb/function/cast_rules.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/parser/parsed_data/create_scalar_function_info.hpp"
#include "duckdb/parser/parsed_data/create_table_function_info.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "engine/cold_scan.h"
#include "engine/run_state.h"
#include "engine/scan_function.h"
#include "engine/translate.h"

namespace kalam::engine {
namespace {

using duckdb::ClientContext;
using duckdb::DataChunk;
using duckdb::Expression;
using duckdb::ExpressionState;
using duckdb::LogicalType;
using duckdb::ScalarFunction;
using duckdb::Vector;
using Arguments = duckdb::vector<duckdb::unique_ptr<Expression>>;

// --- ids: a new one for each row

void SnowflakeIds(DataChunk& arguments, ExpressionState& state, Vector& result) {
  RunState& run = RunStateOf(state.GetContext());
  if (!run.statement->next_snowflake)
    run.Throw({ErrorCode::kUnsupported, "SNOWFLAKE_ID() is not available here"});
  run.FillSnowflakes(duckdb::FlatVector::GetData<int64_t>(result), arguments.size());
}

template <std::string (*Make)(Random&, int64_t)>
void TextIds(DataChunk& arguments, ExpressionState& state, Vector& result) {
  RunState& run = RunStateOf(state.GetContext());
  auto* ids = duckdb::FlatVector::GetData<duckdb::string_t>(result);
  for (size_t i = 0; i < arguments.size(); ++i) {
    ids[i] = duckdb::StringVector::AddString(result, Make(run.random, run.statement->now_micros / 1000));
  }
}

ScalarFunction IdFunction(const char* name, const LogicalType& type, duckdb::scalar_function_t function) {
  ScalarFunction out(name, {}, type, std::move(function));
  out.stability = duckdb::FunctionStability::VOLATILE;
  return out;
}

// --- kalam_write

struct WriteBindData final : duckdb::FunctionData {
  explicit WriteBindData(size_t column_in, DataType from_in) : column(column_in), from(from_in) {}
  size_t column;
  DataType from;
  duckdb::unique_ptr<duckdb::FunctionData> Copy() const override {
    return duckdb::make_uniq<WriteBindData>(column, from);
  }
  bool Equals(const duckdb::FunctionData& other) const override {
    const auto& write = other.Cast<WriteBindData>();
    return write.column == column && write.from == from;
  }
};

duckdb::unique_ptr<duckdb::FunctionData> BindWrite(ClientContext& context, ScalarFunction& function,
                                                   Arguments& arguments) {
  RunState& run = RunStateOf(context);
  if (arguments[0]->HasParameter() || arguments[0]->return_type.id() == duckdb::LogicalTypeId::UNKNOWN) {
    throw duckdb::ParameterNotResolvedException();
  }
  const auto column = arguments[1]->Cast<duckdb::BoundConstantExpression>().value.GetValue<uint32_t>();
  Result<DataType> from = FromDuck(arguments[0]->return_type);
  if (!from) run.Throw(std::move(from).error());
  function.arguments[0] = arguments[0]->return_type;
  function.return_type = ToDuck(run.cast_to[column].type);
  return duckdb::make_uniq<WriteBindData>(column, *from);
}

void Write(DataChunk& arguments, ExpressionState& state, Vector& result) {
  RunState& run = RunStateOf(state.GetContext());
  const auto& data = state.expr.Cast<duckdb::BoundFunctionExpression>().bind_info->Cast<WriteBindData>();
  const ResultColumn& target = run.cast_to[data.column];
  ColumnReader reader(data.from);
  reader.Bind(state.GetContext(), arguments.data[0], arguments.size());
  ColumnWriter writer(result, target.type.kind);
  Arena arena;
  for (size_t i = 0; i < arguments.size(); ++i) {
    Result<Value> value = CastValue(reader.Read(i), data.from, target.type, target.name, arena);
    if (!value) run.Throw(std::move(value).error());
    writer.Set(i, *value);
  }
}

// --- cosine_distance

bool IsVector(const LogicalType& type) {
  return type.id() == duckdb::LogicalTypeId::ARRAY || type.id() == duckdb::LogicalTypeId::LIST ||
         type.id() == duckdb::LogicalTypeId::VARCHAR || type.id() == duckdb::LogicalTypeId::SQLNULL;
}

// Lists become their JSON text, which Read parses; embeddings stay.
duckdb::unique_ptr<duckdb::FunctionData> BindDistance(ClientContext&, ScalarFunction& function,
                                                      Arguments& arguments) {
  if (arguments.size() != 2) throw duckdb::BinderException("COSINE_DISTANCE() expects exactly 2 arguments");
  function.arguments.clear();
  for (const auto& argument : arguments) {
    if (argument->HasParameter() || argument->return_type.id() == duckdb::LogicalTypeId::UNKNOWN) {
      throw duckdb::ParameterNotResolvedException();
    }
    if (!IsVector(argument->return_type))
      throw duckdb::BinderException("COSINE_DISTANCE() expects vectors or JSON arrays of numbers");
    const Result<DataType> type = FromDuck(argument->return_type);
    const bool keep = type && type->kind == TypeKind::kEmbedding;
    function.arguments.push_back(keep ? argument->return_type : LogicalType::VARCHAR);
  }
  function.varargs = LogicalType::INVALID;
  return nullptr;
}

class VectorColumn {
 public:
  VectorColumn(ClientContext& context, Vector& vector, size_t count)
      : type_(*FromDuck(vector.GetType())),
        reader_(type_),
        constant_(vector.GetVectorType() == duckdb::VectorType::CONSTANT_VECTOR) {
    reader_.Bind(context, vector, count);
  }
  // False for NULL. A text is parsed once when it is the same for all rows.
  bool Load(size_t row) {
    if (loaded_ && constant_) return !null_;
    loaded_ = true;
    const Value value = reader_.Read(row);
    null_ = value.is_null;
    if (null_) return false;
    floats_.clear();
    if (type_.kind == TypeKind::kEmbedding) {
      floats_.resize(value.bytes.size / sizeof(float));
      std::memcpy(floats_.data(), value.bytes.data, value.bytes.size);
    } else if (!ParseEmbedding(value.text(), floats_)) {
      throw duckdb::InvalidInputException("COSINE_DISTANCE() expects a JSON array of numbers");
    }
    return true;
  }
  const std::vector<float>& floats() const { return floats_; }

 private:
  DataType type_;
  ColumnReader reader_;
  bool constant_;
  bool loaded_ = false;
  bool null_ = false;
  std::vector<float> floats_;
};

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  const double norm = std::sqrt(aa) * std::sqrt(bb);
  return norm == 0 ? 1.0 : 1.0 - std::clamp(dot / norm, -1.0, 1.0);
}

void Distances(DataChunk& arguments, ExpressionState& state, Vector& result) {
  VectorColumn rows(state.GetContext(), arguments.data[0], arguments.size());
  VectorColumn queries(state.GetContext(), arguments.data[1], arguments.size());
  auto* out = duckdb::FlatVector::GetData<double>(result);
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!queries.Load(i))
      throw duckdb::InvalidInputException("COSINE_DISTANCE() query vector cannot be NULL");
    if (queries.floats().empty())
      throw duckdb::InvalidInputException("COSINE_DISTANCE() query vector cannot be empty");
    if (!rows.Load(i)) {
      duckdb::FlatVector::SetNull(result, i, true);
      continue;
    }
    if (rows.floats().size() != queries.floats().size()) {
      throw duckdb::InvalidInputException(
          fmt::format("COSINE_DISTANCE() dimension mismatch: row has {}, query has {}", rows.floats().size(),
                      queries.floats().size()));
    }
    out[i] = Distance(rows.floats(), queries.floats());
  }
}

ScalarFunction DistanceFunction() {
  ScalarFunction out("cosine_distance", {}, LogicalType::DOUBLE, Distances, BindDistance);
  out.varargs = LogicalType::ANY;
  out.null_handling = duckdb::FunctionNullHandling::SPECIAL_HANDLING;
  out.errors = duckdb::FunctionErrors::CAN_THROW_RUNTIME_ERROR;
  return out;
}

}  // namespace

void RegisterFunctions(ClientContext& context) {
  std::vector<ScalarFunction> functions;
  functions.push_back(IdFunction("snowflake_id", LogicalType::BIGINT, SnowflakeIds));
  functions.push_back(IdFunction("uuid_v7", LogicalType::VARCHAR, TextIds<UuidV7>));
  functions.push_back(IdFunction("ulid", LogicalType::VARCHAR, TextIds<Ulid>));
  functions.push_back(DistanceFunction());
  ScalarFunction write(kWriteFunction, {LogicalType::ANY, LogicalType::UINTEGER}, LogicalType::ANY, Write,
                       BindWrite);
  write.stability = duckdb::FunctionStability::VOLATILE;
  write.null_handling = duckdb::FunctionNullHandling::SPECIAL_HANDLING;
  functions.push_back(write);

  context.RunFunctionInTransaction([&] {
    auto& catalog = duckdb::Catalog::GetSystemCatalog(context);
    for (ScalarFunction& function : functions) {
      duckdb::CreateScalarFunctionInfo info(std::move(function));
      catalog.CreateFunction(context, info);
    }
    duckdb::CreateScalarFunctionInfo stored(MakeStoredValueFunctions());
    catalog.CreateFunction(context, stored);
    duckdb::CreateTableFunctionInfo scan(MakeScanFunction());
    catalog.CreateFunction(context, scan);
    duckdb::CreateTableFunctionInfo hot_scan(MakeHotScanFunction());
    catalog.CreateFunction(context, hot_scan);
    duckdb::CreateTableFunctionInfo cold_scan(MakeColdScanFunction(context));
    catalog.CreateFunction(context, cold_scan);
    RegisterAdjustedFunctions(context);
  });
}

void RegisterCasts(duckdb::DatabaseInstance& database) {
  // As CastValue does it for what is written. DuckDB reads \xNN as one byte and refuses what is not ASCII, so
  // that a text would not find the bytes that were written with it.
  duckdb::CastFunctionSet::Get(database).RegisterCastFunction(
      LogicalType::VARCHAR, LogicalType::BLOB, duckdb::BoundCastInfo(duckdb::DefaultCasts::ReinterpretCast),
      duckdb::CastRules::ImplicitCast(LogicalType::VARCHAR, LogicalType::BLOB));
}

}  // namespace kalam::engine
