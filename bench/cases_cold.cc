// Cases of the cold tier: flush, and reads and writes of tables whose rows are in files.
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/background.h"
#include "cases.h"
#include "plain_duckdb.h"

namespace kalam::bench {
namespace {

constexpr int kRounds = 3;
constexpr int kPlainRounds = 21;
constexpr uint64_t kBesideRows = 10'000;
constexpr uint64_t kSecondRowsMax = 1'000'000;
constexpr int kBesideConnections = 8;

double SecondsNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void StartFlush(Bench& bench, const std::string& table) { bench.root().Sql("STORAGE FLUSH TABLE " + table); }

// Seconds of the newest flush from start to end as the server took them; nullopt = it is not at its end.
std::optional<double> FlushSeconds(Bench& bench, const std::string& table) {
  const std::string name = table.substr(table.find('.') + 1);
  const auto rows = bench.root().Sql(
      "SELECT status, message, CAST(epoch_ms(finished_at) - epoch_ms(started_at) AS BIGINT) FROM system.jobs "
      "WHERE job_type = 'flush' AND table_name = '" +
      name + "' ORDER BY created_at DESC LIMIT 1");
  if (rows.size() == 1 && rows[0][0] == "failed") throw BenchError("flush failed: " + rows[0][1]);
  if (rows.size() != 1 || rows[0][0] != "completed") return std::nullopt;
  return std::stod(rows[0][2]) / 1000;
}

double Flush(Bench& bench, const std::string& table) {
  StartFlush(bench, table);
  for (;;) {
    if (const auto seconds = FlushSeconds(bench, table)) return *seconds;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// Median milliseconds of one client running the statement.
double MillisOf(Bench& bench, const std::string& sql) {
  std::string body = R"({"sql":)";
  AppendJsonString(sql, body);
  body += "}";
  const Workload workload{.make =
                              [&](uint64_t, std::string& out) {
                                out = body;
                                return true;
                              },
                          .check =
                              [](uint64_t, std::string_view answer) {
                                return answer.find(R"("status":"success")") != std::string_view::npos;
                              }};
  LoadOptions load = bench.Load(bench.options().seconds / (kRounds + 1));
  load.connections = 1;
  bench.Run(workload, load);
  std::vector<double> millis;
  for (int i = 0; i < kRounds; ++i) millis.push_back(bench.Run(workload, load).latency.Micros(0.5) / 1000);
  return Median(millis);
}

std::string GroupBy(const std::string& table) {
  return "SELECT v % 20 AS k, COUNT(*) AS n, CAST(SUM(v) AS BIGINT) AS s FROM " + table +
         " GROUP BY k ORDER BY k";
}

// Point reads of a table while another one is flushed, compared with the same reads alone, and with the same
// reads beside a thread that only computes with the low priority that a flush has: what any work in the
// background costs them on this machine.
void MeasureReadsBesideFlush(Bench& bench, uint64_t rows) {
  const std::string beside = bench.CreateTable("cold_beside");
  FillTable(bench, beside, 0, kBesideRows);
  LoadOptions reading = bench.Load(bench.options().quick ? 0.05 : 0.5);
  reading.connections = kBesideConnections;
  const auto p99 = [&] {
    return bench.Run(SelectWorkload(beside, kBesideRows), reading).latency.Micros(0.99);
  };
  std::vector<double> alone;
  std::vector<double> busy;
  std::vector<double> computing;
  for (int i = 0; i < kRounds; ++i) {
    const std::string flushed = bench.CreateTable(fmt::format("cold_second_{}", i));
    FillTable(bench, flushed, 0, rows);
    bench.WaitForJobs();
    alone.push_back(p99());
    {
      const std::jthread thread([](const std::stop_token& stop) {
        LowerThreadPriority();
        while (!stop.stop_requested()) {
        }
      });
      computing.push_back(p99());
    }
    // Slices until the flush has ended, without the one in which it did. It is asked for between them.
    StartFlush(bench, flushed);
    Histogram during;
    for (;;) {
      const LoadResult slice = bench.Run(SelectWorkload(beside, kBesideRows), reading);
      if (FlushSeconds(bench, flushed)) break;
      during.Merge(slice.latency);
    }
    busy.push_back(during.Micros(0.99));
  }
  const double before = std::max(Median(alone), 1.0);
  const double slower = Median(busy) / before;
  bench.report().Add(
      {.name = "point reads while it flushes, of their p99 before",
       .value = fmt::format("{:.2f}x", slower),
       .floor = "2.00x",
       .goal = "2.00x",
       .verdict = Judge(slower, 2, 2, Better::kLower),
       .note = fmt::format(
           "p99 {:.0f} us, alone {:.0f} us, beside one thread that computes {:.0f} us; {} clients",
           Median(busy), before, Median(computing), kBesideConnections),
       .numbers = {
           {"p99_us", Median(busy)}, {"p99_before_us", before}, {"p99_computing_us", Median(computing)}}});
}

}  // namespace

void RunColdGroupBy(Bench& bench) {
  const uint64_t files = bench.options().quick ? 3 : 20;
  const uint64_t rows = bench.options().quick ? 1'000 : 10'000;  // per file
  const std::string table = bench.CreateTable("cold_group_by");
  for (uint64_t file = 0; file < files; ++file) {
    FillTable(bench, table, file * rows, (file + 1) * rows);
    Flush(bench, table);
  }
  const double millis = MillisOf(bench, GroupBy(table));
  const double plain =
      PlainDuckDbMillis(FilesOf(bench.folder(), "cold_group_by"), GroupBy("$FILES"), kPlainRounds);
  bench.report().Add({.name = fmt::format("GROUP BY over {} cold rows in {} files", files * rows, files),
                      .value = fmt::format("{:.2f} ms", millis),
                      .floor = "10.00 ms",
                      .goal = "4.00 ms",
                      .verdict = Judge(millis, 10, 4, Better::kLower),
                      .note = "p50 of one client",
                      .numbers = {{"p50_ms", millis}}});
  const double ratio = millis / std::max(plain, 0.001);
  bench.report().Add({.name = "the same, of plain DuckDB on the same files",
                      .value = fmt::format("{:.2f}x", ratio),
                      .floor = "1.30x",
                      .goal = "1.30x",
                      .verdict = Judge(ratio, 1.3, 1.3, Better::kLower),
                      .note = fmt::format("plain DuckDB {:.2f} ms, without HTTP", plain),
                      .numbers = {{"ratio", ratio}, {"plain_ms", plain}}});
}

// Flush, point reads and inserts with --cold-rows rows.
void RunColdRows(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 5'000 : bench.options().cold_rows;
  const std::string table = bench.CreateTable("cold_rows");
  const std::string empty = bench.CreateTable("cold_empty");
  FillTable(bench, table, 0, rows);
  const double start = SecondsNow();
  const double seconds = std::max(Flush(bench, table), 0.001);
  const double waited = SecondsNow() - start;
  const double rate = static_cast<double>(rows) / seconds;
  bench.report().Add({.name = fmt::format("flush of {} hot rows", rows),
                      .value = Format(rate) + " rows/s",
                      .floor = "300,000 rows/s",
                      .goal = "600,000 rows/s",
                      .verdict = Judge(rate, 300'000, 600'000, Better::kHigher),
                      .note = fmt::format("{:.2f} s, seen after {:.2f} s", seconds, waited),
                      .numbers = {{"rate", rate}}});
  MeasureReadsBesideFlush(bench, std::min(rows, kSecondRowsMax));
  LoadOptions load = bench.Load(bench.options().seconds / 2);
  load.connections = 1;
  const LoadResult reads = bench.Run(SelectWorkload(table, rows), load);
  const double micros = reads.latency.Micros(0.5);
  bench.report().Add(
      {.name = fmt::format("PK lookup of a cold row, {} cold rows", rows),
       .value = fmt::format("{:.2f} ms", micros / 1000),
       .floor = "3.00 ms",
       .goal = "1.00 ms",
       .verdict = Judge(micros / 1000, 3, 1, Better::kLower),
       .note = fmt::format("p50 of one client, p99 {:.2f} ms", reads.latency.Micros(0.99) / 1000),
       .numbers = {{"p50_us", micros}}});
  // Keys that are not there, spread over the whole range of the files.
  std::vector<double> ratios;
  uint64_t next = 0;
  const auto insert = [&](const std::string& into) {
    const uint64_t base = next;
    const Workload workload{
        .make =
            [&, base](uint64_t n, std::string& out) {
              const uint64_t id = rows + ((base + n) * 2'654'435'761u) % 4'000'000'007u;
              out = fmt::format("{{\"sql\":\"INSERT INTO {} (id, v, name) VALUES ({}, 1, 'x')\"}}", into, id);
              next = std::max(next, base + n + 1);
              return true;
            },
        .check =
            [](uint64_t, std::string_view answer) {
              return answer.find(R"("rows_affected":1)") != std::string_view::npos;
            }};
    return bench.Run(workload, bench.Load(bench.options().seconds / (2 * kRounds))).rate;
  };
  for (int i = 0; i < kRounds; ++i) {
    const double plain = insert(empty);
    ratios.push_back(insert(table) / std::max(plain, 1.0));
  }
  const double ratio = Median(ratios);
  bench.report().Add({.name = fmt::format("INSERT with random keys into {} cold rows", rows),
                      .value = fmt::format("{:.2f} of the empty table's rate", ratio),
                      .floor = "0.50",
                      .goal = "0.90",
                      .verdict = Judge(ratio, 0.5, 0.9, Better::kHigher),
                      .numbers = {{"ratio", ratio}}});
}

void RunHalfCold(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 4'000 : 1'000'000;
  const std::string table = bench.CreateTable("half_cold");
  FillTable(bench, table, 0, rows / 2);
  Flush(bench, table);
  FillTable(bench, table, rows / 2, rows);
  const double start = SecondsNow();
  bench.user().Sql(GroupBy(table));
  const double first = (SecondsNow() - start) * 1000;
  const double mixed = MillisOf(bench, GroupBy(table));
  const double cold = [&] {
    Flush(bench, table);
    return MillisOf(bench, GroupBy(table));
  }();
  const double plain = PlainDuckDbOneFileMillis(FilesOf(bench.folder(), "half_cold"), GroupBy("$FILES"),
                                                kPlainRounds, bench.folder() / "plain.parquet");
  const double ratio = mixed / std::max(plain, 0.001);
  bench.report().Add(
      {.name = fmt::format("GROUP BY over {} rows, half hot, half cold, of plain DuckDB on one file", rows),
       .value = fmt::format("{:.2f}x", ratio),
       .floor = "3.00x",
       .goal = "1.50x",
       .verdict = Judge(ratio, 3, 1.5, Better::kLower),
       .note = fmt::format("{:.1f} ms, first query {:.1f} ms; all cold {:.1f} ms, plain DuckDB {:.1f} ms",
                           mixed, first, cold, plain),
       .numbers = {{"p50_ms", mixed}, {"all_cold_ms", cold}, {"plain_ms", plain}}});
}

}  // namespace kalam::bench
