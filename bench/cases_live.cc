// Cases about live subscriptions: latency, fan-out, filters, snapshots and memory. Every stream's contents
// are checked as they come: each row once, in order, with the values that were written.
#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "cases.h"
#include "live_sockets.h"

namespace kalam::bench {
namespace {

constexpr double kPatienceSeconds = 60;
constexpr uint64_t kStrangersBegin = 1'000'000'000;

bool WasSuccess(uint64_t, std::string_view body) { return body.starts_with(R"({"status":"success")"); }

// A table that everybody may subscribe to and root writes.
std::string CreateSharedTable(Bench& bench, std::string_view name, std::string_view columns) {
  const std::string full = "bench." + std::string(name);
  bench.root().Sql(fmt::format("CREATE SHARED TABLE {} ({})", full, columns));
  bench.root().Sql(fmt::format("ALTER TABLE {} SET ACCESS LEVEL public", full));
  return full;
}

LoadResult RunAsRoot(Bench& bench, const Workload& workload, const LoadOptions& options) {
  LoadResult result =
      RunLoad({.port = bench.server().port(), .token = bench.root().token()}, workload, options);
  if (!result.fault.empty()) throw BenchError(result.fault);
  return result;
}

std::string RowText(uint64_t id) {
  return fmt::format(R"({{"id":"{}","v":"{}","name":"name-{}",)", id, RowValue(id), id);
}

// Checks that each socket gets rows 0, 1, 2 .. in order.
struct InOrder {
  explicit InOrder(int sockets) : next(static_cast<size_t>(sockets)) {}
  bool operator()(int socket, std::string_view message) {
    uint64_t& id = next[static_cast<size_t>(socket)];
    const size_t at = message.find("\"rows\":[");
    if (at == std::string_view::npos || !message.substr(at + 8).starts_with(RowText(id))) return false;
    ++id;
    return true;
  }
  std::vector<uint64_t> next;
};

// Milliseconds from the answer of an INSERT until the last socket has it; ascending.
std::vector<double> LastServed(Bench& bench, LiveSockets& live, const std::string& table, uint64_t sockets,
                               int changes, std::chrono::milliseconds pause, uint64_t& id) {
  std::vector<double> out;
  for (int i = 0; i < changes; ++i, ++id) {
    bench.root().Sql(
        fmt::format("INSERT INTO {} (id, v, name) VALUES ({}, {}, 'name-{}')", table, id, RowValue(id), id));
    const int64_t committed = NowNanos();
    live.WaitForChanges((id + 1) * sockets, kPatienceSeconds);
    out.push_back(static_cast<double>(std::max<int64_t>(live.last_change_nanos() - committed, 0)) / 1e6);
    std::this_thread::sleep_for(pause);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

// From the answer of an INSERT to its delivery, at half the rate that the server can take.
void RunLiveLatency(Bench& bench) {
  const std::string table = bench.CreateTable("live_latency");
  const double seconds = bench.options().quick ? 1 : bench.options().seconds;
  const std::string probe = bench.CreateTable("live_latency_probe");
  const LoadResult peak = bench.Run(InsertWorkload(probe), bench.Load(seconds / 2));
  const auto rows = static_cast<size_t>(peak.rate * seconds) + 1'000;
  std::vector<int64_t> sent(rows);
  std::vector<int64_t> answered(rows);
  std::vector<int64_t> delivered(rows);
  std::vector<bool> seen(rows);
  LiveSockets live({.port = bench.server().port(),
                    .token = bench.user().token(),
                    .sql = [&](int, int) { return "SELECT * FROM " + table; },
                    .on_change =
                        [&](int, std::string_view message) {
                          const uint64_t id = ChangedId(message);
                          if (id >= rows || seen[id] || message.find(RowText(id)) == std::string_view::npos)
                            return false;
                          seen[id] = true;
                          delivered[id] = NowNanos();
                          return true;
                        }});
  live.Start();
  LoadOptions load = bench.Load(seconds);
  load.rate = peak.rate / 2;
  const LoadResult result = bench.Run({.make =
                                           [&](uint64_t n, std::string& body) {
                                             if (n >= rows) return false;
                                             sent[n] = NowNanos();
                                             AppendInsertBody(table, n, n + 1, body);
                                             return true;
                                           },
                                       .check =
                                           [&](uint64_t n, std::string_view body) {
                                             answered[n] = NowNanos();
                                             return WasSuccess(n, body);
                                           }},
                                      load);
  live.WaitForChanges(result.next_request, kPatienceSeconds);
  Histogram lag;
  Histogram commit;
  Histogram whole;
  for (size_t i = 0; i < result.next_request; ++i) {
    lag.Record(delivered[i] - answered[i]);
    commit.Record(answered[i] - sent[i]);
    whole.Record(delivered[i] - sent[i]);
  }
  const double p99 = lag.Micros(0.99) / 1000;
  bench.report().Add(
      {.name = "commit to delivery, 1 subscriber, p99",
       .value = fmt::format("{:.2f} ms", p99),
       .floor = "5 ms",
       .goal = "1 ms",
       .verdict = Judge(p99, 5, 1, Better::kLower),
       .note = fmt::format(
           "at {} inserts/s; commit p50 {:.2f} p99 {:.2f} ms, insert to delivery p50 {:.2f} p99 {:.2f} ms",
           Format(result.rate), commit.Micros(0.5) / 1000, commit.Micros(0.99) / 1000,
           whole.Micros(0.5) / 1000, whole.Micros(0.99) / 1000),
       .numbers = {{"lag_p99_ms", p99},
                   {"commit_p99_ms", commit.Micros(0.99) / 1000},
                   {"delivery_p99_ms", whole.Micros(0.99) / 1000}}});
}

// One change, 1,000 sockets, until the last one has it; then as many changes as go through.
void RunLiveFanout(Bench& bench) {
  const int sockets = bench.options().quick ? 100 : 1'000;
  const double seconds = bench.options().quick ? 1 : bench.options().seconds;
  const std::string table =
      CreateSharedTable(bench, "live_fanout", "id BIGINT PRIMARY KEY, v BIGINT NOT NULL, name TEXT NOT NULL");
  InOrder in_order(sockets);
  LiveSockets live(
      {.port = bench.server().port(),
       .token = bench.user().token(),
       .sockets = sockets,
       .sql = [&](int, int) { return "SELECT * FROM " + table; },
       .on_change = [&](int socket, std::string_view message) { return in_order(socket, message); }});
  live.Start();
  const auto all = static_cast<uint64_t>(sockets);
  uint64_t id = 0;
  const std::vector<double> last =
      LastServed(bench, live, table, all, bench.options().quick ? 5 : 50, std::chrono::milliseconds(5), id);
  const double median = Median(last);
  bench.report().Add({.name = fmt::format("one change to {} sockets, last one", sockets),
                      .value = fmt::format("{:.1f} ms", median),
                      .floor = "25 ms",
                      .goal = "12 ms",
                      .verdict = Judge(median, 25, 12, Better::kLower),
                      .note = fmt::format("median of {}; slowest {:.1f} ms", last.size(), last.back()),
                      .numbers = {{"last_ms", median}, {"slowest_ms", last.back()}}});

  // One row at a time: as fast as the deliveries go, with few changes under way.
  const int64_t begin = NowNanos();
  const auto end = begin + static_cast<int64_t>(seconds * 1e9);
  const uint64_t first = id;
  while (NowNanos() < end) {
    bench.root().Sql(
        fmt::format("INSERT INTO {} (id, v, name) VALUES ({}, {}, 'name-{}')", table, id, RowValue(id), id));
    ++id;
    if (id - first > 4) live.WaitForChanges((id - 4) * all, kPatienceSeconds);
  }
  live.WaitForChanges(id * all, kPatienceSeconds);
  const double rate =
      static_cast<double>((id - first) * all) / (static_cast<double>(live.last_change_nanos() - begin) / 1e9);
  const uint64_t single_changes = id - first;
  // 100 rows in one statement: they may share writes.
  const uint64_t batches = bench.options().quick ? 5 : 40;
  const int64_t batch_begin = NowNanos();
  for (uint64_t i = 0; i < batches; ++i) {
    std::string body;
    AppendInsertBody(table, id, id + 100, body);
    if (bench.root().Request("POST", "/v1/api/sql", body).status != 200) throw BenchError("INSERT failed");
    id += 100;
    if (i >= 4) live.WaitForChanges((id - 400) * all, kPatienceSeconds);
  }
  live.WaitForChanges(id * all, kPatienceSeconds);
  const double batch_rate = static_cast<double>(batches * 100 * all) /
                            (static_cast<double>(live.last_change_nanos() - batch_begin) / 1e9);
  bench.report().Add({.name = fmt::format("deliveries/s to {} sockets", sockets),
                      .value = Format(rate),
                      .floor = "60,000",
                      .goal = "90,000",
                      .verdict = Judge(rate, 60'000, 90'000, Better::kHigher),
                      .note = fmt::format("{} changes, one row each", single_changes),
                      .numbers = {{"deliveries_per_second", rate}}});
  bench.report().Add({.name = fmt::format("rows/s to {} sockets, coalesced", sockets),
                      .value = Format(batch_rate),
                      .goal = "300,000",
                      .verdict = Judge(batch_rate, 60'000, 300'000, Better::kHigher),
                      .note = "100 rows per INSERT",
                      .numbers = {{"rows_per_second", batch_rate}}});
}

namespace {

double Percentile(const std::vector<double>& ascending, double part) {
  return ascending[static_cast<size_t>(part * static_cast<double>(ascending.size() - 1))];
}

}  // namespace

// One socket more, which never reads and for which far more is written than all buffers hold: the others must
// not feel it.
void RunLiveSlow(Bench& bench) {
  const int sockets = bench.options().quick ? 50 : 999;
  const int changes = bench.options().quick ? 20 : 300;
  constexpr auto kPause = std::chrono::milliseconds(2);
  const std::string columns = "id BIGINT PRIMARY KEY, v BIGINT NOT NULL, name TEXT NOT NULL";
  const std::string table = CreateSharedTable(bench, "live_slow", columns);
  const std::string bulk = CreateSharedTable(bench, "live_slow_bulk", columns);
  InOrder in_order(sockets);
  LiveSockets live(
      {.port = bench.server().port(),
       .token = bench.user().token(),
       .sockets = sockets,
       .sql = [&](int, int) { return "SELECT * FROM " + table; },
       .on_change = [&](int socket, std::string_view message) { return in_order(socket, message); }});
  live.Start();
  uint64_t id = 0;
  const auto all = static_cast<uint64_t>(sockets);
  LastServed(bench, live, table, all, changes / 10, kPause, id);
  const std::vector<double> before = LastServed(bench, live, table, all, changes, kPause, id);
  // Never started, so it never reads.
  const LiveSockets slow({.port = bench.server().port(),
                          .token = bench.user().token(),
                          .subscriptions = 2,
                          .sql = [&](int, int n) { return "SELECT * FROM " + (n == 0 ? table : bulk); },
                          .on_change = [](int, std::string_view) { return true; }});
  uint64_t bulk_id = 0;
  const uint64_t bulk_rows = bench.options().quick ? 20'000 : 200'000;
  while (bulk_id < bulk_rows) {
    std::string body;
    AppendInsertBody(bulk, bulk_id, bulk_id + 1'000, body);
    if (bench.root().Request("POST", "/v1/api/sql", body).status != 200) throw BenchError("INSERT failed");
    bulk_id += 1'000;
  }
  const std::vector<double> beside = LastServed(bench, live, table, all, changes, kPause, id);
  const double ratio = Percentile(beside, 0.99) / Percentile(before, 0.99);
  bench.report().Add(
      {.name = fmt::format("p99 of {} sockets beside one that never reads", sockets),
       .value = fmt::format("{:.2f} times", ratio),
       .floor = "1.5",
       .goal = "1.1",
       .verdict = Judge(ratio, 1.5, 1.1, Better::kLower),
       .note = fmt::format(
           "last one served: p50 {:.1f}, p99 {:.1f} ms before, p50 {:.1f}, p99 {:.1f} ms beside it",
           Percentile(before, 0.5), Percentile(before, 0.99), Percentile(beside, 0.5),
           Percentile(beside, 0.99)),
       .numbers = {{"p99_before_ms", Percentile(before, 0.99)},
                   {"p99_beside_ms", Percentile(beside, 0.99)}}});
}

// 10,000 subscriptions to one room each: the cost must follow the matches.
void RunLiveFilters(Bench& bench) {
  const int sockets = 100;
  const int per_socket = bench.options().quick ? 10 : 100;
  const uint64_t rooms = static_cast<uint64_t>(sockets) * static_cast<uint64_t>(per_socket);
  const double seconds = bench.options().quick ? 1 : bench.options().seconds;
  const std::string table = CreateSharedTable(
      bench, "live_rooms", "id BIGINT PRIMARY KEY, room BIGINT NOT NULL, body TEXT NOT NULL");
  const auto insert = [&](uint64_t first) {
    return Workload{.make =
                        [=](uint64_t n, std::string& body) {
                          body += fmt::format(
                              R"x({{"sql":"INSERT INTO {} (id, room, body) VALUES ({}, {}, 'text')"}})x",
                              table, first + n, (first + n) % (2 * rooms));
                          return true;
                        },
                    .check = WasSuccess};
  };
  const auto cpu_share = [&](uint64_t first, uint64_t& next) {
    LoadOptions load = bench.Load(seconds);
    load.rate = 1'000;
    const double before = bench.server().cpu_seconds();
    const LoadResult result = RunAsRoot(bench, insert(first), load);
    next = first + result.next_request;
    return 100 * (bench.server().cpu_seconds() - before) / result.seconds;
  };
  // Writes that match nothing: rooms that nobody looks at, with keys far from the others.
  uint64_t strangers = 0;
  const auto write_rate = [&] {
    const Workload workload{
        .make =
            [&](uint64_t n, std::string& body) {
              body += fmt::format(R"x({{"sql":"INSERT INTO {} (id, room, body) VALUES ({}, {}, 'text')"}})x",
                                  table, kStrangersBegin + strangers + n, rooms + n % rooms);
              return true;
            },
        .check = WasSuccess};
    const LoadResult result = RunAsRoot(bench, workload, bench.Load(seconds));
    strangers += result.next_request;
    return result.rate;
  };
  uint64_t next = 0;
  const double share_without = cpu_share(0, next);
  const double rate_before = write_rate();
  const uint64_t first = next;
  std::optional<LiveSockets> live;
  live.emplace(LiveOptions{
      .port = bench.server().port(),
      .token = bench.user().token(),
      .sockets = sockets,
      .subscriptions = per_socket,
      .sql =
          [&](int socket, int subscription) {
            return fmt::format("SELECT * FROM {} WHERE room = {}", table, socket * per_socket + subscription);
          },
      .on_change =
          [&](int socket, std::string_view message) {
            const uint64_t id = ChangedId(message);
            const uint64_t room = id % (2 * rooms);
            return id >= first && room / static_cast<uint64_t>(per_socket) == static_cast<uint64_t>(socket) &&
                   message.find(fmt::format("\"subscription_id\":\"s{}\"",
                                            room % static_cast<uint64_t>(per_socket))) !=
                       std::string_view::npos;
          }});
  live->Start();
  const double share = cpu_share(next, next);
  const auto matching = [&](uint64_t from, uint64_t to) {
    uint64_t count = 0;
    for (uint64_t id = from; id < to; ++id) count += id % (2 * rooms) < rooms ? 1 : 0;
    return count;
  };
  live->WaitForChanges(matching(first, next), kPatienceSeconds);
  const double rate_with = write_rate();
  live.reset();
  // The table grows and the disk has its moods: the rate without subscriptions is taken on both sides.
  const double rate_without = (rate_before + write_rate()) / 2;
  const double ratio = rate_with / rate_without;
  bench.report().Add({.name = fmt::format("{} filters, 1,000 changes/s", Format(static_cast<double>(rooms))),
                      .value = fmt::format("{:.0f} % of a core", share),
                      .floor = "60 %",
                      .goal = "30 %",
                      .verdict = Judge(share, 60, 30, Better::kLower),
                      .note = fmt::format("the inserts alone {:.0f} %", share_without),
                      .numbers = {{"cpu_percent", share}, {"cpu_percent_without", share_without}}});
  bench.report().Add(
      {.name = "write rate with non-matching filters",
       .value = fmt::format("{:.2f} of none", ratio),
       .floor = "0.90",
       .goal = "0.98",
       .verdict = Judge(ratio, 0.90, 0.98, Better::kHigher),
       .note = fmt::format("{} to {} inserts/s", Format(rate_without), Format(rate_with)),
       .numbers = {{"ratio", ratio}, {"inserts_with", rate_with}, {"inserts_without", rate_without}}});
}

void RunLiveSnapshot(Bench& bench) {
  const std::string table = bench.CreateTable("live_snapshot");
  FillTable(bench, table, 0, 1'000);
  std::vector<double> millis;
  for (int i = 0; i < (bench.options().quick ? 3 : 100); ++i) {
    LiveSockets live({.port = bench.server().port(),
                      .token = bench.user().token(),
                      .snapshot = true,
                      .sql = [&](int, int) { return "SELECT * FROM " + table; },
                      .on_change = [](int, std::string_view) { return false; }});
    millis.push_back(static_cast<double>(live.subscribe_nanos()) / 1e6);
    if (live.snapshot_bytes() < 1'000 * 40) throw BenchError("the snapshot is too small");
  }
  std::ranges::sort(millis);
  const double median = Median(millis);
  bench.report().Add({.name = "snapshot of 1,000 rows",
                      .value = fmt::format("{:.2f} ms", median),
                      .floor = "3 ms",
                      .goal = "1 ms",
                      .verdict = Judge(median, 3, 1, Better::kLower),
                      .note = fmt::format("subscribe to ready; slowest {:.2f} ms", millis.back()),
                      .numbers = {{"snapshot_ms", median}}});
}

void RunLiveMemory(Bench& bench) {
  const int sockets = bench.options().quick ? 300 : 15'000;
  const std::string table =
      CreateSharedTable(bench, "live_memory", "id BIGINT PRIMARY KEY, v BIGINT NOT NULL, name TEXT NOT NULL");
  const auto options = [&](int count) {
    return LiveOptions{.port = bench.server().port(),
                       .token = bench.user().token(),
                       .sockets = count,
                       .snapshot = true,
                       .sql = [&](int, int) { return "SELECT * FROM " + table; },
                       .on_change = [](int, std::string_view) { return true; }};
  };
  {
    LiveSockets warm(options(50));
  }
  const auto settle = std::chrono::seconds(bench.options().quick ? 0 : 3);
  std::this_thread::sleep_for(settle);
  const Memory before = bench.server().memory();
  LiveSockets live(options(sockets));
  live.Start();
  std::this_thread::sleep_for(settle);
  const Memory after = bench.server().memory();
  const double kib = (after.anonymous - before.anonymous) * 1024 / sockets;
  // They are alive: one change reaches all of them.
  bench.root().Sql(fmt::format("INSERT INTO {} (id, v, name) VALUES (1, 10, 'name-1')", table));
  live.WaitForChanges(static_cast<uint64_t>(sockets), kPatienceSeconds);
  bench.report().Add({.name = fmt::format("memory per idle socket, {} held", Format(sockets)),
                      .value = fmt::format("{:.1f} KiB", kib),
                      .floor = "12 KiB",
                      .goal = "6 KiB",
                      .verdict = Judge(kib, 12, 6, Better::kLower),
                      .note = fmt::format("one subscription each; {:.0f} MiB to {:.0f} MiB", before.anonymous,
                                          after.anonymous),
                      .numbers = {{"kib_per_socket", kib}, {"sockets", static_cast<double>(sockets)}}});
}

}  // namespace kalam::bench
