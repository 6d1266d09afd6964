// Cases about the process: memory at rest, time to be ready, and the micro benchmarks beside this binary.
#include <fmt/format.h>
#include <simdjson.h>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr uint64_t kPayloadBytes = 1000;

// Text that does not compress much, different for every row and computable from its key.
std::string Payload(uint64_t id) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
  std::string text;
  uint64_t state = id * 0x9E3779B97F4A7C15u + 1;
  while (text.size() < kPayloadBytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    for (int shift = 0; shift < 60; shift += 6) text.push_back(kLetters[(state >> shift) & 63]);
  }
  text.resize(kPayloadBytes);
  return text;
}

Workload PayloadWorkload(const std::string& table, uint64_t rows, uint64_t per_statement) {
  return {
      .make =
          [=](uint64_t n, std::string& body) {
            const uint64_t begin = n * per_statement;
            if (begin >= rows) return false;
            body.append(R"({"sql":"INSERT INTO )").append(table).append(" (id, v, name) VALUES ");
            for (uint64_t id = begin; id < std::min(rows, begin + per_statement); ++id) {
              body.append(
                  fmt::format("{}({},{},'{}')", id == begin ? "" : ",", id, RowValue(id), Payload(id)));
            }
            body.append(R"("})");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return body.starts_with(R"({"status":"success")"); },
  };
}

std::string MemoryText(const Memory& memory) {
  return fmt::format("anonymous {:.0f}, mapped files {:.0f} MiB", memory.anonymous, memory.file);
}

}  // namespace

void RunIdleMemory(Bench& bench) {
  // A server of its own: the shared one has served cases before.
  Bench idle(bench.options(), bench.report(), "sync");
  const Memory at_start = idle.server().memory();
  std::this_thread::sleep_for(std::chrono::seconds(bench.options().quick ? 1 : 5));
  const Memory settled = idle.server().memory();
  bench.report().Add({.name = "idle resident memory",
                      .value = fmt::format("{:.0f} MiB", settled.total),
                      .floor = "96 MiB",
                      .goal = "64 MiB",
                      .verdict = Judge(settled.total, 96, 64, Better::kLower),
                      .note = fmt::format("{}; {:.0f} MiB just after start; ready after {:.2f} s",
                                          MemoryText(settled), at_start.total, idle.server().ready_seconds()),
                      .numbers = {{"rss_mib", settled.total},
                                  {"rss_anon_mib", settled.anonymous},
                                  {"rss_file_mib", settled.file},
                                  {"rss_at_start_mib", at_start.total},
                                  {"ready_seconds", idle.server().ready_seconds()}}});
}

void RunStartReady(Bench& bench) {
  const double mib = bench.options().quick ? 8 : bench.options().hot_mib;
  const auto rows = static_cast<uint64_t>(mib * 1024 * 1024 / static_cast<double>(kPayloadBytes));
  const std::string table = bench.CreateTable("hot_gigabyte");
  LoadOptions load = bench.Load(3600);
  load.connections = 4;
  const int64_t begin = NowNanos();
  bench.Run(PayloadWorkload(table, rows, 400), load);
  const double load_seconds = static_cast<double>(NowNanos() - begin) / 1e9;
  const Memory loaded = bench.server().memory();
  std::vector<double> seconds;
  std::vector<double> health_seconds;
  for (int i = 0; i < (bench.options().quick ? 1 : 3); ++i) {
    bench.KillAndRestart();
    const uint64_t id = (rows / 3) * static_cast<uint64_t>(i) + rows / 7;
    const auto row = bench.user().Sql(fmt::format("SELECT name FROM {} WHERE id = {}", table, id));
    seconds.push_back(static_cast<double>(NowNanos() - bench.server().started_nanos()) / 1e9);
    health_seconds.push_back(bench.server().ready_seconds());
    if (row.size() != 1 || row[0] != std::vector{Payload(id)})
      throw BenchError("a row is wrong after the restart");
  }
  const double ready = Median(seconds);
  bench.report().Add({.name = mib == 1024 ? "start to ready, 1 GB of hot rows"
                                          : fmt::format("start to ready, {:.0f} MiB", mib),
                      .value = fmt::format("{:.2f} s", ready),
                      .floor = "2.00 s",
                      .goal = "1.00 s",
                      .verdict = Judge(ready, 2, 1, Better::kLower),
                      .note = fmt::format(
                          "kill -9 to first SELECT, health {:.2f} s; loaded {} rows in {:.0f} s ({}), {:.0f} "
                          "MiB resident then",
                          Median(health_seconds), Format(static_cast<double>(rows)), load_seconds,
                          bench.durability(), loaded.total),
                      .numbers = {{"ready_seconds", ready},
                                  {"health_seconds", Median(health_seconds)},
                                  {"load_seconds", load_seconds},
                                  {"loaded_rss_mib", loaded.total}}});
  int64_t sum = 0;
  for (uint64_t id = 0; id < rows; ++id) sum += RowValue(id);
  ExpectTable(bench, table, rows, sum);
}

void RunMicro(Bench& bench) {
  struct Limit {
    std::string_view benchmark;
    std::string_view title;
    double floor;  // nanoseconds
    double goal;
  };
  static constexpr Limit kLimits[] = {
      {"StatementDispatch", "statement dispatch (micro)", 2'000, 200},
      {"ParameterValidation", "parameter validation (micro)", 10'000, 1'000},
      {"SchemaLookup", "schema lookup (micro)", 1'000, 100},
      {"BatchAuthorisation", "authorise 100 statements (micro)", 1'000'000, 100'000},
  };
  const auto binary = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kalam-micro-bench";
  if (!std::filesystem::exists(binary)) {
    bench.report().Add({.name = "micro", .value = "-", .note = "kalam-micro-bench is not built"});
    return;
  }
  const std::string command = fmt::format("'{}' --benchmark_format=json --benchmark_min_time={} 2>/dev/null",
                                          binary.string(), bench.options().quick ? 0.01 : 0.5);
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw BenchError("cannot run " + binary.string());
  char buffer[4096];
  for (size_t n = fread(buffer, 1, sizeof(buffer), pipe); n > 0; n = fread(buffer, 1, sizeof(buffer), pipe)) {
    output.append(buffer, n);
  }
  if (pclose(pipe) != 0) throw BenchError("kalam-micro-bench failed");
  simdjson::dom::parser parser;
  for (const simdjson::dom::element entry : simdjson::dom::array(parser.parse(output)["benchmarks"])) {
    const std::string_view name = entry["name"];
    const double nanos = entry["real_time"];
    for (const Limit& limit : kLimits) {
      if (!name.starts_with(limit.benchmark)) continue;
      std::string title(limit.title);
      if (name.size() > limit.benchmark.size())
        title.append(", ").append(name.substr(limit.benchmark.size() + 1));
      bench.report().Add({.name = title,
                          .value = fmt::format("{:.3f} us", nanos / 1000),
                          .floor = fmt::format("{:g} us", limit.floor / 1000),
                          .goal = fmt::format("{:g} us", limit.goal / 1000),
                          .verdict = Judge(nanos, limit.floor, limit.goal, Better::kLower),
                          .note = "kalam-micro-bench",
                          .numbers = {{"nanos", nanos}}});
    }
  }
}

}  // namespace kalam::bench
