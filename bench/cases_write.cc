// Cases that write: single rows at full load and alone, batches, one contended row, a key range.
#include <fmt/format.h>
#include <algorithm>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kRounds = 3;

std::string SpreadNote(const std::vector<double>& values) {
  return fmt::format("spread {:.0f} %, contents verified", SpreadPercent(values));
}

// The rates of a load's slices.
struct Slices {
  std::vector<double> rates;
  ProcessorUse cpu;

  double rate() const { return Median(rates); }
  std::string Note() const { return SpreadNote(rates) + ", " + cpu.Text(); }
};

// Runs `workload` for one slice, from request `next` on; advances it.
void Slice(Bench& bench, const Workload& workload, double seconds, uint64_t& next, Slices& slices) {
  LoadOptions load = bench.Load(seconds);
  load.first_request = next;
  const LoadResult result = bench.Run(workload, load);
  next = result.next_request;
  slices.rates.push_back(result.rate);
  slices.cpu.Add(result);
}

void WarmUp(Bench& bench, const Workload& workload, double seconds, uint64_t& next) {
  Slices unused;
  Slice(bench, workload, seconds, next, unused);
}

}  // namespace

void RunInsert64Sync(Bench& bench) {
  const std::string table = bench.CreateTable("insert_sync");
  const Workload workload = InsertWorkload(table);
  const double slice = bench.options().seconds / kRounds;
  uint64_t next = 0;
  WarmUp(bench, workload, slice / 4, next);
  Slices slices;
  for (int i = 0; i < kRounds; ++i) Slice(bench, workload, slice, next, slices);
  const double rate = slices.rate();
  bench.report().Add({.name = "INSERT one row, 64 connections, sync",
                      .value = Format(rate) + " /s",
                      .floor = "15,000 /s",
                      .goal = "30,000 /s",
                      .verdict = Judge(rate, 15'000, 30'000, Better::kHigher),
                      .note = slices.Note(),
                      .numbers = {{"rate", rate}, {"spread_percent", SpreadPercent(slices.rates)}}});
  LoadOptions open = bench.Load(bench.options().seconds / 2);
  open.rate = rate / 2;
  open.first_request = next;
  const LoadResult result = bench.Run(workload, open);
  next = result.next_request;
  bench.report().Add(
      {.name = "  latency at half the peak",
       .value = Format(result.latency.Micros(0.99)) + " us",
       .note = fmt::format("open loop, p99; {}/s: p50 {} p99.9 {} us", Format(result.rate),
                           Format(result.latency.Micros(0.5)), Format(result.latency.Micros(0.999))),
       .numbers = {{"p50_us", result.latency.Micros(0.5)},
                   {"p99_us", result.latency.Micros(0.99)},
                   {"p999_us", result.latency.Micros(0.999)}}});
  ExpectInserted(bench, table, 0, next);
}

void RunInsert64Os(Bench& bench) {
  const std::string table = bench.CreateTable("insert_os");
  const Workload workload = InsertWorkload(table);
  const double slice = bench.options().seconds / (2 * kRounds);
  uint64_t next = 0;
  WarmUp(bench, workload, slice / 2, next);
  std::vector<double> null_rates;
  Slices slices;
  for (int i = 0; i < kRounds; ++i) {
    null_rates.push_back(bench.RunNull(workload, bench.Load(slice)).rate);
    Slice(bench, workload, slice, next, slices);
  }
  ExpectInserted(bench, table, 0, next);
  const double rate = slices.rate();
  const double ratio = rate / std::max(Median(null_rates), 1.0);
  bench.report().Add({.name = "INSERT one row, 64 connections, os",
                      .value = fmt::format("{:.2f}", ratio),
                      .floor = "0.50",
                      .goal = "0.80",
                      .verdict = Judge(ratio, 0.5, 0.8, Better::kHigher),
                      .note = fmt::format("of the null route's rate: {} of {} /s, {}", Format(rate),
                                          Format(Median(null_rates)), slices.Note()),
                      .numbers = {{"ratio", ratio}, {"rate", rate}, {"null_rate", Median(null_rates)}}});
}

// The disk's own time wavers, so it is probed before and after each short slice, and each slice is compared
// with its own probes.
void RunInsert1Sync(Bench& bench) {
  const int rounds = bench.options().quick ? 3 : 10;
  const int probes = bench.options().quick ? 30 : 100;
  const std::string table = bench.CreateTable("insert_1");
  const Workload workload = InsertWorkload(table);
  LoadOptions load = bench.Load(bench.options().seconds / rounds);
  load.connections = 1;
  uint64_t next = bench.Run(workload, load).next_request;  // warm up
  std::vector<double> disk = {MeasureDiskSyncMillis(bench.folder(), probes)};
  std::vector<double> millis;
  std::vector<double> over;
  Histogram latency;
  for (int i = 0; i < rounds; ++i) {
    load.first_request = next;
    const LoadResult result = bench.Run(workload, load);
    next = result.next_request;
    millis.push_back(result.latency.Micros(0.5) / 1000);
    latency.Merge(result.latency);
    disk.push_back(MeasureDiskSyncMillis(bench.folder(), probes));
    over.push_back(millis.back() - (disk[disk.size() - 2] + disk.back()) / 2);
  }
  load.seconds = std::max(load.seconds, 0.3);
  const double null_millis = bench.RunNull(workload, load).latency.Micros(0.5) / 1000;
  ExpectInserted(bench, table, 0, next);
  const double more = Median(over);
  bench.report().AddFact(
      "disk sync", fmt::format("{:.3f} ms, median of fdatasync after a 200-byte append, spread {:.0f} %",
                               Median(disk), SpreadPercent(disk)));
  bench.report().Add(
      {.name = "INSERT one row, one client, sync",
       .value = fmt::format("disk {} {:.3f} ms", more < 0 ? "-" : "+", std::abs(more)),
       .floor = "disk + 0.300 ms",
       .goal = "disk + 0.150 ms",
       .verdict = Judge(more, 0.3, 0.15, Better::kLower),
       .note = fmt::format("p50 {:.3f} ms, p99 {:.3f} ms, disk sync {:.3f} ms, null route {:.3f} ms, {}",
                           Median(millis), latency.Micros(0.99) / 1000, Median(disk), null_millis,
                           SpreadNote(millis)),
       .numbers = {{"p50_ms", Median(millis)},
                   {"disk_sync_ms", Median(disk)},
                   {"over_ms", more},
                   {"null_p50_ms", null_millis}}});
}

void RunInsert100Rows(Bench& bench) {
  constexpr uint64_t kPerStatement = 100;
  const std::string table = bench.CreateTable("insert_100");
  const Workload workload{
      .make =
          [&](uint64_t n, std::string& body) {
            AppendInsertBody(table, n * kPerStatement, (n + 1) * kPerStatement, body);
            return true;
          },
      .check =
          [](uint64_t, std::string_view body) {
            return body.find(R"("row_count":100)") != std::string_view::npos;
          },
  };
  LoadOptions load = bench.Load(bench.options().seconds / kRounds);
  load.connections = 16;
  std::vector<double> rates;
  uint64_t next = 0;
  for (int i = 0; i < kRounds; ++i) {
    load.first_request = next;
    const LoadResult result = bench.Run(workload, load);
    next = result.next_request;
    rates.push_back(result.rate * kPerStatement);
  }
  ExpectInserted(bench, table, 0, next * kPerStatement);
  // So many rows are flushed sooner or later, which is no business of the next case.
  bench.root().Sql("DROP TABLE " + table);
  const double rate = Median(rates);
  bench.report().Add({.name = "100-row INSERT statements, sync",
                      .value = Format(rate) + " rows/s",
                      .floor = "50,000 rows/s",
                      .goal = "80,000 rows/s",
                      .verdict = Judge(rate, 50'000, 80'000, Better::kHigher),
                      .note = "16 connections, literals, " + SpreadNote(rates),
                      .numbers = {{"rows_per_second", rate}, {"spread_percent", SpreadPercent(rates)}}});
}

// Each round inserts rows, updates them and deletes them, so that the three rates come from the same minutes
// of the machine.
void RunUpdateDelete64(Bench& bench) {
  const std::string table = bench.CreateTable("update_delete");
  const Workload insert = InsertWorkload(table);
  const double slice = bench.options().seconds / kRounds;
  Slices inserts;
  Slices updates;
  Slices deletes;
  uint64_t next = 0;
  WarmUp(bench, insert, slice / 4, next);
  uint64_t begin = next;
  for (int i = 0; i < kRounds; ++i) {
    Slice(bench, insert, slice, next, inserts);
    const uint64_t rows = next - begin;
    uint64_t updated = 0;
    Slice(bench, UpdateWorkload(table, begin, rows), slice, updated, updates);
    // Request n wrote v = n to row begin + n % rows; the last one of each row counts.
    int64_t sum = 0;
    for (uint64_t r = 0; r < rows; ++r) {
      sum += r < updated ? static_cast<int64_t>(r + (updated - 1 - r) / rows * rows) : RowValue(begin + r);
    }
    const auto found = bench.user().Sql(fmt::format(
        "SELECT COUNT(*), CAST(SUM(v) AS BIGINT) FROM {} WHERE id >= {} AND id < {}", table, begin, next));
    if (found.size() != 1 || found[0] != std::vector{std::to_string(rows), std::to_string(sum)}) {
      throw BenchError("rows are wrong after UPDATE");
    }
    uint64_t deleted = begin;
    Slice(bench, DeleteWorkload(table, next), slice, deleted, deletes);
    const int64_t left = bench.user().Number(
        fmt::format("SELECT COUNT(*) FROM {} WHERE id >= {} AND id < {}", table, begin, next));
    if (left != static_cast<int64_t>(next - deleted)) throw BenchError("rows are wrong after DELETE");
    begin = next;
  }
  const auto add = [&](std::string_view name, const Slices& slices) {
    const double ratio = slices.rate() / std::max(inserts.rate(), 1.0);
    bench.report().Add(
        {.name = std::string(name),
         .value = fmt::format("{:.2f}", ratio),
         .floor = "0.60",
         .goal = "0.90",
         .verdict = Judge(ratio, 0.6, 0.9, Better::kHigher),
         .note = fmt::format("of INSERT: {} of {} /s, {}, {}", Format(slices.rate()), Format(inserts.rate()),
                             bench.durability(), slices.Note()),
         .numbers = {{"ratio", ratio}, {"rate", slices.rate()}, {"insert_rate", inserts.rate()}}});
  };
  add("UPDATE by PK, 64 connections", updates);
  add("DELETE by PK, 64 connections", deletes);
}

void RunHotUpdate64(Bench& bench) {
  const uint64_t rows = bench.options().quick ? 1'000 : 20'000;
  const std::string spread_table = bench.CreateTable("cool_rows");
  const std::string hot_table = bench.CreateTable("hot_row");
  FillTable(bench, spread_table, 0, rows);
  FillTable(bench, hot_table, 0, 1);
  const Workload spread = IncrementWorkload(spread_table, rows);
  const Workload hot = IncrementWorkload(hot_table, 1);
  const double slice = bench.options().seconds / (2 * kRounds);
  uint64_t spread_next = 0;
  uint64_t hot_next = 0;
  WarmUp(bench, spread, slice / 2, spread_next);
  Slices cool_slices;
  Slices hot_slices;
  for (int i = 0; i < kRounds; ++i) {
    Slice(bench, spread, slice, spread_next, cool_slices);
    Slice(bench, hot, slice, hot_next, hot_slices);
  }
  // A lost update would show in the sums.
  int64_t sum = static_cast<int64_t>(spread_next);
  for (uint64_t id = 0; id < rows; ++id) sum += RowValue(id);
  ExpectTable(bench, spread_table, rows, sum);
  ExpectTable(bench, hot_table, 1, RowValue(0) + static_cast<int64_t>(hot_next));
  const double ratio = hot_slices.rate() / std::max(cool_slices.rate(), 1.0);
  bench.report().Add(
      {.name = "UPDATE of one hot row, 64 connections",
       .value = fmt::format("{:.2f}", ratio),
       .floor = "0.60",
       .goal = "0.90",
       .verdict = Judge(ratio, 0.6, 0.9, Better::kHigher),
       .note = fmt::format("of uncontended: {} of {} /s, v = v + 1, sync, {}", Format(hot_slices.rate()),
                           Format(cool_slices.rate()), hot_slices.Note()),
       .numbers = {{"ratio", ratio}, {"rate", hot_slices.rate()}, {"uncontended", cool_slices.rate()}}});
}

void RunDeleteRange(Bench& bench) {
  constexpr uint64_t kRange = 100;
  const uint64_t ranges = bench.options().quick ? 20 : 600;
  const std::string table = bench.CreateTable("delete_range");
  // Every second range stays, so that a range that takes a neighbour's row is noticed.
  FillTable(bench, table, 0, ranges * 2 * kRange);
  const Workload workload{
      .make =
          [&](uint64_t n, std::string& body) {
            if (n >= ranges) return false;
            body = fmt::format(R"({{"sql":"DELETE FROM {} WHERE id >= $1 AND id < $2","params":[{},{}]}})",
                               table, n * 2 * kRange, n * 2 * kRange + kRange);
            return true;
          },
      .check =
          [](uint64_t, std::string_view body) {
            return body.find(R"("row_count":100)") != std::string_view::npos;
          },
  };
  LoadOptions load = bench.Load(60);
  load.connections = 1;
  const LoadResult result = bench.Run(workload, load);
  int64_t sum = 0;
  for (uint64_t id = 0; id < ranges * 2 * kRange; ++id) {
    if (id / kRange % 2 == 1) sum += RowValue(id);
  }
  ExpectTable(bench, table, ranges * kRange, sum);
  const double p50 = result.latency.Micros(0.5) / 1000;
  bench.report().Add(
      {.name = "DELETE ... WHERE of 100 rows by key range",
       .value = fmt::format("{:.2f} ms", p50),
       .floor = "2.00 ms",
       .goal = "1.00 ms",
       .verdict = Judge(p50, 2, 1, Better::kLower),
       .note = fmt::format("p50 of {} statements, one client, sync; p99 {:.2f} ms; contents verified", ranges,
                           result.latency.Micros(0.99) / 1000),
       .numbers = {{"p50_ms", p50}, {"p99_ms", result.latency.Micros(0.99) / 1000}}});
}

}  // namespace kalam::bench
