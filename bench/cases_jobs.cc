// Cases of background jobs: how fast expired rows go, and how soon a job is picked up.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kPickUps = 21;

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

}  // namespace kalam::bench
