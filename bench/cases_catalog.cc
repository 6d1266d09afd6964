// Cases about a server with many tables.
#include <fmt/format.h>

#include <algorithm>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kTables = 10'000;
constexpr int kQuickTables = 200;
constexpr int kStatementsPerScript = 250;

std::string Definition(std::string_view name) {
  return fmt::format(
      "CREATE USER TABLE many.{} (id BIGINT PRIMARY KEY, v BIGINT NOT NULL, name TEXT NOT NULL)", name);
}

void FillCatalog(Bench& bench, int tables) {
  bench.root().Sql("CREATE NAMESPACE many");
  for (int begin = 0; begin < tables; begin += kStatementsPerScript) {
    std::string script;
    for (int i = begin; i < std::min(tables, begin + kStatementsPerScript); ++i)
      script.append(Definition(fmt::format("t{}", i))).append(";");
    bench.root().Sql(script);
  }
}

double Millis(int64_t begin) { return static_cast<double>(NowNanos() - begin) / 1e6; }

void AddRow(Bench& bench, std::string name, const std::vector<double>& millis, double floor,
            std::string note) {
  const double median = Median(millis);
  bench.report().Add({.name = std::move(name),
                      .value = fmt::format("{:.2f} ms", median),
                      .floor = fmt::format("{:g} ms", floor),
                      .goal = fmt::format("{:g} ms", floor / 2),
                      .verdict = Judge(median, floor, floor / 2, Better::kLower),
                      .note = std::move(note),
                      .numbers = {{"median_ms", median}, {"worst_ms", *std::ranges::max_element(millis)}}});
}

}  // namespace

void RunManyTables(Bench& bench) {
  const int tables = bench.options().quick ? kQuickTables : kTables;
  const int rounds = bench.options().quick ? 3 : 20;
  FillCatalog(bench, tables);
  std::vector<double> read;
  for (int i = 0; i < rounds; ++i) {
    const int64_t begin = NowNanos();
    const auto rows = bench.root().Sql("SELECT * FROM system.tables WHERE namespace_id = 'many'");
    read.push_back(Millis(begin));
    if (rows.size() != static_cast<size_t>(tables)) throw BenchError("system.tables misses tables");
  }
  AddRow(bench, fmt::format("read system.tables, {} tables", tables), read, 20,
         "every column and row, as JSON over HTTP, read and taken apart");
  std::vector<double> count;
  for (int i = 0; i < rounds; ++i) {
    const int64_t begin = NowNanos();
    if (bench.root().Number("SELECT COUNT(*) FROM system.tables WHERE namespace_id = 'many'") != tables)
      throw BenchError("system.tables counts wrong");
    count.push_back(Millis(begin));
  }
  AddRow(bench, fmt::format("count system.tables, {} tables", tables), count, 20, "one number as answer");
  std::vector<double> create;
  for (int i = 0; i < rounds; ++i) {
    const std::string statement = Definition(fmt::format("extra{}", i));
    const int64_t begin = NowNanos();
    bench.root().Sql(statement);
    create.push_back(Millis(begin));
  }
  AddRow(bench, fmt::format("CREATE TABLE, {} tables present", tables), create, 3,
         fmt::format("one client, durability {}", bench.durability()));
}

}  // namespace kalam::bench
