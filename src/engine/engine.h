// Engine: DuckDB behind one class. Parses, checks, binds and runs queries over Sources; casts and evaluates.
//
// Purpose: everything SQL that is not a direct plan. The only module that includes DuckDB; its exceptions and
//   error texts stop here.
// Owner and lifetime: main() opens one; statements and results must die before it. DuckDB itself is opened by
//   the first query, since parsing and literals do not need it.
// Threads: every method is thread-safe; Run uses one of a fixed number of pooled connections and waits for a
//   free one until the deadline.
// Errors: kSyntax with details line and column (1-based), token; kInvalidSql for what the allow-list refuses;
//   kUnsupported for known forms that are not built; kInvalidOperation for unknown columns and functions and
//   for what makes no sense (UPDATE without WHERE); kConstraint for failing casts of written values;
//   kExecution for run-time failures; kDeadline after the deadline; kCancelled when stopped; kLimitExceeded
//   for memory. Errors of sources and sinks come back as they are.
// Limits: memory_bytes_max is the limit of each of the two DuckDBs (queries of one thread, queries of many);
//   half as much again stops both together and what their limits do not see.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "engine/object_files.h"
#include "engine/predicate.h"
#include "engine/source.h"
#include "engine/statement.h"
#include "model/principal.h"
#include "model/result.h"

namespace kalam::engine {

struct EngineOptions {
  size_t memory_bytes_max = 256u << 20;
  // Of one query that reads files or has a source of many rows, the calling thread among them. Other queries
  // run on the calling thread alone (10,000 rows grouped: 2.0 ms of one core, against 2.2 ms of two).
  int threads = 1;
  int connections = 2;        // queries running at once
  size_t prepared_max = 256;  // prepared statements kept per connection
  // What DataFile::path is read from; outlives the engine. nullptr: no files.
  const ObjectFiles* files = nullptr;
};

// Values and identity that functions of one statement see.
struct StatementContext {
  const Principal* principal = nullptr;     // CURRENT_USER(), CURRENT_ROLE()
  int64_t now_micros = 0;                   // NOW(), CURRENT_TIMESTAMP, CURRENT_DATE: one value per statement
  std::function<int64_t()> next_snowflake;  // SNOWFLAKE_ID(); called by one thread at a time
  int64_t deadline_nanos = INT64_MAX;       // Clock::MonotonicNanos
  std::stop_token stop;
};

enum class RunForm : uint8_t {
  kQuery,         // SELECT or EXPLAIN: the result set
  kChangedRows,   // UPDATE: all columns of the target source for each matching row, followed by the new value
                  // of each written column, cast to that column's type. DELETE: all columns of the target
                  // source for each matching row
  kInsertedRows,  // INSERT: the rows of its VALUES or SELECT, cast to `cast_to`, in the statement's column
                  // order
};

struct RunRequest {
  ParsedStatementPtr statement;
  RunForm form = RunForm::kQuery;
  std::span<const std::shared_ptr<const Source>> sources;  // parallel to statement->tables()
  std::span<const Value> parameters;                       // $1 is parameters[0]
  // kInsertedRows: one per inserted column. kChangedRows of an UPDATE: one per written column.
  std::span<const ResultColumn> cast_to;
  // kQuery of a SELECT without ORDER BY: order by the primary key of the first table, ascending (else by
  // _seq), when the query is a plain SELECT without aggregation, DISTINCT or set operation and that column is
  // in its output.
  bool default_order = true;
  std::optional<int64_t> row_limit;  // stop after so many rows (kQuery)
  // If set: gets, per source, the positions of the columns that the query names or a * stands for, ascending,
  // also those that no result depends on. Only of sources without files.
  std::vector<std::vector<size_t>>* read_columns = nullptr;
  StatementContext context;
};

// Every function that a statement may call, lower case, in byte order; operators among them.
std::span<const std::string_view> FunctionNames();

class Engine {
 public:
  // An in-memory DuckDB with external access off and the configuration locked, opened when first needed.
  // Fails when library and headers differ in version.
  static Result<std::unique_ptr<Engine>> Open(const EngineOptions& options, const Clock& clock,
                                              Random& random);
  ~Engine();

  // Parses exactly one statement of the kinds in StatementKind and checks it against the allow-list.
  // `views`: which names are views; each is replaced by its query, whose tables are among the statement's
  // then. A view never sees the WITH queries of the statement.
  Result<ParsedStatementPtr> Parse(std::string_view sql, const ViewFinder& views = nullptr) const;

  // Runs the statement and gives the rows to `sink` one by one. Nothing has been given to the sink when an
  // error comes from binding; later errors may follow rows, so the sink must be able to forget them. Returns
  // the number of rows.
  Result<int64_t> Run(const RunRequest& request, RowSink& sink) const;

  // The WHERE of a SELECT over one table (its other clauses are not looked at), for rows with these columns.
  // `principal` is CURRENT_USER(). kUnsupported for more than one table, subqueries, parameters and volatile
  // functions; the errors of binding otherwise. 100 us or so.
  Result<std::shared_ptr<const BoundPredicate>> BindPredicate(const ParsedStatementPtr& select,
                                                              std::span<const ResultColumn> columns,
                                                              const Principal& principal) const;

  // What is cached of a file that nobody will read again is given up.
  void ForgetFile(const std::string& path) const;

  // SQL's implicit cast for writes: `value` to `type` (INSERT of '5' into BIGINT, '2024-01-01' into DATE, 1
  // into DOUBLE, text into UUID, '[1,2]' into EMBEDDING...). Bytes live in `arena` or are the value's own.
  // kConstraint when it cannot: "Unable to cast value 'x' of type TEXT to BIGINT". Same-kind values return at
  // once. Integers become timestamps, dates and times as the stored number; JSON is not validated.
  Result<Value> Cast(const Value& value, const DataType& type, Arena& arena) const;

  // The value of a constant SQL expression such as a DEFAULT ("1 + 1", "'x'", "true", "-5"), cast to `type`.
  Result<Value> EvaluateConstant(std::string_view expression, const DataType& type, Arena& arena) const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::engine
