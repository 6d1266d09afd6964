// Cases of background jobs: how fast expired rows go, and how soon a job is picked up.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kPickUps = 21;
constexpr int kListRounds = 5;
constexpr int kStatementsPerRequest = 500;

// One row of one statement about system.jobs; nullopt while there is none.
std::vector<std::string> Wait(Bench& bench, const std::string& sql) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < give_up) {
    const auto rows = bench.root().Sql(sql);
    if (rows.size() == 1) return rows[0];
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw BenchError("no job answers to " + sql);
}

// Makes jobs that wait: a backup below a plain file fails in a way that may pass, and is tried again after
// retry_backoff_ms, which is ten minutes here.
void FillQueue(Bench& bench, int jobs) {
  const std::filesystem::path storage = bench.folder() / "data/storage";
  std::filesystem::create_directories(storage);  // the server makes it with its first file only
  std::ofstream file(storage / "taken");
  file << "a file, no folder";
  file.close();
  if (!file) throw BenchError("cannot write " + (storage / "taken").string());
  const std::string table = bench.CreateTable("job_list");
  FillTable(bench, table, 0, 1);
  for (int first = 0; first < jobs; first += kStatementsPerRequest) {
    std::string sql;
    for (int i = first; i < std::min(jobs, first + kStatementsPerRequest); ++i) {
      sql += fmt::format("BACKUP TABLE {} TO 'storage://local/taken/{}';", table, i);
    }
    bench.root().Sql(sql);
  }
  (void)Wait(bench,
             fmt::format("SELECT 1 FROM system.jobs WHERE status = 'retrying' HAVING COUNT(*) = {}", jobs));
}

void EmptyQueue(Bench& bench) {
  for (;;) {
    std::string sql;
    for (const auto& row : bench.root().Sql(fmt::format(
             "SELECT job_id FROM system.jobs WHERE status = 'retrying' LIMIT {}", kStatementsPerRequest))) {
      sql += "KILL JOB '" + row[0] + "';";
    }
    if (sql.empty()) return;
    bench.root().Sql(sql);
  }
}

}  // namespace

// All rows of a STREAM table expire; the time is that of its jobs, batches and their checkpoints included.
void RunEviction(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 5'000 : 500'000;
  const std::string table = "bench.events";
  bench.root().Sql("CREATE STREAM TABLE " + table +
                   " (id BIGINT PRIMARY KEY, v BIGINT, name TEXT) WITH (TTL_SECONDS = 5)");
  FillTable(bench, table, 0, rows);
  const auto sums =
      Wait(bench,
           fmt::format(
               "SELECT CAST(SUM(epoch_ms(finished_at) - epoch_ms(started_at)) AS BIGINT) FROM system.jobs "
               "WHERE table_name = 'events' AND job_type = 'stream_eviction' AND status = 'completed' HAVING "
               "SUM(CAST(metrics->>'records_evicted' AS BIGINT)) = {}",
               rows));
  const double seconds = std::max(std::stod(sums[0]), 1.0) / 1000;
  const double rate = static_cast<double>(rows) / seconds;
  bench.report().Add({.name = fmt::format("eviction of {} expired stream rows", rows),
                      .value = Format(rate) + " rows/s",
                      .floor = "500,000 rows/s",
                      .goal = "1,000,000 rows/s",
                      .verdict = Judge(rate, 500'000, 1'000'000, Better::kHigher),
                      .note = fmt::format("{:.2f} s of jobs, without the pauses between batches", seconds),
                      .numbers = {{"rate", rate}}});
}

void RunJobPickUp(Bench& bench) {
  const std::string table = bench.CreateTable("pick_up");
  const int rounds = bench.options().quick ? 3 : kPickUps;
  std::vector<double> millis;
  for (int i = 0; i < rounds; ++i) {
    FillTable(bench, table, static_cast<uint64_t>(i), static_cast<uint64_t>(i) + 1);
    bench.root().Sql("STORAGE FLUSH TABLE " + table);
    const auto latency =
        Wait(bench, fmt::format("SELECT max(epoch_ms(started_at) - epoch_ms(created_at)) FROM "
                                "(SELECT * FROM system.jobs WHERE table_name = 'pick_up' AND status = "
                                "'completed' ORDER BY created_at DESC LIMIT 1) HAVING (SELECT COUNT(*) "
                                "FROM system.jobs WHERE table_name = 'pick_up' AND status = "
                                "'completed') = {}",
                                i + 1));
    millis.push_back(std::stod(latency[0]));
  }
  const double middle = Median(millis);
  bench.report().Add({.name = "a job is picked up after",
                      .value = fmt::format("{:.0f} ms", middle),
                      .floor = "50 ms",
                      .goal = "10 ms",
                      .verdict = Judge(middle, 50, 10, Better::kLower),
                      .note = fmt::format("median of {} flushes, from created to started", rounds),
                      .numbers = {{"ms", middle}}});
}

void RunJobList(Bench& bench) {
  const int jobs = bench.options().quick ? 100 : 10'000;
  FillQueue(bench, jobs);
  const std::string count = fmt::format(R"("row_count":{})", jobs);
  const Workload workload{
      .make =
          [](uint64_t, std::string& out) {
            out = R"({"sql":"SELECT * FROM system.jobs WHERE status = 'retrying'"})";
            return true;
          },
      .check = [&](uint64_t,
                   std::string_view answer) { return answer.find(count) != std::string_view::npos; }};
  LoadOptions load = bench.Load(bench.options().seconds / (kListRounds + 1));
  load.connections = 1;
  std::vector<double> millis;
  for (int i = 0; i <= kListRounds; ++i) {
    millis.push_back(bench.RunAsRoot("/v1/api/sql", workload, load).latency.Micros(0.5) / 1000);
  }
  millis.erase(millis.begin());  // warms up
  const double middle = Median(millis);
  bench.report().Add({.name = fmt::format("{} waiting jobs listed", jobs),
                      .value = fmt::format("{:.2f} ms", middle),
                      .floor = "20.00 ms",
                      .goal = "5.00 ms",
                      .verdict = Judge(middle, 20, 5, Better::kLower),
                      .note = "SELECT * FROM system.jobs WHERE status = 'retrying', p50 of one client",
                      .numbers = {{"p50_ms", middle}}});
  EmptyQueue(bench);
}

}  // namespace kalam::bench
