// The measured server as a child process: its configuration, start, memory and end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace kalam::bench {

inline constexpr std::string_view kRootPassword = "Bench-r00t-passw";

struct ServerOptions {
  std::filesystem::path binary;
  std::filesystem::path folder;  // data, logs and configuration go here
  std::string durability = "sync";
};

// Resident memory in MiB.
struct Memory {
  double total = 0;
  double anonymous = 0;
  double file =
      0;  // mapped files: code of the server and its libraries, shared by all processes that map them
};

class ServerProcess {
 public:
  // Starts the server; BenchError when /health does not answer 200 within 60 s.
  explicit ServerProcess(const ServerOptions& options);
  // Stops it with SIGTERM, and with SIGKILL when it does not end within 20 s.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  // Seconds from fork to the first 200 of /health.
  double ready_seconds() const { return ready_seconds_; }
  // CLOCK_MONOTONIC at fork.
  int64_t started_nanos() const { return started_nanos_; }
  Memory memory() const;
  // Processor time of the server since its start.
  double cpu_seconds() const;
  // kill -9.
  void Kill();

 private:
  void Stop(int signal);

  ServerOptions options_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
  int64_t started_nanos_ = 0;
  double ready_seconds_ = 0;
};

// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Median milliseconds of fdatasync after a small appended write in `folder`: the least a synced commit can
// cost.
double MeasureDiskSyncMillis(const std::filesystem::path& folder, int rounds);

}  // namespace kalam::bench
