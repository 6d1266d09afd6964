// One DuckDB connection with its prepared plans. Not for other modules.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/prepared_statement.hpp"
#include "engine/engine.h"
#include "engine/run_state.h"
#include "engine/translate.h"
#include "engine/tree.h"
#include "engine/watchdog.h"

namespace kalam::engine {

// Used by one thread at a time.
class QueryConnection {
 public:
  QueryConnection(duckdb::DatabaseInstance& database, Random& random, size_t plans_max);

  // See Engine::Run. The request has been checked by Engine.
  Result<int64_t> Run(const Statement& statement, const RunRequest& request, RowSink& sink,
                      Watchdog& watchdog, const Clock& clock);

  // An error has made the whole database unusable.
  bool broken() const { return broken_; }

 private:
  using Parameters = duckdb::case_insensitive_map_t<duckdb::BoundParameterData>;

  // A plan that was made once and is run again. `statement` keeps its key alive.
  struct Plan {
    ParsedStatementPtr statement;
    RunForm form = RunForm::kQuery;
    bool default_order = false;
    std::optional<int64_t> row_limit;
    std::vector<DataType> cast_to;
    std::vector<ResultColumn> columns;  // of all sources, in order
    std::vector<std::optional<size_t>> sorted_by;
    // Null when the parameters' types cannot be known without their values: such statements are planned each
    // time.
    duckdb::unique_ptr<duckdb::PreparedStatement> prepared;
    duckdb::case_insensitive_map_t<duckdb::LogicalType> parameter_types;
  };
  using PlanList = std::list<Plan>;

  Result<duckdb::unique_ptr<duckdb::QueryResult>> Start(const Statement& statement,
                                                        const RunRequest& request);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> StartPlanned(Plan& plan, Parameters parameters, bool& fits);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> StartDirect(const Statement& statement,
                                                              const RunRequest& request,
                                                              Parameters& parameters);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> Execute(
      duckdb::unique_ptr<duckdb::PendingQueryResult> pending);
  Result<Plan*> FindPlan(const Statement& statement, const RunRequest& request);
  static bool Matches(const Plan& plan, const RunRequest& request);
  void Forget(PlanList::iterator plan);
  void DropHeavyPlan();

  Result<int64_t> Drain(const Statement& statement, const RunRequest& request, duckdb::QueryResult& result,
                        RowSink& sink);
  Error ToError(const duckdb::ErrorData& error, Stage stage);

  duckdb::Connection connection_;
  duckdb::shared_ptr<RunState> state_;
  const size_t plans_max_;
  PlanList plans_;  // most recently used first
  std::unordered_multimap<const ParsedStatement*, PlanList::iterator> by_statement_;
  Plan* used_ = nullptr;  // by the run in progress
  bool broken_ = false;
};

}  // namespace kalam::engine
