// Log: one line per event, with the request it belongs to.
//
// Owner: the process; InitLog once in main() before threads start, StopLog last. Before InitLog and after
// StopLog messages are dropped. Threads: every function is thread-safe. Errors: logging never throws and
// never fails the caller; a full disk loses lines. Secrets never reach a log: pass SQL through RedactSql
// first.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace kalam::observe {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t {
  kCompact,  // 2026-05-01T09:00:00.123Z INFO  text request_id=...
  kPretty,   // the same for eyes: local time, coloured level
  kJson,     // {"ts":"...","level":"info","request_id":"...","message":"..."}
};
std::optional<LogLevel> ParseLogLevel(std::string_view name);    // error, warn, info, debug, trace
std::optional<LogFormat> ParseLogFormat(std::string_view name);  // compact, pretty, json

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kCompact;
  bool to_console = true;  // standard error
  std::string folder;      // empty = no file; else server.log or server.jsonl, rotated at 64 MiB, 5 files
};

// kIo when the file cannot be opened; then the console is used nevertheless.
Status InitLog(const LogOptions& options);
void StopLog();

bool LogEnabled(LogLevel level);
// Lines that could not be written, for metrics.
uint64_t LostLogLines();
void WriteLog(LogLevel level, std::string_view request_id, std::string_view message);

struct RequestId {
  std::string_view value;
};

// The text of one event as a line without line feed, at `wall_micros`. Control characters in the message are
// escaped, so one event is one line whatever a client sent.
std::string FormatLogLine(LogFormat format, LogLevel level, int64_t wall_micros, std::string_view request_id,
                          std::string_view message);

namespace internal {
void LogFormatted(LogLevel level, std::string_view request_id, fmt::string_view format,
                  fmt::format_args args);

template <typename... Args>
void Log(LogLevel level, std::string_view request_id, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogFormatted(level, request_id, format, fmt::make_format_args(args...));
}
}  // namespace internal

template <typename... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kDebug, {}, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kInfo, {}, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarn(fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kWarn, {}, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kError, {}, format, std::forward<Args>(args)...);
}
// The same for an event of one request: LogInfo(RequestId{id}, "took {} ms", n).
template <typename... Args>
void LogDebug(RequestId id, fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kDebug, id.value, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogInfo(RequestId id, fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kInfo, id.value, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarn(RequestId id, fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kWarn, id.value, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(RequestId id, fmt::format_string<Args...> format, Args&&... args) {
  internal::Log(LogLevel::kError, id.value, format, std::forward<Args>(args)...);
}

}  // namespace kalam::observe
