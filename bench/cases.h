// The cases of the speed table and what they share.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "load.h"
#include "report.h"
#include "server_process.h"

namespace kalam::bench {

struct BenchOptions {
  std::filesystem::path server;
  std::filesystem::path folder;  // parent of the temporary data folder
  double seconds = 6;            // of each measured load, over all its rounds
  bool quick = false;
  int connections = 64;
  int driver_threads = 1;
  double hot_mib = 1024;           // rows loaded for start_ready
  uint64_t cold_rows = 1'000'000;  // of cold_rows
};

// One started server with a normal user's session, and the table that cases make in it.
class Bench {
 public:
  Bench(const BenchOptions& options, Report& report, std::string durability);

  const BenchOptions& options() const { return options_; }
  Report& report() { return report_; }
  ServerProcess& server() { return *server_; }
  const std::string& durability() const { return durability_; }
  const std::filesystem::path& folder() const { return folder_->path(); }
  // Root's and a normal user's session. Cases measure as the user, in USER tables: the rows of an app's user.
  Client& root() { return *root_; }
  Client& user() { return *user_; }

  // Kills the server with SIGKILL and starts it anew on the same data; sessions stay valid.
  void KillAndRestart();

  // Waits until no job runs or waits: a case measures its own work, not what the one before it left behind.
  void WaitForJobs();

  // Creates USER table bench.<name> (id BIGINT PRIMARY KEY, v BIGINT, name TEXT); returns its full name.
  std::string CreateTable(std::string_view name);

  LoadResult Run(const Workload& workload,
                 const LoadOptions& options);  // on /v1/api/sql; throws BenchError on a fault
  LoadResult RunNull(const Workload& workload,
                     const LoadOptions& options);  // the same bodies on /v1/api/null
  // On any route, as root: users may not consume topics, nor see jobs.
  LoadResult RunAsRoot(std::string_view path, const Workload& workload, const LoadOptions& options);
  LoadOptions Load(double seconds) const;

 private:
  void Connect();
  LoadResult RunOn(std::string_view path, const std::string& token, const Workload& workload,
                   const LoadOptions& options);

  const BenchOptions& options_;
  Report& report_;
  std::string durability_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> root_;
  std::unique_ptr<Client> user_;
};

// Processor time of the two processes that share the cores: it tells what a peak is limited by, and wavers
// less than a rate.
class ProcessorUse {
 public:
  void Add(const LoadResult& result);
  std::string Text() const;

 private:
  double server_ = 0;
  double driver_ = 0;
  double requests_ = 0;
};

struct Case {
  std::string_view name;
  std::string_view durability;  // "sync" or "os"
  void (*run)(Bench&);
};

// All cases, in the order in which they run: those of one durability share a server.
std::span<const Case> AllCases();

// --- statements and rows of the cases ---

// The row with key `id`: v = 3 * id + 7, name = "name-<id>".
inline int64_t RowValue(uint64_t id) { return static_cast<int64_t>(3 * id + 7); }

// Inserts rows [begin, end) by statements of `per_statement` rows, over few connections.
void FillTable(Bench& bench, const std::string& table, uint64_t begin, uint64_t end,
               uint64_t per_statement = 250);
// Appends "INSERT INTO table (id, v, name) VALUES (..), (..)" for [begin, end) as a JSON body.
void AppendInsertBody(const std::string& table, uint64_t begin, uint64_t end, std::string& body);

Workload SelectWorkload(const std::string& table, uint64_t rows);
Workload InsertWorkload(const std::string& table);
// UPDATE ... SET v = n by primary key, over rows [begin, begin + rows).
Workload UpdateWorkload(const std::string& table, uint64_t begin, uint64_t rows);
// UPDATE ... SET v = v + 1, over rows [0, rows).
Workload IncrementWorkload(const std::string& table, uint64_t rows);
// DELETE by primary key of row n, until n reaches `end`.
Workload DeleteWorkload(const std::string& table, uint64_t end);

// Throws BenchError unless the table holds exactly `rows` rows whose v add up to `sum`.
void ExpectTable(Bench& bench, const std::string& table, uint64_t rows, int64_t sum);
// ... exactly the rows of [begin, end) as InsertWorkload writes them; looks at some of them one by one.
void ExpectInserted(Bench& bench, const std::string& table, uint64_t begin, uint64_t end);

// --- statistics ---

double Median(std::vector<double> values);
// (largest - smallest) / median, in percent: how much the machine wavers.
double SpreadPercent(const std::vector<double>& values);

// Cases, each in the file of its group.
void RunPkSelect64(Bench& bench);
void RunPkSelect1(Bench& bench);
void RunGroupBy(Bench& bench);
void RunColdGroupBy(Bench& bench);
void RunColdRows(Bench& bench);
void RunHalfCold(Bench& bench);
void RunEviction(Bench& bench);
void RunJobPickUp(Bench& bench);
void RunJobList(Bench& bench);
void RunInsert64Sync(Bench& bench);
void RunInsert64Os(Bench& bench);
void RunInsert1Sync(Bench& bench);
void RunInsert100Rows(Bench& bench);
void RunUpdateDelete64(Bench& bench);
void RunHotUpdate64(Bench& bench);
void RunDeleteRange(Bench& bench);
void RunLiveLatency(Bench& bench);
void RunLiveFanout(Bench& bench);
void RunLiveSlow(Bench& bench);
void RunLiveFilters(Bench& bench);
void RunLiveSnapshot(Bench& bench);
void RunLiveMemory(Bench& bench);
void RunTopicPublish(Bench& bench);
void RunTopicConsume(Bench& bench);
void RunIdleMemory(Bench& bench);
void RunStartReady(Bench& bench);
void RunMicro(Bench& bench);
void RunManyTables(Bench& bench);

}  // namespace kalam::bench
