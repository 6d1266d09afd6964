#include "server/run.h"

#include <fmt/format.h>

#include <linux/close_range.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "front/server.h"
#include "observe/log.h"
#include "server/hub_backend.h"
#include "server/instance.h"
#include "server/version.h"
#include "server/write_watch.h"

namespace kalam::server {
namespace {

struct CommandLine {
  std::string config_path;
  bool check_config = false;
  std::optional<int> exit_code;  // set when there is nothing to run
};

CommandLine ParseCommandLine(int argc, char** argv) {
  CommandLine line;
  CLI::App app("KalamDB server: SQL over HTTP with rows that are private per user.");
  app.add_option("config", line.config_path,
                 "Configuration file (default: ./server.toml, then built-in defaults)");
  app.add_flag("--check-config", line.check_config, "Load and validate the configuration, then exit");
  app.set_version_flag("--version", fmt::format("kalamdb-server {} ({})", kVersion, BuildDate()));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    line.exit_code = app.exit(error);
  }
  return line;
}

// The file's text; empty when no file was named and there is none to find.
Result<std::string> ReadConfig(std::string& path) {
  if (path.empty()) {
    std::error_code error;
    if (!std::filesystem::exists("server.toml", error)) return std::string();
    path = "server.toml";
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kIo, fmt::format("Cannot read configuration file '{}'", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

observe::LogOptions LogOptionsOf(const config::Settings& settings) {
  observe::LogOptions options;
  options.level = observe::ParseLogLevel(settings.logging.level).value_or(observe::LogLevel::kInfo);
  options.format = observe::ParseLogFormat(settings.logging.format).value_or(observe::LogFormat::kCompact);
  options.to_console = settings.logging.log_to_console;
  if (settings.logging.log_to_file) options.folder = settings.logging.logs_path;
  return options;
}

// How to talk to the server, as lines that work when pasted. \u0027 is JSON's spelling of ', which a shell
// would take for its own.
void PrintFirstSteps(const std::string& url, bool needs_setup) {
  const std::string json = "-H 'Content-Type: application/json'";
  const std::string pick_token = "| sed -E 's/.*\"access_token\":\"([^\"]+)\".*/\\1/'";
  fmt::print("\nKalamDB {} listens on {}\n\n", kVersion, url);
  if (needs_setup) {
    fmt::print(
        "# 1. set the root password, create the user admin, log in\n"
        "curl -s {0}/v1/api/auth/setup {1} -d "
        "'{{\"user\":\"admin\",\"password\":\"Admin-passw0rd\",\"root_password\":\"Root-passw0rd\"}}' "
        "&& TOKEN=$(curl -s {0}/v1/api/auth/login {1} -d "
        "'{{\"user\":\"admin\",\"password\":\"Admin-passw0rd\"}}' {2})\n",
        url, json, pick_token);
  } else {
    fmt::print(
        "# 1. log in (asks for the password of the user admin)\n"
        "read -rsp 'Password: ' PW; TOKEN=$(curl -s {0}/v1/api/auth/login {1} -d "
        "'{{\"user\":\"admin\",\"password\":\"'\"$PW\"'\"}}' {2})\n",
        url, json, pick_token);
  }
  fmt::print(
      "# 2. create a table with private rows and insert one\n"
      "curl -s {0}/v1/api/sql -H \"Authorization: Bearer $TOKEN\" {1} -d '{{\"sql\":\"CREATE NAMESPACE IF "
      "NOT EXISTS app; "
      "CREATE USER TABLE IF NOT EXISTS app.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), body TEXT "
      "NOT NULL); "
      "INSERT INTO app.notes (body) VALUES (\\u0027hello\\u0027)\"}}'\n"
      "# 3. read it\n"
      "curl -s {0}/v1/api/sql -H \"Authorization: Bearer $TOKEN\" {1} -d '{{\"sql\":\"SELECT * FROM "
      "app.notes\"}}'\n\n",
      url, json);
  std::fflush(stdout);
}

bool IsLocalHost(const std::string& host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

// The default secret is replaced by a random one of this database; a secret that others may know only passes
// on a local address.
Status SecureSecret(config::Settings& settings) {
  if (settings.auth.jwt_secret == "CHANGE_ME_IN_PRODUCTION") {
    settings.auth.jwt_secret.clear();  // Instance::Open fills it from the database
    return {};
  }
  if (!auth::IsInsecureSecret(settings.auth.jwt_secret)) return {};
  if (!IsLocalHost(settings.server.host)) {
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("auth.jwt_secret is well known or shorter than 32 bytes, which is not safe on "
                            "server.host = '{}'. Set another one, "
                            "or leave it out to have one generated",
                            settings.server.host));
  }
  observe::LogWarn(
      "auth.jwt_secret is well known or shorter than 32 bytes: fine for development on a local address only");
  return {};
}

// SIGINT and SIGTERM wait in sigwait instead of interrupting threads; a closed socket is an error code, not
// SIGPIPE.
sigset_t BlockSignals() {
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return stop_signals;
}

// A socket is a file: as many as this process may have.
void RaiseFileLimit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Complain(const Error& error) {
  fmt::print(stderr, "kalamdb-server: {}\n", error.message);
  return 1;
}

// Between two looks at a database that accepts no writes any more.
constexpr timespec kWatchPause{.tv_sec = 1, .tv_nsec = 0};
// Requests that run may end before the server starts anew.
constexpr auto kGraceBeforeStart = std::chrono::seconds(10);

enum class Next : uint8_t { kStop, kStartAnew };

Next WaitForEnd(const sigset_t& stop_signals, WriteWatch& writes, bool may_start_anew) {
  while (sigtimedwait(&stop_signals, nullptr, &kWatchPause) < 0) {
    writes.Look();
    if (may_start_anew && writes.CanStartAnew()) return Next::kStartAnew;
  }
  return Next::kStop;
}

// The same program with the same arguments in this process, as after a kill: what was acknowledged is in the
// log. A signal that came meanwhile waits for it.
[[noreturn]] void StartAnew(char** argv) {
  (void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  execv("/proc/self/exe", argv);
  std::perror("kalamdb-server: cannot start anew");
  std::_Exit(1);
}

int Serve(config::Settings settings, char** argv, rocksdb::Env* env) {
  const sigset_t stop_signals = BlockSignals();
  RaiseFileLimit();
  if (const Status secure = SecureSecret(settings); !secure) return Complain(secure.error());
  auto instance = Instance::Open(settings, env);
  if (!instance) return Complain(instance.error());
  Instance& db = **instance;
  HubBackend live(db.hub());
  front::HttpServer http(front::FrontServices{db.settings(), db.clock(), db.random(), db.users(), db.tokens(),
                                              db.login(), db.audit(), db.hashing(), db.executor(),
                                              db.topics(), db.metrics(), kVersion, BuildDate(), &live});
  if (const Status started = http.Start(); !started) return Complain(started.error());
  const std::string host = settings.server.host == "0.0.0.0" ? "127.0.0.1" : settings.server.host;
  observe::LogInfo("ready on {}:{}, durability {}", settings.server.host, http.port(),
                   settings.storage.durability);
  const auto root = db.users().Find("root");
  PrintFirstSteps(fmt::format("http://{}:{}", host, http.port()), root && root->password_hash.empty());
  WriteWatch writes(db.store(), settings.storage.data_path,
                    static_cast<uint64_t>(settings.storage.free_bytes_min));
  const Next next = WaitForEnd(stop_signals, writes, env == nullptr);
  if (next == Next::kStartAnew) {
    observe::LogInfo("the disk has room again, starting anew");
    std::thread([argv] {
      std::this_thread::sleep_for(kGraceBeforeStart);
      StartAnew(argv);
    }).detach();
  } else {
    observe::LogInfo("stopping");
  }
  db.topics().StopWaiting();  // waiting consumers are answered at once
  http.Stop();
  // A database whose write failed is left as a kill would leave it: to close it is to write (decision 0052).
  if (next == Next::kStartAnew || writes.failed()) {
    observe::StopLog();
    if (next == Next::kStartAnew) StartAnew(argv);
    std::_Exit(0);
  }
  db.Stop();
  observe::LogInfo("stopped");
  return 0;
}

}  // namespace

int RunServer(int argc, char** argv, rocksdb::Env* env) {
  CommandLine line = ParseCommandLine(argc, argv);
  if (line.exit_code) return *line.exit_code;
  const auto text = ReadConfig(line.config_path);
  if (!text) return Complain(text.error());
  auto loaded = config::LoadSettings(*text, line.config_path.empty() ? "built-in defaults" : line.config_path,
                                     [](const char* name) { return std::getenv(name); });
  if (!loaded) return Complain(loaded.error());
  if (const Status logging = observe::InitLog(LogOptionsOf(loaded->settings)); !logging) {
    fmt::print(stderr, "kalamdb-server: {}\n", logging.error().message);
  }
  for (const std::string& warning : loaded->warnings) observe::LogWarn("{}", warning);
  if (line.check_config) {
    fmt::print("configuration is valid\n");
    observe::StopLog();
    return 0;
  }
  const int code = Serve(std::move(loaded->settings), argv, env);
  observe::StopLog();
  return code;
}

}  // namespace kalam::server
