#include "engine/scan_function.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"
#include "duckdb/parallel/task_scheduler.hpp"
#include "duckdb/planner/expression/bound_between_expression.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "engine/chunk_writer.h"
#include "engine/cold_scan.h"
#include "engine/run_state.h"
#include "engine/translate.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

using duckdb::ClientContext;
using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::LogicalType;

// A filter of the plan that a source may use. The value may be a parameter: it is read when the scan starts.
struct BoundExpression {
  size_t column;
  ScanBound::Op op;
  duckdb::unique_ptr<Expression> value;
};

// Lives as long as the plan, which may be run again for other sources with the same columns: it keeps no
// source.
struct ScanBindData final : duckdb::TableFunctionData {
  size_t slot = 0;
  std::vector<DataType> types;
  std::string description;
  std::optional<uint64_t> rows;
  std::vector<BoundExpression> bounds;

  duckdb::unique_ptr<duckdb::FunctionData> Copy() const override {
    auto copy = duckdb::make_uniq<ScanBindData>();
    copy->slot = slot;
    copy->types = types;
    copy->description = description;
    copy->rows = rows;
    for (const BoundExpression& bound : bounds)
      copy->bounds.push_back({bound.column, bound.op, bound.value->Copy()});
    return copy;
  }
  bool Equals(const duckdb::FunctionData& other) const override {
    return slot == other.Cast<ScanBindData>().slot;
  }
};

// A source is cut into more parts than there are threads: they do not all take equally long.
constexpr size_t kPartsPerThread = 4;

struct ScanState final : duckdb::GlobalTableFunctionState {
  duckdb::idx_t MaxThreads() const override { return std::max<duckdb::idx_t>(1, parts.size()); }

  Arena arena;  // bytes of the bounds
  std::vector<ScanBound> bounds;
  std::vector<size_t> columns;    // of the source
  std::vector<size_t> positions;  // in the chunk; what is missing here is not read by anyone
  std::vector<std::unique_ptr<SourceScan>> parts;
  std::atomic<size_t> next_part{0};
};

// Of one thread: it takes one part after the other. A thread that is alone gives all rows in order.
struct ThreadState final : duckdb::LocalTableFunctionState {
  explicit ThreadState(size_t width) : writer(width) {}

  SourceScan* scan = nullptr;
  ChunkWriter writer;
};

// --- planning

duckdb::unique_ptr<duckdb::FunctionData> Bind(ClientContext& context, duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<LogicalType>& types,
                                              duckdb::vector<std::string>& names) {
  RunState& run = RunStateOf(context);
  auto data = duckdb::make_uniq<ScanBindData>();
  data->slot = static_cast<size_t>(input.inputs[0].GetValue<int32_t>());
  if (data->slot >= run.sources.size())
    run.Throw({ErrorCode::kInternal, "A table of the statement has no source"});
  const Source& source = *run.sources[data->slot];
  for (const ResultColumn& column : source.columns()) {
    data->types.push_back(column.type);
    types.push_back(ToDuck(column.type));
    names.push_back(column.name);
  }
  data->description = source.Describe();
  data->rows = source.EstimatedRows();
  return data;
}

// Without it COUNT(*) would read the first column.
duckdb::virtual_column_map_t VirtualColumns(ClientContext&, duckdb::optional_ptr<duckdb::FunctionData>) {
  duckdb::virtual_column_map_t columns;
  columns.emplace(duckdb::COLUMN_IDENTIFIER_EMPTY, duckdb::TableColumn("", LogicalType::BOOLEAN));
  return columns;
}

duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(ClientContext&, const duckdb::FunctionData* data) {
  const auto& rows = data->Cast<ScanBindData>().rows;
  if (!rows) return duckdb::make_uniq<duckdb::NodeStatistics>();
  return duckdb::make_uniq<duckdb::NodeStatistics>(*rows);
}

duckdb::InsertionOrderPreservingMap<std::string> Describe(duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<std::string> out;
  if (input.bind_data) out["Source"] = input.bind_data->Cast<ScanBindData>().description;
  return out;
}

// Copying a part of a plan by text would lose the link between a parameter and its value: DuckDB keeps the
// part shared instead.
void RefuseSerialize(duckdb::Serializer&, duckdb::optional_ptr<duckdb::FunctionData>,
                     const duckdb::TableFunction&) {
  throw duckdb::NotImplementedException("a scan cannot be serialized");
}
duckdb::unique_ptr<duckdb::FunctionData> RefuseDeserialize(duckdb::Deserializer&, duckdb::TableFunction&) {
  throw duckdb::NotImplementedException("a scan cannot be deserialized");
}

// --- bounds

// The source's column when `expression` is one, perhaps widened to a larger integer type.
std::optional<size_t> ColumnOf(const Expression& expression, const duckdb::LogicalGet& get,
                               const ScanBindData& data) {
  const Expression* at = &expression;
  while (at->GetExpressionClass() == ExpressionClass::BOUND_CAST) {
    const auto& cast = at->Cast<duckdb::BoundCastExpression>();
    if (cast.try_cast || !cast.return_type.IsIntegral() || !cast.child->return_type.IsIntegral())
      return std::nullopt;
    at = cast.child.get();
  }
  if (at->GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF) return std::nullopt;
  const auto& ref = at->Cast<duckdb::BoundColumnRefExpression>();
  const auto& ids = get.GetColumnIds();
  if (ref.depth != 0 || ref.binding.table_index != get.table_index || ref.binding.column_index >= ids.size())
    return std::nullopt;
  const auto& id = ids[ref.binding.column_index];
  if (id.IsVirtualColumn() || id.HasChildren() || id.GetPrimaryIndex() >= data.types.size())
    return std::nullopt;
  return id.GetPrimaryIndex();
}

bool IsValue(const Expression& expression) {
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::BOUND_CONSTANT:
    case ExpressionClass::BOUND_PARAMETER:
      return true;
    case ExpressionClass::BOUND_CAST:
      return IsValue(*expression.Cast<duckdb::BoundCastExpression>().child);
    default:
      return false;
  }
}

std::optional<ScanBound::Op> ToOp(ExpressionType type) {
  switch (type) {
    case ExpressionType::COMPARE_EQUAL:
      return ScanBound::Op::kEqual;
    case ExpressionType::COMPARE_LESSTHAN:
      return ScanBound::Op::kLess;
    case ExpressionType::COMPARE_LESSTHANOREQUALTO:
      return ScanBound::Op::kLessEqual;
    case ExpressionType::COMPARE_GREATERTHAN:
      return ScanBound::Op::kGreater;
    case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
      return ScanBound::Op::kGreaterEqual;
    default:
      return std::nullopt;
  }
}

class BoundFinder {
 public:
  BoundFinder(const duckdb::LogicalGet& get, ScanBindData& data) : get_(get), data_(data) {}

  void Find(const Expression& filter) {
    switch (filter.GetExpressionClass()) {
      case ExpressionClass::BOUND_CONJUNCTION:
        if (filter.GetExpressionType() != ExpressionType::CONJUNCTION_AND) return;
        for (const auto& child : filter.Cast<duckdb::BoundConjunctionExpression>().children) Find(*child);
        return;
      case ExpressionClass::BOUND_COMPARISON: {
        const auto& comparison = filter.Cast<duckdb::BoundComparisonExpression>();
        const ExpressionType type = filter.GetExpressionType();
        if (!ToOp(type)) return;
        Add(*comparison.left, type, *comparison.right);
        Add(*comparison.right, duckdb::FlipComparisonExpression(type), *comparison.left);
        return;
      }
      case ExpressionClass::BOUND_BETWEEN: {
        const auto& between = filter.Cast<duckdb::BoundBetweenExpression>();
        Add(*between.input, between.LowerComparisonType(), *between.lower);
        Add(*between.input, between.UpperComparisonType(), *between.upper);
        return;
      }
      default:
        return;
    }
  }

 private:
  void Add(const Expression& left, ExpressionType type, const Expression& right) {
    const std::optional<ScanBound::Op> op = ToOp(type);
    const std::optional<size_t> column = ColumnOf(left, get_, data_);
    if (!op || !column || !IsValue(right)) return;
    // NaN is the largest number here; a source that compares as the processor does would lose it.
    const TypeKind kind = data_.types[*column].kind;
    const bool real = kind == TypeKind::kFloat || kind == TypeKind::kDouble;
    if (real && (*op == ScanBound::Op::kGreater || *op == ScanBound::Op::kGreaterEqual)) return;
    for (const BoundExpression& known : data_.bounds) {
      if (known.column == *column && known.op == *op && known.value->Equals(right)) return;
    }
    data_.bounds.push_back({*column, *op, right.Copy()});
  }

  const duckdb::LogicalGet& get_;
  ScanBindData& data_;
};

bool IsOurs(const duckdb::LogicalGet& get) {
  return get.bind_data && (get.function.name == kScanFunction || get.function.name == kHotScanFunction);
}

// Runs after DuckDB's optimizer: filters that stand directly over a scan. DuckDB's own way to tell a table
// function its filters (pushdown_complex_filter) makes every plan with a parameter in such a filter unusable
// for a second run.
void FindBounds(duckdb::LogicalOperator& plan) {
  for (const auto& child : plan.children) FindBounds(*child);
  if (plan.type != duckdb::LogicalOperatorType::LOGICAL_FILTER ||
      plan.children[0]->type != duckdb::LogicalOperatorType::LOGICAL_GET)
    return;
  auto& get = plan.children[0]->Cast<duckdb::LogicalGet>();
  if (!IsOurs(get)) return;
  BoundFinder finder(get, get.bind_data->Cast<ScanBindData>());
  for (const auto& filter : plan.expressions) finder.Find(*filter);
}

// Before DuckDB's optimizer a scan has the columns that the text refers to, all of them.
void NoteColumns(const duckdb::LogicalOperator& plan, std::vector<std::vector<size_t>>& columns) {
  for (const auto& child : plan.children) NoteColumns(*child, columns);
  if (plan.type != duckdb::LogicalOperatorType::LOGICAL_GET) return;
  const auto& get = plan.Cast<duckdb::LogicalGet>();
  if (!IsOurs(get)) return;
  std::vector<size_t>& of_source = columns[get.bind_data->Cast<ScanBindData>().slot];
  for (const auto& id : get.GetColumnIds()) {
    if (!id.IsVirtualColumn()) of_source.push_back(id.GetPrimaryIndex());
  }
  std::ranges::sort(of_source);
  of_source.erase(std::ranges::unique(of_source).begin(), of_source.end());
}

void BeforeOptimizing(duckdb::OptimizerExtensionInput& input,
                      duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  const auto run = input.context.registered_state->Get<RunState>(kRunStateKey);
  if (run && run->read_columns != nullptr) NoteColumns(*plan, *run->read_columns);
}

void Optimize(duckdb::OptimizerExtensionInput&, duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  FindBounds(*plan);
}

// Adds the bound when its value has an exact counterpart in the column's type.
void AddBound(ClientContext& context, const BoundExpression& bound, const DataType& type, ScanState& state) {
  duckdb::Value value = duckdb::ExpressionExecutor::EvaluateScalar(context, *bound.value, true);
  const LogicalType target = ToDuck(type);
  if (value.IsNull()) return;
  if (value.type() != target) {
    const duckdb::Value original = value;
    if (!value.DefaultTryCastAs(target, true)) return;
    duckdb::Value back = value;
    if (!back.DefaultTryCastAs(original.type(), true) || back != original) return;
  }
  const Value ours = FromDuck(value, type, state.arena);
  if ((type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble) && std::isnan(ours.real)) return;
  state.bounds.push_back({bound.column, bound.op, ours});
}

// --- running

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> Init(ClientContext& context,
                                                          duckdb::TableFunctionInitInput& input) {
  RunState& run = RunStateOf(context);
  const auto& data = input.bind_data->Cast<ScanBindData>();
  auto state = duckdb::make_uniq<ScanState>();
  for (size_t i = 0; i < input.column_ids.size(); ++i) {
    if (duckdb::IsVirtualColumn(input.column_ids[i])) continue;
    state->columns.push_back(input.column_ids[i]);
    state->positions.push_back(i);
  }
  for (const BoundExpression& bound : data.bounds) AddBound(context, bound, data.types[bound.column], *state);
  const auto threads =
      static_cast<size_t>(std::max(1, duckdb::TaskScheduler::GetScheduler(context).NumberOfThreads()));
  auto parts = run.sources[data.slot]->ScanParts({state->columns, state->bounds},
                                                 threads == 1 ? 1 : threads * kPartsPerThread);
  if (!parts) run.Throw(std::move(parts).error());
  state->parts = std::move(*parts);
  return state;
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitThread(duckdb::ExecutionContext&,
                                                               duckdb::TableFunctionInitInput& input,
                                                               duckdb::GlobalTableFunctionState*) {
  return duckdb::make_uniq<ThreadState>(input.column_ids.size());
}

void Scan(ClientContext& context, duckdb::TableFunctionInput& input, duckdb::DataChunk& output) {
  const auto& data = input.bind_data->Cast<ScanBindData>();
  auto& state = input.global_state->Cast<ScanState>();
  auto& own = input.local_state->Cast<ThreadState>();
  RunState& run = RunStateOf(context);
  for (;;) {
    if (own.scan == nullptr) {
      const size_t part = state.next_part.fetch_add(1, std::memory_order_relaxed);
      if (part >= state.parts.size()) return;
      own.scan = state.parts[part].get();
    }
    own.writer.Clear();
    for (size_t i = 0; i < state.columns.size(); ++i) {
      own.writer.Add(output.data[state.positions[i]], data.types[state.columns[i]].kind);
    }
    Result<size_t> rows = own.scan->Next(own.writer);
    if (!rows) run.Throw(std::move(rows).error());
    if (own.writer.kind_mismatch() || *rows > STANDARD_VECTOR_SIZE) {
      run.Throw(
          {ErrorCode::kInternal, "A source gave a value that does not fit its column: " + data.description});
    }
    output.SetCardinality(*rows);
    if (*rows > 0) return;
    own.scan = nullptr;
  }
}

}  // namespace

duckdb::TableFunction MakeHotScanFunction() {
  duckdb::TableFunction function(kHotScanFunction, {LogicalType::INTEGER}, Scan, Bind, Init, InitThread);
  function.projection_pushdown = true;
  function.cardinality = Cardinality;
  function.to_string = Describe;
  function.get_virtual_columns = VirtualColumns;
  function.serialize = RefuseSerialize;
  function.deserialize = RefuseDeserialize;
  function.verify_serialization = false;
  return function;
}

duckdb::TableFunction MakeScanFunction() {
  duckdb::TableFunction function = MakeHotScanFunction();
  function.name = kScanFunction;
  function.bind_replace = ReplaceScan;
  return function;
}

duckdb::OptimizerExtension MakeScanOptimizer() {
  duckdb::OptimizerExtension extension;
  extension.pre_optimize_function = BeforeOptimizing;
  extension.optimize_function = Optimize;
  return extension;
}

}  // namespace kalam::engine
