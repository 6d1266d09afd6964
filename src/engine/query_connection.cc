#include "engine/query_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "duckdb/main/database.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/main/query_result.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "engine/plan.h"
#include "engine/translate.h"

namespace kalam::engine {
namespace {

using duckdb::LogicalTypeId;
using QueryResultPtr = duckdb::unique_ptr<duckdb::QueryResult>;

// A plan keeps the hash tables of its last run; one that holds this much is not worth keeping.
constexpr size_t kIdlePlanBytesMax = 4u << 20;
constexpr int64_t kExactInDouble = 1LL << 53;

// A parameter keeps its type: the protocol makes every integer a BIGINT, and clients see that in results.
duckdb::Value ToConstant(const Value& value) { return ToDuck(value, TypeOf(value)); }

// Converts a parameter to the type that a plan expects, when the query means the same with it. A plan that
// expects an integer must not get 1.5 rounded; such runs are planned for their own values.
bool FitsPlan(duckdb::Value& value, const duckdb::LogicalType& expected) {
  if (value.type() == expected) return true;
  if (value.IsNull()) {
    value = duckdb::Value(expected);
    return true;
  }
  const duckdb::Value original = value;
  const duckdb::LogicalType& from = original.type();
  if (expected.IsJSONType()) return false;  // the default casts take any text as JSON
  if (from.id() == LogicalTypeId::VARCHAR && expected.id() == LogicalTypeId::BLOB) {
    value = duckdb::Value::BLOB_RAW(duckdb::StringValue::Get(original));  // as RegisterCasts has it
    return true;
  }
  if (from.id() == LogicalTypeId::VARCHAR) return value.DefaultTryCastAs(expected);
  const bool integer = from.IsIntegral();
  const bool real = from.id() == LogicalTypeId::DOUBLE || from.id() == LogicalTypeId::FLOAT;
  if (integer && expected.id() == LogicalTypeId::DOUBLE) {
    const auto n = original.GetValue<int64_t>();
    if (n > kExactInDouble || n < -kExactInDouble) return false;
  }
  const bool number = expected.IsNumeric() && (integer || (real && !expected.IsIntegral()));
  if (!number && from.id() != expected.id()) return false;
  if (!value.DefaultTryCastAs(expected, true)) return false;
  duckdb::Value back = value;
  return back.DefaultTryCastAs(from, true) && back == original;
}

bool SameColumn(const ResultColumn& a, const ResultColumn& b) {
  return a.type == b.type && a.primary_key == b.primary_key && a.name == b.name;
}

}  // namespace

QueryConnection::QueryConnection(duckdb::DatabaseInstance& database, Random& random, size_t plans_max)
    : connection_(database), state_(duckdb::make_shared_ptr<RunState>(random)), plans_max_(plans_max) {
  connection_.context->registered_state->Insert(kRunStateKey, state_);
}

Error QueryConnection::ToError(const duckdb::ErrorData& error, Stage stage) {
  if (std::optional<Error> ours = state_->TakeError()) return std::move(*ours);
  if (IsFatal(error)) broken_ = true;
  return Translate(error, stage);
}

Result<int64_t> QueryConnection::Run(const Statement& statement, const RunRequest& request, RowSink& sink,
                                     Watchdog& watchdog, const Clock& clock) {
  const StatementContext& context = request.context;
  state_->sources = request.sources;
  state_->cast_to = request.cast_to;
  state_->statement = &context;
  state_->read_columns = request.read_columns;
  if (request.read_columns != nullptr) request.read_columns->assign(request.sources.size(), {});
  (void)state_->TakeError();
  used_ = nullptr;
  Result<int64_t> rows = 0;
  {
    const Watchdog::Watch watch(watchdog, context.deadline_nanos, context.stop,
                                [this] { connection_.Interrupt(); });
    try {
      Result<QueryResultPtr> result = Start(statement, request);
      rows = result ? Drain(statement, request, **result, sink)
                    : Result<int64_t>(std::unexpected(std::move(result).error()));
    } catch (const std::exception& exception) {
      rows = Fail(ToError(duckdb::ErrorData(exception), Stage::kRun));
    }
  }
  try {
    connection_.context->CancelTransaction();  // ends a query that was not read to its end
  } catch (const std::exception& exception) {
    broken_ = true;
  }
  state_->sources = {};
  state_->cast_to = {};
  state_->statement = nullptr;
  state_->read_columns = nullptr;
  DropHeavyPlan();
  if (!rows && rows.error().code == ErrorCode::kCancelled && !context.stop.stop_requested()) {
    if (clock.MonotonicNanos() >= context.deadline_nanos)
      return Fail(ErrorCode::kDeadline, "The statement ran longer than its time limit");
  }
  return rows;
}

Result<QueryResultPtr> QueryConnection::Start(const Statement& statement, const RunRequest& request) {
  Parameters parameters;
  for (const uint32_t number : statement.parts.found.parameters) {
    parameters.emplace(std::to_string(number),
                       duckdb::BoundParameterData(ToConstant(request.parameters[number - 1])));
  }
  const HiddenParameters& hidden = statement.parts.found.hidden;
  const StatementContext& context = request.context;
  const auto text = [&](std::string_view name, std::string value) {
    parameters.emplace(std::string(name), duckdb::BoundParameterData(duckdb::Value(std::move(value))));
  };
  if (hidden.now) {
    parameters.emplace(
        std::string(kNowParameter),
        duckdb::BoundParameterData(duckdb::Value::TIMESTAMP(duckdb::timestamp_t(context.now_micros))));
  }
  if (hidden.user) text(kUserParameter, context.principal != nullptr ? context.principal->user_id : "");
  if (hidden.role)
    text(kRoleParameter, context.principal != nullptr ? std::string(RoleName(context.principal->role)) : "");

  // DuckDB may copy a common table expression into several places, where its parameters would keep their
  // first value.
  // A plan over files is made for its values: they decide which files and which parts of them are read.
  const bool has_files =
      std::ranges::any_of(request.sources, [](const auto& source) { return source->files() != nullptr; });
  const bool reusable = statement.parts.kind != StatementKind::kExplain && !has_files &&
                        !(statement.parts.found.has_cte && !parameters.empty());
  if (reusable && statement.runs.fetch_add(1, std::memory_order_relaxed) > 0 && plans_max_ > 0) {
    KALAM_ASSIGN(Plan* const plan, FindPlan(statement, request));
    if (plan->prepared) {
      bool fits = true;
      Result<QueryResultPtr> result = StartPlanned(*plan, parameters, fits);
      if (fits) return result;
    }
  }
  return StartDirect(statement, request, parameters);
}

Result<QueryResultPtr> QueryConnection::StartDirect(const Statement& statement, const RunRequest& request,
                                                    Parameters& parameters) {
  return Execute(connection_.PendingQuery(MakeTree(statement, request), parameters, true));
}

Result<QueryResultPtr> QueryConnection::StartPlanned(Plan& plan, Parameters parameters, bool& fits) {
  for (auto& [name, data] : parameters) {
    const auto expected = plan.parameter_types.find(name);
    if (expected == plan.parameter_types.end()) continue;
    duckdb::Value value = data.GetValue();
    fits = FitsPlan(value, expected->second);
    if (!fits) return QueryResultPtr();
    data = duckdb::BoundParameterData(std::move(value), expected->second);
  }
  used_ = &plan;
  return Execute(plan.prepared->PendingQuery(parameters, true));
}

Result<QueryResultPtr> QueryConnection::Execute(duckdb::unique_ptr<duckdb::PendingQueryResult> pending) {
  if (pending->HasError()) return Fail(ToError(pending->GetErrorObject(), Stage::kBind));
  QueryResultPtr result = pending->Execute();
  if (result->HasError()) return Fail(ToError(result->GetErrorObject(), Stage::kRun));
  return result;
}

// --- plans

bool QueryConnection::Matches(const Plan& plan, const RunRequest& request) {
  if (plan.form != request.form || plan.default_order != request.default_order ||
      plan.row_limit != request.row_limit)
    return false;
  if (!std::ranges::equal(plan.cast_to, request.cast_to, {}, {}, &ResultColumn::type)) return false;
  size_t at = 0;
  for (size_t i = 0; i < request.sources.size(); ++i) {
    const auto columns = request.sources[i]->columns();
    if (plan.columns.size() - at < columns.size() || plan.sorted_by[i] != request.sources[i]->SortedBy())
      return false;
    for (const ResultColumn& column : columns) {
      if (!SameColumn(plan.columns[at++], column)) return false;
    }
  }
  return at == plan.columns.size();
}

void QueryConnection::Forget(PlanList::iterator plan) {
  const auto [begin, end] = by_statement_.equal_range(plan->statement.get());
  by_statement_.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second == plan; }));
  plans_.erase(plan);
}

Result<QueryConnection::Plan*> QueryConnection::FindPlan(const Statement& statement,
                                                         const RunRequest& request) {
  const auto [begin, end] = by_statement_.equal_range(&statement);
  for (auto it = begin; it != end; ++it) {
    const PlanList::iterator plan = it->second;
    if (!Matches(*plan, request)) continue;
    plans_.splice(plans_.begin(), plans_, plan);
    return &*plan;
  }
  Plan plan{
      request.statement, request.form, request.default_order, request.row_limit, {}, {}, {}, nullptr, {}};
  for (const ResultColumn& column : request.cast_to) plan.cast_to.push_back(column.type);
  for (const auto& source : request.sources) {
    plan.columns.insert(plan.columns.end(), source->columns().begin(), source->columns().end());
    plan.sorted_by.push_back(source->SortedBy());
  }
  auto prepared = connection_.Prepare(MakeTree(statement, request));
  if (prepared->HasError()) return Fail(ToError(prepared->GetErrorObject(), Stage::kBind));
  if (prepared->data->properties.bound_all_parameters) {
    plan.parameter_types = prepared->GetExpectedParameterTypes();
    plan.prepared = std::move(prepared);
  }
  if (plans_.size() >= plans_max_) Forget(std::prev(plans_.end()));
  plans_.push_front(std::move(plan));
  by_statement_.emplace(&statement, plans_.begin());
  return &plans_.front();
}

void QueryConnection::DropHeavyPlan() {
  if (used_ == nullptr) return;
  auto& database = duckdb::DatabaseInstance::GetDatabase(*connection_.context);
  if (database.GetBufferManager().GetUsedMemory() > kIdlePlanBytesMax) {
    Forget(std::ranges::find_if(plans_, [this](const Plan& plan) { return &plan == used_; }));
  }
  used_ = nullptr;
}

// --- rows

namespace {

struct Output {
  std::vector<ResultColumn> columns;  // as the sink sees them
  std::vector<ColumnReader> readers;
  std::vector<const ResultColumn*> cast_to;  // null: as it is
};

Status CheckWidth(const Statement& statement, const RunRequest& request, size_t width) {
  if (request.form == RunForm::kInsertedRows && width != request.cast_to.size()) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("INSERT expects {} values per row but {} are supplied", request.cast_to.size(), width));
  }
  if (request.form == RunForm::kChangedRows && width < request.cast_to.size()) {
    return Fail(ErrorCode::kInternal,
                fmt::format("{} written columns but {} results", statement.parts.written.size(), width));
  }
  return {};
}

Result<Output> MakeOutput(const Statement& statement, const RunRequest& request,
                          const duckdb::QueryResult& result) {
  const size_t width = result.types.size();
  KALAM_TRY(CheckWidth(statement, request, width));
  Output out;
  std::vector<const ResultColumn*> origins = Origins(statement, request.sources);
  if (origins.size() != width) origins.assign(width, nullptr);
  const size_t first_cast = request.form == RunForm::kQuery ? width : width - request.cast_to.size();
  for (size_t i = 0; i < width; ++i) {
    KALAM_ASSIGN(const DataType type, FromDuck(result.types[i]));
    ResultColumn column{result.names[i], type};
    const ResultColumn* origin = origins[i];
    // FILE reads as text, but it is FILE that the column holds.
    if (origin != nullptr && ToDuck(origin->type) == result.types[i]) {
      column.type = origin->type;
      column.primary_key = origin->primary_key;
      column.not_null = origin->not_null;
    }
    const ResultColumn* target = i >= first_cast ? &request.cast_to[i - first_cast] : nullptr;
    out.readers.emplace_back(column.type);
    out.cast_to.push_back(target);
    out.columns.push_back(target != nullptr ? *target : std::move(column));
  }
  if (statement.parts.kind == StatementKind::kExplain && width == 2) {
    out.columns[0].name = "plan_type";
    out.columns[1].name = "plan";
  }
  return out;
}

}  // namespace

Result<int64_t> QueryConnection::Drain(const Statement& statement, const RunRequest& request,
                                       duckdb::QueryResult& result, RowSink& sink) {
  KALAM_ASSIGN(Output out, MakeOutput(statement, request, result));
  sink.Begin(out.columns);
  std::vector<Value> row(out.columns.size());
  int64_t count = 0;
  while (true) {
    if (request.row_limit && count >= *request.row_limit) return count;
    const auto chunk = result.FetchRaw();
    if (!chunk || chunk->size() == 0) break;
    Arena arena;
    for (size_t i = 0; i < row.size(); ++i)
      out.readers[i].Bind(*connection_.context, chunk->data[i], chunk->size());
    for (size_t r = 0; r < chunk->size(); ++r) {
      if (request.row_limit && count >= *request.row_limit) return count;
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = out.readers[i].Read(r);
        if (const ResultColumn* target = out.cast_to[i]) {
          KALAM_ASSIGN(row[i], CastValue(row[i], out.readers[i].type(), target->type, target->name, arena));
        }
      }
      KALAM_TRY(sink.Row(row));
      ++count;
    }
  }
  if (result.HasError()) return Fail(ToError(result.GetErrorObject(), Stage::kRun));
  return count;
}

}  // namespace kalam::engine
