#include "server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "client.h"
#include "load.h"

namespace kalam::bench {
namespace {

constexpr int64_t kStartNanos = 60'000'000'000;

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool ok = fd >= 0 && bind(fd, any, size) == 0 && getsockname(fd, any, &size) == 0;
  if (fd >= 0) close(fd);
  if (!ok) throw BenchError("no free port");
  return ntohs(address.sin_port);
}

std::string ConfigText(const ServerOptions& options, uint16_t port) {
  std::ostringstream text;
  text << "[server]\nhost = \"127.0.0.1\"\nport = " << port << "\nenable_null_route = true\n"
       << "[storage]\ndata_path = \"" << (options.folder / "data").string() << "\"\ndurability = \""
       << options.durability << "\"\n"
       << "[logging]\nlevel = \"warn\"\nlogs_path = \"" << (options.folder / "logs").string() << "\"\n"
       << "[rate_limit]\nmax_queries_per_sec = 0\nmax_requests_per_ip_per_sec = 0\nmax_connections_per_ip = "
          "0\n"
       << "max_auth_requests_per_ip_per_sec = 0\nenable_connection_protection = false\n"
       << "max_subscriptions_per_user = 1000000\n"
       << "[websocket]\nclient_timeout_secs = 600\nauth_timeout_secs = 60\n"
       << "[stream]\neviction_interval_seconds = 1\n[jobs]\nround_delay_ms = 0\nretry_backoff_ms = 600000\n"
       << "[auth]\nroot_password = \"" << kRootPassword << "\"\nbcrypt_cost = 4\n"
       << "jwt_secret = \"bench-secret-of-more-than-32-bytes-0123456789\"\n";
  return text.str();
}

}  // namespace

ServerProcess::ServerProcess(const ServerOptions& options) : options_(options), port_(FreePort()) {
  const auto config = options.folder / "server.toml";
  std::ofstream(config) << ConfigText(options, port_);
  const std::string log = (options.folder / "output.txt").string();
  const std::string binary = options.binary.string();
  const std::string config_text = config.string();
  std::array<char*, 3> arguments = {const_cast<char*>(binary.c_str()), const_cast<char*>(config_text.c_str()),
                                    nullptr};
  started_nanos_ = NowNanos();
  pid_ = fork();
  if (pid_ < 0) throw BenchError("fork failed");
  if (pid_ == 0) {
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(binary.c_str(), arguments.data());
    _exit(127);
  }
  std::string ended = "no answer for 60 s";
  while (NowNanos() - started_nanos_ < kStartNanos) {
    Client client(port_);
    if (client.Request("GET", "/health").status == 200) {
      ready_seconds_ = static_cast<double>(NowNanos() - started_nanos_) / 1e9;
      return;
    }
    if (int status = 0; waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      ended = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                                  : "exit code " + std::to_string(WEXITSTATUS(status));
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Kill();
  std::ifstream in(log);
  std::stringstream output;
  output << in.rdbuf();
  throw BenchError("the server did not start (" + ended + "): " + binary + "\n" + output.str());
}

ServerProcess::~ServerProcess() { Stop(SIGTERM); }

void ServerProcess::Kill() { Stop(SIGKILL); }

void ServerProcess::Stop(int signal) {
  if (pid_ <= 0) return;
  kill(pid_, signal);
  const int64_t begin = NowNanos();
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (NowNanos() - begin > 20'000'000'000) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  pid_ = -1;
}

Memory ServerProcess::memory() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  Memory memory;
  std::string name;
  std::string line;
  while (in >> name) {
    double* field = name == "VmRSS:" ? &memory.total : name == "RssAnon:" ? &memory.anonymous : nullptr;
    if (name == "RssFile:") field = &memory.file;
    if (field != nullptr) {
      in >> *field;
      *field /= 1024;
    }
    std::getline(in, line);
  }
  return memory;
}

double ServerProcess::cpu_seconds() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
  std::string field;
  std::getline(in, field, ')');  // the name may hold blanks
  for (int i = 3; i <= 13; ++i) in >> field;
  double user = 0;
  double system = 0;
  in >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

TemporaryFolder::TemporaryFolder(const std::filesystem::path& parent) {
  std::filesystem::create_directories(parent);
  std::string name = (parent / "kalam-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw BenchError("cannot create a folder below " + parent.string());
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

double MeasureDiskSyncMillis(const std::filesystem::path& folder, int rounds) {
  const auto path = folder / "sync-probe";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) throw BenchError("cannot write in " + folder.string());
  const std::string record(200, 'x');
  std::vector<double> millis;
  for (int i = 0; i < rounds; ++i) {
    const int64_t begin = NowNanos();
    const bool ok =
        write(fd, record.data(), record.size()) == static_cast<ssize_t>(record.size()) && fdatasync(fd) == 0;
    if (!ok) {
      close(fd);
      throw BenchError("write or fdatasync failed in " + folder.string());
    }
    millis.push_back(static_cast<double>(NowNanos() - begin) / 1e6);
  }
  close(fd);
  std::filesystem::remove(path);
  std::nth_element(millis.begin(), millis.begin() + rounds / 2, millis.end());
  return millis[static_cast<size_t>(rounds) / 2];
}

}  // namespace kalam::bench
