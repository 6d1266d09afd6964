// Bench: the started server and the sessions of the cases.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr std::string_view kUser = "bench_user";
constexpr std::string_view kUserPassword = "Bench-us3r-passw";

double DriverCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Bench::Bench(const BenchOptions& options, Report& report, std::string durability)
    : options_(options),
      report_(report),
      durability_(std::move(durability)),
      folder_(std::make_unique<TemporaryFolder>(options.folder)) {
  server_ = std::make_unique<ServerProcess>(
      ServerOptions{.binary = options.server, .folder = folder_->path(), .durability = durability_});
  Connect();
  root_->Login("root", kRootPassword);
  root_->Sql("CREATE NAMESPACE bench");
  root_->Sql("CREATE USER '" + std::string(kUser) + "' WITH PASSWORD '" + std::string(kUserPassword) +
             "' ROLE user");
  user_->Login(kUser, kUserPassword);
}

void Bench::Connect() {
  const std::string root_token = root_ ? root_->token() : "";
  const std::string user_token = user_ ? user_->token() : "";
  root_ = std::make_unique<Client>(server_->port());
  user_ = std::make_unique<Client>(server_->port());
  root_->set_token(root_token);
  user_->set_token(user_token);
}

void Bench::KillAndRestart() {
  server_->Kill();
  server_.reset();
  server_ = std::make_unique<ServerProcess>(
      ServerOptions{.binary = options_.server, .folder = folder_->path(), .durability = durability_});
  Connect();
}

void Bench::WaitForJobs() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (root_->Sql("SELECT COUNT(*) FROM system.jobs WHERE finished_at IS NULL")[0][0] != "0") {
    if (std::chrono::steady_clock::now() > give_up) throw BenchError("a job does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string Bench::CreateTable(std::string_view name) {
  const std::string full = "bench." + std::string(name);
  root_->Sql("CREATE USER TABLE " + full + " (id BIGINT PRIMARY KEY, v BIGINT NOT NULL, name TEXT NOT NULL)");
  return full;
}

LoadOptions Bench::Load(double seconds) const {
  return {.connections = options_.connections, .threads = options_.driver_threads, .seconds = seconds};
}

LoadResult Bench::RunOn(std::string_view path, const std::string& token, const Workload& workload,
                        const LoadOptions& options) {
  const Endpoint endpoint{.port = server_->port(), .path = std::string(path), .token = token};
  const double server_before = server_->cpu_seconds();
  const double driver_before = DriverCpuSeconds();
  LoadResult result = RunLoad(endpoint, workload, options);
  if (!result.fault.empty()) throw BenchError(result.fault);
  result.server_cpu_seconds = server_->cpu_seconds() - server_before;
  result.driver_cpu_seconds = DriverCpuSeconds() - driver_before;
  return result;
}

LoadResult Bench::Run(const Workload& workload, const LoadOptions& options) {
  return RunOn("/v1/api/sql", user_->token(), workload, options);
}

LoadResult Bench::RunAsRoot(std::string_view path, const Workload& workload, const LoadOptions& options) {
  return RunOn(path, root_->token(), workload, options);
}

LoadResult Bench::RunNull(const Workload& workload, const LoadOptions& options) {
  return RunOn("/v1/api/null", user_->token(),
               {.make = workload.make, .check = [](uint64_t, std::string_view) { return true; }}, options);
}

void ProcessorUse::Add(const LoadResult& result) {
  server_ += result.server_cpu_seconds;
  driver_ += result.driver_cpu_seconds;
  requests_ += static_cast<double>(result.completed);
}

std::string ProcessorUse::Text() const {
  const double scale = requests_ > 0 ? 1e6 / requests_ : 0;
  return fmt::format("cpu/request {:.1f} us server, {:.1f} us driver", server_ * scale, driver_ * scale);
}

}  // namespace kalam::bench
