// Cases that read: point reads at full load and alone, and an aggregation.
#include <fmt/format.h>

#include <chrono>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kRounds = 3;
constexpr uint64_t kQueriesBesideWrites = 400;

// The rows object of an answer: what must be equal between two runs of one query (times and ids are not).
std::string_view RowsOf(std::string_view body) {
  const size_t begin = body.find(R"("rows":)");
  const size_t end = body.find(R"("row_count":)", begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return body.substr(begin, end - begin);
}

std::string OpenLoopText(double rate, const Histogram& latency) {
  return fmt::format("{}/s: p50 {} p99 {} p99.9 {} us", Format(rate), Format(latency.Micros(0.5)),
                     Format(latency.Micros(0.99)), Format(latency.Micros(0.999)));
}

}  // namespace

void RunPkSelect64(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 2'000 : 100'000;
  const std::string table = bench.CreateTable("pk_select");
  FillTable(bench, table, 0, rows);
  const Workload workload = SelectWorkload(table, rows);
  const double slice = bench.options().seconds / (2 * kRounds);
  bench.Run(workload, bench.Load(slice / 2));  // warm up
  std::vector<double> null_rates;
  std::vector<double> rates;
  ProcessorUse null_cpu;
  ProcessorUse cpu;
  for (int i = 0; i < kRounds; ++i) {
    const LoadResult null = bench.RunNull(workload, bench.Load(slice));
    null_cpu.Add(null);
    null_rates.push_back(null.rate);
    const LoadResult result = bench.Run(workload, bench.Load(slice));
    cpu.Add(result);
    rates.push_back(result.rate);
  }
  const double rate = Median(rates);
  const double null_rate = Median(null_rates);
  const double ratio = null_rate > 0 ? rate / null_rate : 0;
  bench.report().AddFact("null route",
                         fmt::format("{} requests/s over {} connections, spread {:.0f} %", Format(null_rate),
                                     bench.options().connections, SpreadPercent(null_rates)));
  bench.report().Add(
      {.name = "PK SELECT, 64 connections",
       .value = Format(rate) + " /s",
       .floor = "25,000 /s",
       .goal = "40,000 /s",
       .verdict = Judge(rate, 25'000, 40'000, Better::kHigher),
       .note = fmt::format("spread {:.0f} %, every row checked, {}", SpreadPercent(rates), cpu.Text()),
       .numbers = {{"rate", rate}, {"spread_percent", SpreadPercent(rates)}}});
  bench.report().Add({.name = "  of the null route's rate",
                      .value = fmt::format("{:.2f}", ratio),
                      .floor = "0.60",
                      .goal = "0.80",
                      .verdict = Judge(ratio, 0.6, 0.8, Better::kHigher),
                      .note = fmt::format("null route {} /s, {}", Format(null_rate), null_cpu.Text()),
                      .numbers = {{"ratio", ratio}, {"null_rate", null_rate}}});
  LoadOptions open = bench.Load(bench.options().seconds / 2);
  open.rate = rate / 2;
  const LoadResult result = bench.Run(workload, open);
  bench.report().Add({.name = "  latency at half the peak",
                      .value = Format(result.latency.Micros(0.99)) + " us",
                      .note = "open loop, p99; " + OpenLoopText(result.rate, result.latency),
                      .numbers = {{"rate", result.rate},
                                  {"p50_us", result.latency.Micros(0.5)},
                                  {"p99_us", result.latency.Micros(0.99)},
                                  {"p999_us", result.latency.Micros(0.999)}}});
  ExpectInserted(bench, table, 0, rows);
}

void RunPkSelect1(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 2'000 : 100'000;
  const std::string table = bench.CreateTable("pk_select_1");
  FillTable(bench, table, 0, rows);
  const Workload workload = SelectWorkload(table, rows);
  LoadOptions load = bench.Load(bench.options().seconds / (2 * kRounds));
  load.connections = 1;
  bench.Run(workload, load);
  std::vector<double> null_micros;
  std::vector<double> micros;
  for (int i = 0; i < kRounds; ++i) {
    null_micros.push_back(bench.RunNull(workload, load).latency.Micros(0.5));
    micros.push_back(bench.Run(workload, load).latency.Micros(0.5));
  }
  const double ratio = Median(micros) / std::max(Median(null_micros), 0.001);
  bench.report().Add(
      {.name = "PK SELECT, one client, of null p50",
       .value = fmt::format("{:.2f}x", ratio),
       .floor = "1.50x",
       .goal = "1.20x",
       .verdict = Judge(ratio, 1.5, 1.2, Better::kLower),
       .note = fmt::format("p50 {:.1f} us, null {:.1f} us, spread {:.0f} %", Median(micros),
                           Median(null_micros), SpreadPercent(micros)),
       .numbers = {{"ratio", ratio}, {"p50_us", Median(micros)}, {"null_p50_us", Median(null_micros)}}});
}

namespace {

// Median milliseconds of the statement when a row is changed before each run of it.
double MillisBesideWrites(Bench& bench, const std::string& table, const std::string& sql, uint64_t rows) {
  std::vector<double> millis;
  for (uint64_t i = 0; i < kQueriesBesideWrites; ++i) {
    const uint64_t id = i * 7919 % rows;
    bench.user().Sql(fmt::format("UPDATE {} SET name = 'changed' WHERE id = {}", table, id));
    const auto start = std::chrono::steady_clock::now();
    bench.user().Sql(sql);
    millis.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return Median(millis);
}

}  // namespace

void RunGroupBy(Bench& bench) {
  constexpr uint64_t kRows = 10'000;
  constexpr uint64_t kGroups = 20;
  const std::string table = bench.CreateTable("group_by");
  FillTable(bench, table, 0, kRows);
  const std::string sql = "SELECT v % 20 AS k, COUNT(*) AS n, CAST(SUM(v) AS BIGINT) AS s FROM " + table +
                          " GROUP BY k ORDER BY k";
  const auto start = std::chrono::steady_clock::now();
  const auto rows = bench.user().Sql(sql);
  const double first =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  std::vector<std::vector<std::string>> expected(kGroups);
  for (uint64_t k = 0; k < kGroups; ++k) {
    int64_t count = 0;
    int64_t sum = 0;
    for (uint64_t id = 0; id < kRows; ++id) {
      if (static_cast<uint64_t>(RowValue(id)) % kGroups != k) continue;
      ++count;
      sum += RowValue(id);
    }
    expected[k] = {std::to_string(k), std::to_string(count), std::to_string(sum)};
  }
  if (rows != expected) throw BenchError("the groups are wrong");
  std::string body = R"({"sql":)";
  AppendJsonString(sql, body);
  body += "}";
  const std::string right(RowsOf(bench.user().Request("POST", "/v1/api/sql", body).body));
  const Workload workload{
      .make =
          [&](uint64_t, std::string& out) {
            out = body;
            return true;
          },
      .check = [&](uint64_t, std::string_view answer) { return !right.empty() && RowsOf(answer) == right; },
  };
  LoadOptions load = bench.Load(bench.options().seconds / (kRounds + 1));
  load.connections = 1;
  bench.Run(workload, load);
  std::vector<double> millis;
  Histogram latency;
  ProcessorUse cpu;
  for (int i = 0; i < kRounds; ++i) {
    const LoadResult result = bench.Run(workload, load);
    cpu.Add(result);
    millis.push_back(result.latency.Micros(0.5) / 1000);
    latency.Merge(result.latency);
  }
  const double p50 = Median(millis);
  bench.report().Add(
      {.name = "GROUP BY over 10,000 hot rows",
       .value = fmt::format("{:.2f} ms", p50),
       .floor = "3.00 ms",
       .goal = "1.50 ms",
       .verdict = Judge(p50, 3, 1.5, Better::kLower),
       .note = fmt::format(
           "p50 of one client, p99 {:.2f} ms, first query {:.2f} ms, spread {:.0f} %, {} groups checked, {}",
           latency.Micros(0.99) / 1000, first, SpreadPercent(millis), kGroups, cpu.Text()),
       .numbers = {{"p50_ms", p50}, {"p99_ms", latency.Micros(0.99) / 1000}, {"first_ms", first}}});
  const double beside = MillisBesideWrites(bench, table, sql, kRows);
  bench.report().Add({.name = "  the same, a row changed before each query",
                      .value = fmt::format("{:.2f} ms", beside),
                      .floor = "3.00 ms",
                      .goal = "1.50 ms",
                      .verdict = Judge(beside, 3, 1.5, Better::kLower),
                      .note = fmt::format("median of {} queries", kQueriesBesideWrites),
                      .numbers = {{"p50_ms", beside}}});
}

}  // namespace kalam::bench
