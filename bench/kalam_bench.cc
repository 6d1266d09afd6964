// kalam-bench: starts the server, loads it, verifies what it did and prints the speed table. `--help` lists
// the options.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "cases.h"

namespace kalam::bench {

std::span<const Case> AllCases() {
  static constexpr Case kCases[] = {
      {"idle_memory", "sync", &RunIdleMemory},
      {"pk_select_64", "sync", &RunPkSelect64},
      {"pk_select_1", "sync", &RunPkSelect1},
      {"insert_64_sync", "sync", &RunInsert64Sync},
      {"insert_1_sync", "sync", &RunInsert1Sync},
      {"insert_100_rows", "sync", &RunInsert100Rows},
      {"update_delete_64", "sync", &RunUpdateDelete64},
      {"hot_update_64", "sync", &RunHotUpdate64},
      {"delete_range", "sync", &RunDeleteRange},
      {"group_by", "sync", &RunGroupBy},
      {"live_latency", "sync", &RunLiveLatency},
      {"live_fanout", "sync", &RunLiveFanout},
      {"live_slow", "sync", &RunLiveSlow},
      {"live_filters", "sync", &RunLiveFilters},
      {"live_snapshot", "sync", &RunLiveSnapshot},
      {"live_memory", "sync", &RunLiveMemory},
      {"topic_publish", "sync", &RunTopicPublish},
      {"topic_consume", "sync", &RunTopicConsume},
      {"cold_group_by", "sync", &RunColdGroupBy},
      {"cold_rows", "sync", &RunColdRows},
      {"half_cold", "sync", &RunHalfCold},
      {"eviction", "sync", &RunEviction},
      {"job_pick_up", "sync", &RunJobPickUp},
      {"micro", "sync", &RunMicro},
      {"many_tables", "sync", &RunManyTables},
      {"insert_64_os", "os", &RunInsert64Os},
      {"start_ready", "os", &RunStartReady},
      {"job_list", "os", &RunJobList},
  };
  return kCases;
}

namespace {

bool Wanted(const Case& row, const std::vector<std::string>& names) {
  return names.empty() || std::ranges::find(names, row.name) != names.end();
}

void RunGroup(const BenchOptions& options, Report& report, const std::string& durability,
              const std::vector<std::string>& names) {
  std::unique_ptr<Bench> bench;
  for (const Case& row : AllCases()) {
    if (row.durability != durability || !Wanted(row, names)) continue;
    fmt::print(stderr, "{} ({})\n", row.name, durability);
    try {
      if (bench == nullptr) bench = std::make_unique<Bench>(options, report, durability);
      bench->WaitForJobs();
      row.run(*bench);
    } catch (const std::exception& error) {
      report.AddFailure(row.name, error.what());
      bench.reset();  // the next case gets a fresh server
    }
  }
}

int Main(int argc, char** argv) {
  BenchOptions options;
  options.server = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kalamdb-server";
  options.folder = std::filesystem::temp_directory_path();
  std::vector<std::string> names;
  std::string json;
  CLI::App app("Measures the server and compares it with the speed table.");
  app.add_option("--server", options.server, "server binary (default: beside this one)")
      ->check(CLI::ExistingFile);
  app.add_option("--dir", options.folder, "parent of the temporary data folder (default: the system's)");
  std::vector<std::string> known;
  for (const Case& row : AllCases()) known.emplace_back(row.name);
  app.add_option("--case", names, "only this case; may be repeated")->check(CLI::IsMember(known));
  app.add_option("--seconds", options.seconds, "measured time of each load")->check(CLI::PositiveNumber);
  app.add_option("--connections", options.connections, "connections of the concurrent cases")
      ->check(CLI::Range(1, 4096));
  app.add_option("--driver-threads", options.driver_threads, "threads of the load driver")
      ->check(CLI::Range(1, 2));
  app.add_option("--hot-mib", options.hot_mib, "MiB of rows for start_ready")->check(CLI::PositiveNumber);
  app.add_option("--cold-rows", options.cold_rows, "rows of the case cold_rows")->check(CLI::PositiveNumber);
  app.add_flag("--quick", options.quick,
               "one second per case: shows that everything works, measures nothing");
  app.add_option("--json", json, "also write the results to this file");
  CLI11_PARSE(app, argc, argv);
  if (options.quick) options.seconds = 1;

  Report report;
  utsname system{};
  uname(&system);
  report.AddFact("machine", fmt::format("{} cores, {} {}, shared by server and driver",
                                        std::thread::hardware_concurrency(), system.sysname, system.machine));
  report.AddFact("load", fmt::format("{} connections on {} driver thread(s), {:g} s per case",
                                     options.connections, options.driver_threads, options.seconds));
  report.AddFact("durability", "sync (survives power loss), except rows that say os");
  RunGroup(options, report, "sync", names);
  RunGroup(options, report, "os", names);
  report.Print();
  if (!json.empty()) report.WriteJson(json);
  return report.failed() ? 1 : 0;
}

}  // namespace
}  // namespace kalam::bench

int main(int argc, char** argv) {
  try {
    return kalam::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kalam-bench: {}\n", error.what());
    return 1;
  }
}
