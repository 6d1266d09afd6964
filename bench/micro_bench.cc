// What one statement costs inside the server, without network and storage. The first three are rows of the
// speed table; kalam-bench reads their names.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "config/settings.h"
#include "model/principal.h"
#include "model/value.h"
#include "server/instance.h"
#include "sql/bind.h"
#include "sql/handlers.h"
#include "sql/parse/lexer.h"
#include "sql/parse/parse.h"
#include "sql/planner.h"
#include "sql/services.h"

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

// One database in a temporary folder, shared by the benchmarks.
class Fixture {
 public:
  static Fixture& Get() {
    static Fixture fixture;
    return fixture;
  }

  sql::Services& services() { return instance_->services(); }
  const Principal& user() const { return user_; }

  ~Fixture() {
    instance_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  Fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "kalam-micro-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    config::Settings settings;
    settings.storage.data_path = folder_;
    settings.storage.durability = "os";
    instance_ = Unwrap(server::Instance::Open(settings));
    Require(instance_->catalog().CreateNamespace("bench"));
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
    Unwrap(instance_->catalog().CreateTable(std::move(draft)));
  }

  static Column MakeColumn(std::string name, TypeKind kind) {
    Column column;
    column.name = std::move(name);
    column.type.kind = kind;
    return column;
  }

  std::string folder_;
  std::unique_ptr<server::Instance> instance_;
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

// The access checks of a script of 100 statements, which all come before the first one runs: roles, and the
// tables of each plan.
void BatchAuthorisation(benchmark::State& state) {
  Fixture& fixture = Fixture::Get();
  constexpr int kStatements = 100;
  std::string script;
  for (int i = 0; i < kStatements; ++i) {
    script += i % 2 == 0 ? fmt::format("SELECT id, v FROM bench.t{} WHERE id = {};", i, i)
                         : fmt::format("INSERT INTO bench.t{} (id, v, name) VALUES ({}, 1, 'x');", i, i);
  }
  sql::Planner planner(fixture.services(), 1000);
  std::vector<sql::Statement> statements;
  std::vector<sql::PlanPtr> plans;
  for (const sql::StatementText& text : Split(script)) {
    std::vector<sql::Literal> literals;
    statements.push_back(Unwrap(sql::ParseStatement(text)));
    plans.push_back(Unwrap(planner.Plan(text, "default", literals)));
  }
  for (auto _ : state) {
    for (size_t i = 0; i < statements.size(); ++i) {
      const Status role = sql::AuthorizeStatement(statements[i], fixture.user(), fixture.services());
      const Status tables = sql::AuthorizePlan(*plans[i], fixture.user(), false);
      benchmark::DoNotOptimize(role.has_value() && tables.has_value());
    }
  }
}
BENCHMARK(BatchAuthorisation);

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
