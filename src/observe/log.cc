#include "observe/log.h"

#include <fmt/chrono.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <vector>

namespace kalam::observe {
namespace {

constexpr size_t kFileBytesMax = 64u << 20;
constexpr size_t kOldFilesMax = 5;
constexpr int kDropAll = static_cast<int>(LogLevel::kError) + 1;

struct LevelText {
  std::string_view name;    // in settings and JSON
  std::string_view padded;  // in lines
  std::string_view color;
};
constexpr LevelText kLevels[] = {
    {"trace", "TRACE", "\033[2m"}, {"debug", "DEBUG", "\033[36m"}, {"info", "INFO ", "\033[32m"},
    {"warn", "WARN ", "\033[33m"}, {"error", "ERROR", "\033[31m"},
};
constexpr std::string_view kFormats[] = {"compact", "pretty", "json"};

const LevelText& TextOf(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

// The least important level that is written; read on every call, so apart from the state below.
constinit std::atomic<int> min_level{kDropAll};

struct LogState {
  LogFormat format = LogFormat::kCompact;
  std::shared_ptr<spdlog::logger> logger;
};
// Never destroyed once set, so that a thread that logs late does not crash.
constinit std::atomic<LogState*> log_state{nullptr};

constinit std::atomic<uint64_t> lost_lines{0};
void CountLostLine() { lost_lines.fetch_add(1, std::memory_order_relaxed); }

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

void AppendEscaped(std::string& line, std::string_view text, bool json) {
  for (char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (IsControl(c)) {
      line += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      if (json && (c == '"' || c == '\\')) line += '\\';
      line += c;
    }
  }
}

std::string FormatJson(LogLevel level, std::string_view time, std::string_view request_id,
                       std::string_view message) {
  std::string line = fmt::format(R"({{"ts":"{}","level":"{}")", time, TextOf(level).name);
  if (!request_id.empty()) {
    line += R"(,"request_id":")";
    AppendEscaped(line, request_id, true);
    line += '"';
  }
  line += R"(,"message":")";
  AppendEscaped(line, message, true);
  return line + "\"}";
}

std::shared_ptr<spdlog::logger> MakeLogger(const LogOptions& options, Status& status) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.to_console) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (!options.folder.empty()) {
    auto path = std::filesystem::path(options.folder) /
                (options.format == LogFormat::kJson ? "server.jsonl" : "server.log");
    try {
      std::filesystem::create_directories(options.folder);
      sinks.push_back(
          std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), kFileBytesMax, kOldFilesMax));
    } catch (const std::exception& error) {
      status =
          Fail(ErrorCode::kIo, fmt::format("Cannot write the log file {}: {}", path.string(), error.what()));
      if (!options.to_console) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    }
  }
  auto logger = std::make_shared<spdlog::logger>("kalamdb", sinks.begin(), sinks.end());
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);  // min_level decides
  logger->flush_on(spdlog::level::trace);   // a crash loses nothing
  logger->set_error_handler([](const std::string&) { CountLostLine(); });
  return logger;
}

}  // namespace

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(kLevels); ++i) {
    if (kLevels[i].name == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view name) {
  for (size_t i = 0; i < std::size(kFormats); ++i) {
    if (kFormats[i] == name) return static_cast<LogFormat>(i);
  }
  return std::nullopt;
}

Status InitLog(const LogOptions& options) {
  Status status;
  auto next = std::make_unique<LogState>();
  next->format = options.format;
  try {
    next->logger = MakeLogger(options, status);
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInternal, fmt::format("Cannot start logging: {}", error.what()));
  }
  // An earlier state stays allocated: a thread may be using it. There is one per InitLog.
  static std::vector<std::unique_ptr<LogState>>* const kStates = new std::vector<std::unique_ptr<LogState>>;
  log_state.store(next.get(), std::memory_order_release);
  kStates->push_back(std::move(next));
  min_level.store(static_cast<int>(options.level), std::memory_order_relaxed);
  return status;
}

void StopLog() {
  min_level.store(kDropAll, std::memory_order_relaxed);
  if (LogState* state = log_state.exchange(nullptr)) state->logger->flush();
}

uint64_t LostLogLines() { return lost_lines.load(std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) {
  return static_cast<int>(level) >= min_level.load(std::memory_order_relaxed);
}

void WriteLog(LogLevel level, std::string_view request_id, std::string_view message) {
  if (!LogEnabled(level)) return;
  LogState* state = log_state.load(std::memory_order_acquire);
  if (state == nullptr) return;
  try {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    std::string line = FormatLogLine(state->format, level, micros, request_id, message);
    state->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  } catch (...) {  // out of memory: the caller's work matters more than its line
    CountLostLine();
  }
}

std::string FormatLogLine(LogFormat format, LogLevel level, int64_t wall_micros, std::string_view request_id,
                          std::string_view message) {
  auto seconds = static_cast<std::time_t>(wall_micros / 1'000'000);
  int64_t millis = wall_micros % 1'000'000 / 1'000;
  if (format == LogFormat::kPretty) {
    std::string line = fmt::format("\033[2m{:%H:%M:%S}.{:03}\033[0m {}{}\033[0m ", fmt::localtime(seconds),
                                   millis, TextOf(level).color, TextOf(level).padded);
    AppendEscaped(line, message, false);
    if (request_id.empty()) return line;
    line += " \033[2m";
    AppendEscaped(line, request_id, false);
    return line + "\033[0m";
  }
  std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), millis);
  if (format == LogFormat::kJson) return FormatJson(level, time, request_id, message);
  std::string line = fmt::format("{} {} ", time, TextOf(level).padded);
  AppendEscaped(line, message, false);
  if (!request_id.empty()) {
    line += " request_id=";
    AppendEscaped(line, request_id, false);
  }
  return line;
}

void internal::LogFormatted(LogLevel level, std::string_view request_id, fmt::string_view format,
                            fmt::format_args args) {
  try {
    WriteLog(level, request_id, fmt::vformat(format, args));
  } catch (...) {  // see WriteLog
    CountLostLine();
  }
}

}  // namespace kalam::observe
