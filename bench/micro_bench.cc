// What one statement costs inside the server, without network and storage. The first three are rows of the
// speed table; kalam-bench reads their names.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "auth/users.h"
#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "config/settings.h"
#include "engine/engine.h"
#include "hot/store.h"
#include "model/principal.h"
#include "model/value.h"
#include "sql/bind.h"
#include "sql/handlers.h"
#include "sql/parse/lexer.h"
#include "sql/parse/parse.h"
#include "sql/planner.h"
#include "sql/services.h"
#include "tables/snowflake.h"

namespace kalam {
namespace {

constexpr int kTables = 200;
constexpr std::string_view kSelectText = "SELECT id, v, name FROM bench.t7 WHERE id = $1";
constexpr std::string_view kInsertText =
    "INSERT INTO bench.t7 (id, v, name) VALUES (1001, 3010, 'name-1001')";

void Require(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "micro_bench: %s\n", status.error().message.c_str());
  std::exit(1);
}

template <typename T>
T Unwrap(Result<T> result) {
  if (!result) Require(std::unexpected(result.error()));
  return std::move(*result);
}

// One database in a temporary folder, shared by the benchmarks. What server::Instance does, with every part
// in reach.
class Fixture {
 public:
  static Fixture& Get() {
    static Fixture fixture;
    return fixture;
  }

  sql::Services& services() { return *services_; }
  const Principal& user() const { return user_; }

  ~Fixture() {
    store_->Stop();
    services_.reset();
    engine_.reset();
    users_.reset();
    catalog_.reset();
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  Fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-micro-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    hot::StoreOptions options;
    options.path = folder_ + "/rocksdb";
    options.durability = hot::Durability::kOs;
    store_ = Unwrap(hot::Store::Open(options, clock_));
    catalog_ = Unwrap(catalog::Catalog::Open(*store_, clock_));
    users_ = Unwrap(auth::Users::Open(*store_, clock_, ""));
    engine_ = Unwrap(engine::Engine::Open(engine::EngineOptions(), clock_, random_));
    snowflake_ = std::make_unique<tables::SnowflakeIds>(clock_, 2, store_->last_seq());
    services_ = std::make_unique<sql::Services>(
        sql::Services{settings_, clock_, random_, *store_, *catalog_, *users_, *engine_, *snowflake_});
    Require(catalog_->CreateNamespace("bench"));
    for (int i = 0; i < kTables; ++i) CreateTable("t" + std::to_string(i));
  }

  void CreateTable(const std::string& name) {
    catalog::Table draft;
    draft.ns = "bench";
    draft.name = name;
    draft.type = TableType::kUser;
    TableSchema schema;
    schema.columns = {MakeColumn("id", TypeKind::kBigInt), MakeColumn("v", TypeKind::kBigInt),
                      MakeColumn("name", TypeKind::kText)};
    schema.columns[0].nullable = false;
    schema.columns[0].primary_key = true;
    draft.versions.push_back(std::move(schema));
    Unwrap(catalog_->CreateTable(std::move(draft)));
  }

  static Column MakeColumn(std::string name, TypeKind kind) {
    Column column;
    column.name = std::move(name);
    column.type.kind = kind;
    return column;
  }

  std::string folder_;
  config::Settings settings_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<hot::Store> store_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<auth::Users> users_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<tables::SnowflakeIds> snowflake_;
  std::unique_ptr<sql::Services> services_;
  const Principal user_{"bench_user", Role::kUser};
};

std::vector<sql::StatementText> Split(std::string_view text) { return Unwrap(sql::SplitStatements(text)); }

// From a classified statement to its row of the handler table and the access check.
void StatementDispatch(benchmark::State& state) {
  Fixture& fixture = Fixture::Get();
  const auto texts = Split(kSelectText);
  const sql::Statement statement = Unwrap(sql::ParseStatement(texts[0]));
  for (auto _ : state) {
    benchmark::DoNotOptimize(statement.kind);
    const Status allowed = sql::AuthorizeStatement(statement, fixture.user(), fixture.services());
    benchmark::DoNotOptimize(allowed.has_value());
    benchmark::DoNotOptimize(&sql::HandlerOf(statement.kind));
  }
}
BENCHMARK(StatementDispatch);

// Number and size of a request's parameters, and their number against the placeholders.
void ParameterValidation(benchmark::State& state) {
  Fixture& fixture = Fixture::Get();
  const auto count = static_cast<size_t>(state.range(0));
  const std::string text(200, 'x');
  std::vector<Value> parameters;
  std::vector<uint32_t> placeholders;
  for (size_t i = 0; i < count; ++i) {
    parameters.push_back(i % 2 == 0 ? Value::BigInt(static_cast<int64_t>(i)) : Value::Text(text));
    placeholders.push_back(static_cast<uint32_t>(i + 1));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(parameters.data());
    const Status limits = sql::CheckParameterLimits(parameters, fixture.services().settings);
    const Status matches = sql::CheckParameterCount(placeholders, parameters.size());
    benchmark::DoNotOptimize(limits.has_value() && matches.has_value());
  }
}
BENCHMARK(ParameterValidation)->Arg(3)->Arg(50);

// From a table's name to its newest schema, among 200 tables.
void SchemaLookup(benchmark::State& state) {
  Fixture& fixture = Fixture::Get();
  for (auto _ : state) {
    const catalog::SnapshotPtr snapshot = fixture.services().catalog.Snapshot();
    const catalog::TablePtr table = snapshot->FindTable("bench", "t7");
    benchmark::DoNotOptimize(table->schema().columns.data());
  }
}
BENCHMARK(SchemaLookup);

// The whole way from text to a plan that is ready to bind: split, classify, normal form, plan cache.
void TextToPlan(benchmark::State& state, std::string_view text) {
  Fixture& fixture = Fixture::Get();
  sql::Planner planner(fixture.services(), 100);
  std::vector<sql::Literal> literals;
  for (auto _ : state) {
    const auto texts = Split(text);
    auto statement = sql::ParseStatement(texts[0]);
    benchmark::DoNotOptimize(statement.has_value());
    literals.clear();
    auto plan = planner.Plan(texts[0], "default", literals);
    if (!plan) Require(std::unexpected(plan.error()));
    benchmark::DoNotOptimize(plan->get());
  }
}
BENCHMARK_CAPTURE(TextToPlan, select, kSelectText);
BENCHMARK_CAPTURE(TextToPlan, insert, kInsertText);

}  // namespace
}  // namespace kalam
