#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "duckdb/main/config.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/storage/object_cache.hpp"
#include "engine/bound_predicate.h"
#include "engine/memory_guard.h"
#include "engine/object_file_system.h"
#include "engine/parse.h"
#include "engine/query_connection.h"
#include "engine/run_state.h"
#include "engine/scalar_functions.h"
#include "engine/scan_function.h"
#include "engine/translate.h"
#include "engine/watchdog.h"

namespace kalam::engine {
namespace {

// The version of the headers that this file is compiled with; they do not carry it themselves.
constexpr std::string_view kHeaderVersion = "v1.4.4";
constexpr int64_t kConstantNanosMax = 5'000'000'000;
constexpr size_t kWarmPredicates = 128;  // keep the memory that they evaluate in
constexpr auto kLookEvery = std::chrono::milliseconds(5);
// Fewer rows are grouped or sorted before a second thread has taken its share.
constexpr uint64_t kParallelRowsMin = 100'000;

// Settings that only SQL can reach, before the configuration is locked.
constexpr const char* kSettings[] = {
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL Calendar = 'gregorian'",
    "SET GLOBAL preserve_identifier_case = false",
    // A bare `user` that no column has is a function of DuckDB's, which answers 'duckdb'.
    "CREATE MACRO user() AS error('No field named user')",
    // Cold files never change, so neither do their footers.
    "SET GLOBAL parquet_metadata_cache = true",
    // One read per column of a row group, where the default would read headers byte by byte.
    "SET GLOBAL prefetch_all_parquet_files = true",
    // The only files that can be opened: objects of storages.
    "SET GLOBAL allowed_directories = ['kalam://']",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
};

// An open in-memory DuckDB with our functions and locked settings.
class Database {
 public:
  Database(const EngineOptions& options, int threads) {
    // DuckDB stops at its own limit first; the guard is for what that limit does not see.
    MemoryGuard::Install(options.memory_bytes_max + options.memory_bytes_max / 2);
    duckdb::DBConfig config;
    config.allocator = MemoryGuard::MakeAllocator();
    config.options.maximum_memory = options.memory_bytes_max;
    config.options.maximum_threads = static_cast<duckdb::idx_t>(std::max(1, threads));
    config.options.use_temporary_directory = false;
    config.options.temporary_directory = "";
    config.options.autoload_known_extensions = false;
    config.options.autoinstall_known_extensions = false;
    config.options.allow_community_extensions = false;
    // A bug of DuckDB must fail one statement, not all running ones; Engine opens a new database after it.
    config.options.disable_database_invalidation = true;
    duckdb_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    if (options.files != nullptr) RegisterObjectFiles(*duckdb_->instance, *options.files);
    duckdb_->instance->config.optimizer_extensions.push_back(MakeScanOptimizer());
    duckdb::Connection connection(*duckdb_);
    RegisterFunctions(*connection.context);
    RegisterCasts(*duckdb_->instance);
    const auto run = [&](const char* sql) {
      auto result = connection.Query(sql);
      if (result->HasError()) result->ThrowError();
    };
    std::ranges::for_each(FunctionMacros(), run);
    std::ranges::for_each(kSettings, run);
    // DuckDB's own and its extensions' (parquet, json), which would read files.
    duckdb_->instance->config.replacement_scans.clear();
  }
  duckdb::DatabaseInstance& instance() { return *duckdb_->instance; }

 private:
  std::unique_ptr<duckdb::DuckDB> duckdb_;
};

// A connection and the database that it must not outlive.
struct Lane {
  std::shared_ptr<Database> database;
  std::unique_ptr<QueryConnection> connection;
};

// Where predicates are bound and evaluated: a connection that runs no queries.
struct PredicateLane {
  PredicateLane(std::shared_ptr<Database> database_in, Random& random)
      : database(std::move(database_in)), connection(database->instance()) {
    connection.context->registered_state->Insert(kRunStateKey, duckdb::make_shared_ptr<RunState>(random));
  }

  const std::shared_ptr<Database> database;
  duckdb::Connection connection;
  std::mutex bind_mu;  // one binding at a time
  const std::shared_ptr<PredicateScratch> scratch = std::make_shared<PredicateScratch>(kWarmPredicates);
};

// The connections of one database and the database itself, opened when first needed.
struct Pool {
  explicit Pool(int threads_in, int connections) : threads(threads_in), free_lanes(connections) {}

  const int threads;  // of one query
  std::condition_variable returned;
  // Guarded by Impl::mu. A lane without connection is opened by whoever takes it.
  std::vector<Lane> free_lanes;
  std::shared_ptr<Database> database;
};

Error TimeIsOver() { return {ErrorCode::kDeadline, "The statement ran longer than its time limit"}; }

}  // namespace

struct Engine::Impl {
  Impl(const EngineOptions& options_in, const Clock& clock_in, Random& random_in)
      : options(options_in),
        clock(clock_in),
        random(random_in),
        serial(1, std::max(1, options_in.connections)),
        parallel(options_in.threads, std::max(1, options_in.connections)) {}

  // A query of few rows is done by its own thread alone: handing parts of it to others costs more than they
  // save, and a caller that waits for them keeps its core busy.
  Pool& PoolFor(const RunRequest& request);
  Result<Lane> Take(Pool& pool, const StatementContext& context);
  void Return(Pool& pool, Lane lane);
  Status Open(Pool& pool, Lane& lane);
  Result<std::shared_ptr<PredicateLane>> OpenPredicateLane();
  Status OpenDatabase(Pool& pool, const std::function<void(const std::shared_ptr<Database>&)>& connect);

  const EngineOptions options;
  const Clock& clock;
  Random& random;

  std::mutex open_mu;  // one opening at a time, without holding mu
  std::mutex mu;
  Pool serial;
  Pool parallel;
  // Guarded by mu.
  std::shared_ptr<PredicateLane> predicate_lane;  // of the serial pool's database
  std::unique_ptr<Watchdog> watchdog;
};

Pool& Engine::Impl::PoolFor(const RunRequest& request) {
  const bool much = std::ranges::any_of(request.sources, [](const std::shared_ptr<const Source>& source) {
    return source->files() != nullptr || source->EstimatedRows().value_or(0) >= kParallelRowsMin;
  });
  return much && parallel.threads > 1 ? parallel : serial;
}

// The most recently used lane first: its plans and memory are warm.
Result<Lane> Engine::Impl::Take(Pool& pool, const StatementContext& context) {
  Lane lane;
  {
    std::unique_lock lock(mu);
    while (true) {
      if (context.stop.stop_requested()) return Fail(ErrorCode::kCancelled, "The query was cancelled");
      if (clock.MonotonicNanos() >= context.deadline_nanos) return Fail(TimeIsOver());
      if (!pool.free_lanes.empty()) break;
      pool.returned.wait_for(lock, kLookEvery);
    }
    lane = std::move(pool.free_lanes.back());
    pool.free_lanes.pop_back();
  }
  if (lane.connection == nullptr) {
    if (Status opened = Open(pool, lane); !opened) {
      Return(pool, Lane());
      return std::unexpected(std::move(opened).error());
    }
  }
  return lane;
}

Status Engine::Impl::Open(Pool& pool, Lane& lane) {
  return OpenDatabase(pool, [&](const std::shared_ptr<Database>& current) {
    lane.connection = std::make_unique<QueryConnection>(current->instance(), random, options.prepared_max);
    lane.database = current;
  });
}

Result<std::shared_ptr<PredicateLane>> Engine::Impl::OpenPredicateLane() {
  {
    std::lock_guard lock(mu);
    if (predicate_lane != nullptr && predicate_lane->database == serial.database) return predicate_lane;
  }
  std::shared_ptr<PredicateLane> lane;
  KALAM_TRY(OpenDatabase(serial, [&](const std::shared_ptr<Database>& current) {
    lane = std::make_shared<PredicateLane>(current, random);
  }));
  std::lock_guard lock(mu);
  predicate_lane = lane;
  return lane;
}

Status Engine::Impl::OpenDatabase(Pool& pool,
                                  const std::function<void(const std::shared_ptr<Database>&)>& connect) {
  std::lock_guard opening(open_mu);
  std::shared_ptr<Database> current;
  {
    std::lock_guard lock(mu);
    current = pool.database;
  }
  try {
    if (current == nullptr) current = std::make_shared<Database>(options, pool.threads);
    connect(current);
  } catch (const std::exception& exception) {
    return Fail(ErrorCode::kInternal, fmt::format("The query engine cannot be opened: {}",
                                                  duckdb::ErrorData(exception).RawMessage()));
  }
  std::lock_guard lock(mu);
  pool.database = std::move(current);
  if (watchdog == nullptr) watchdog = std::make_unique<Watchdog>(clock, [] { MemoryGuard::ReleaseFreed(); });
  return {};
}

void Engine::Impl::Return(Pool& pool, Lane lane) {
  std::vector<Lane> old;  // destroyed outside the lock
  {
    std::lock_guard lock(mu);
    if (lane.connection != nullptr && lane.connection->broken()) {
      // The next statement gets a new database; lanes in use come here one by one.
      if (lane.database == pool.database) pool.database = nullptr;
      old.push_back(std::exchange(lane, Lane()));
    } else if (lane.connection != nullptr && lane.database != pool.database) {
      old.push_back(std::exchange(lane, Lane()));
    }
    // Unopened lanes go to the front, so that few connections are opened for few callers.
    auto& free_lanes = pool.free_lanes;
    free_lanes.insert(lane.connection == nullptr ? free_lanes.begin() : free_lanes.end(), std::move(lane));
    for (Lane& free : free_lanes) {
      if (free.connection != nullptr && free.database != pool.database)
        old.push_back(std::exchange(free, Lane()));
    }
  }
  pool.returned.notify_one();
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Open(const EngineOptions& options, const Clock& clock,
                                             Random& random) {
  if (kHeaderVersion != duckdb::DuckDB::LibraryVersion()) {
    return Fail(ErrorCode::kInternal, fmt::format("libduckdb is {} but the server was built for {}",
                                                  duckdb::DuckDB::LibraryVersion(), kHeaderVersion));
  }
  return std::unique_ptr<Engine>(new Engine(std::make_unique<Impl>(options, clock, random)));
}

Result<ParsedStatementPtr> Engine::Parse(std::string_view sql, const ViewFinder& views) const {
  return ParseStatement(sql, views);
}

Result<int64_t> Engine::Run(const RunRequest& request, RowSink& sink) const {
  const auto* const parsed = dynamic_cast<const Statement*>(request.statement.get());
  if (parsed == nullptr) return Fail(ErrorCode::kInternal, "The statement was not made by the engine");
  const Statement& statement = *parsed;
  if (request.sources.size() != statement.tables().size()) {
    return Fail(ErrorCode::kInternal,
                fmt::format("{} tables but {} sources", statement.tables().size(), request.sources.size()));
  }
  if (!statement.parameters().empty() && statement.parameters().back() > request.parameters.size()) {
    return Fail(ErrorCode::kParamCountMismatch,
                fmt::format("Parameter binding error: ${} has no value, {} given",
                            statement.parameters().back(), request.parameters.size()));
  }
  Pool& pool = impl_->PoolFor(request);
  KALAM_ASSIGN(Lane lane, impl_->Take(pool, request.context));
  Result<int64_t> rows = lane.connection->Run(statement, request, sink, *impl_->watchdog, impl_->clock);
  impl_->Return(pool, std::move(lane));
  return rows;
}

Result<std::shared_ptr<const BoundPredicate>> Engine::BindPredicate(const ParsedStatementPtr& select,
                                                                    std::span<const ResultColumn> columns,
                                                                    const Principal& principal) const {
  const auto* const statement = dynamic_cast<const Statement*>(select.get());
  if (statement == nullptr) return Fail(ErrorCode::kInternal, "The statement was not made by the engine");
  KALAM_ASSIGN(const std::shared_ptr<PredicateLane> lane, impl_->OpenPredicateLane());
  std::lock_guard binding(lane->bind_mu);
  KALAM_ASSIGN(auto bound,
               BindWhere(*statement, columns, principal, *lane->connection.context, lane->scratch, lane));
  return std::shared_ptr<const BoundPredicate>(std::move(bound));
}

void Engine::ForgetFile(const std::string& path) const {
  for (const Pool* pool : {&impl_->serial, &impl_->parallel}) {
    std::shared_ptr<Database> database;
    {
      std::lock_guard lock(impl_->mu);
      database = pool->database;
    }
    if (database != nullptr) database->instance().GetObjectCache().Delete(path);
  }
}

Result<Value> Engine::Cast(const Value& value, const DataType& type, Arena& arena) const {
  return CastValue(value, TypeOf(value), type, {}, arena);
}

namespace {

class OneValue final : public RowSink {
 public:
  OneValue(const DataType& type, Arena& arena) : type_(type), arena_(arena) {}
  void Begin(std::span<const ResultColumn> columns) override { from_ = columns[0].type; }
  Status Row(std::span<const Value> values) override {
    KALAM_ASSIGN(value, CastValue(values[0], from_, type_, {}, arena_));
    if (!value.is_null && IsVariable(value.kind)) value = Value::Bytes(value.kind, arena_.Copy(value.text()));
    return {};
  }
  Value value;

 private:
  const DataType& type_;
  Arena& arena_;
  DataType from_;
};

}  // namespace

Result<Value> Engine::EvaluateConstant(std::string_view expression, const DataType& type,
                                       Arena& arena) const {
  KALAM_ASSIGN(auto statement, ParseExpression(expression));
  if (const std::optional<duckdb::Value> literal = LiteralOf(*statement)) {
    const Result<DataType> from = FromDuck(literal->type());
    if (from) return CastValue(FromDuck(*literal, *from, arena), *from, type, {}, arena);
  }
  RunRequest request;
  request.statement = std::move(statement);
  request.context.now_micros = impl_->clock.WallMicros();
  request.context.deadline_nanos = impl_->clock.MonotonicNanos() + kConstantNanosMax;
  OneValue sink(type, arena);
  KALAM_TRY(Run(request, sink));
  return sink.value;
}

}  // namespace kalam::engine
