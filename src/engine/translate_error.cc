#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/translate.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

using duckdb::ExceptionType;

// The one-line fact of a message: without candidates, hints and the echo of the statement.
std::string FirstLine(std::string_view message) { return std::string(message.substr(0, message.find('\n'))); }

size_t PositionOf(const duckdb::ErrorData& error) {
  const auto found = error.ExtraInfo().find("position");
  size_t position = std::string::npos;
  if (found != error.ExtraInfo().end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), position);
  }
  return position;
}

bool IsWord(char c) {
  return c == '_' || (c & 0x80) != 0 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// The word or sign at `position`; empty at the end of the text.
std::string TokenAt(std::string_view sql, size_t position) {
  constexpr size_t kShown = 64;
  if (position >= sql.size()) return {};
  size_t end = position;
  while (end < sql.size() && end - position < kShown && IsWord(sql[end])) ++end;
  return std::string(sql.substr(position, std::max<size_t>(1, end - position)));
}

// What the grammar knows but gives up on, in words that help.
std::string_view GrammarAdvice(std::string_view text) {
  if (text.starts_with("errhint NOT IMPLEMENTED"))
    return "LIMIT with two numbers is not supported: write LIMIT count OFFSET rows_to_skip";
  if (text.starts_with("unicode_to_utf8 NOT IMPLEMENTED"))
    return "U&'...' is not supported: write the characters themselves";
  return {};
}

Error SyntaxError(const duckdb::ErrorData& error, std::string_view sql) {
  std::string text = FirstLine(error.RawMessage());
  if (const std::string_view advice = GrammarAdvice(text); !advice.empty()) text = advice;
  const size_t position = std::min(PositionOf(error), sql.size());
  const std::string_view before = sql.substr(0, position);
  const auto line = 1 + std::ranges::count(before, '\n');
  const size_t last_break = before.rfind('\n');
  const auto column =
      static_cast<int64_t>(position - (last_break == std::string_view::npos ? 0 : last_break + 1) + 1);
  return Error(ErrorCode::kSyntax,
               fmt::format("SQL syntax error at line {}, column {}: {}", line, column, text))
      .With("line", static_cast<int64_t>(line))
      .With("column", column)
      .With("token", TokenAt(sql, position));
}

// "Referenced column "x" not found in FROM clause!" and its relatives.
bool UnknownColumn(const duckdb::ErrorData& error, std::string& name) {
  const auto subtype = error.ExtraInfo().find("error_subtype");
  const std::string& raw = error.RawMessage();
  const bool by_type = subtype != error.ExtraInfo().end() && subtype->second == "COLUMN_NOT_FOUND";
  const bool by_text = raw.find("does not have a column named") != std::string::npos ||
                       raw.find("not found in FROM clause") != std::string::npos;
  if (!by_type && !by_text) return false;
  if (const auto found = error.ExtraInfo().find("name"); found != error.ExtraInfo().end()) {
    name = found->second;
    return true;
  }
  const size_t from =
      raw.find(by_text && raw.find("column named \"") != std::string::npos ? "column named \"" : "\"");
  if (from == std::string::npos) return false;
  const size_t begin = raw.find('"', from) + 1;
  name = raw.substr(begin, raw.find('"', begin) - begin);
  return !name.empty();
}

struct Replacement {
  std::string_view ours;
  std::string_view theirs;
};
// Names of the module's own inventions, as a user would call them.
constexpr auto kReplacements = std::to_array<Replacement>({
    {"kalam_write", "value"},
    {"kalam.", ""},
    {"$now", "NOW()"},
    {"$user", "CURRENT_USER()"},
    {"$role", "CURRENT_ROLE()"},
    {"DuckDB", "The engine"},
    {"duckdb", "engine"},
});

std::string Cleaned(std::string_view raw) {
  std::string out = FirstLine(raw);
  for (const auto& [ours, theirs] : kReplacements) {
    for (size_t at = out.find(ours); at != std::string::npos; at = out.find(ours, at + theirs.size()))
      out.replace(at, ours.size(), theirs);
  }
  // common table expressions are called name#1 inside
  for (size_t at = out.find('#'); at != std::string::npos; at = out.find('#', at)) {
    size_t end = at + 1;
    while (end < out.size() && out[end] >= '0' && out[end] <= '9') ++end;
    if (end > at + 1)
      out.erase(at, end - at);
    else
      ++at;
  }
  return out;
}

ErrorCode CodeOf(ExceptionType type, Stage stage) {
  switch (type) {
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX:
      return stage == Stage::kParse ? ErrorCode::kInvalidSql : ErrorCode::kInvalidOperation;
    case ExceptionType::BINDER:
    case ExceptionType::CATALOG:
    case ExceptionType::PARAMETER_NOT_RESOLVED:
    case ExceptionType::PARAMETER_NOT_ALLOWED:
    case ExceptionType::EXPRESSION:
    case ExceptionType::PLANNER:
      return ErrorCode::kInvalidOperation;
    case ExceptionType::NOT_IMPLEMENTED:
      return stage == Stage::kParse ? ErrorCode::kInvalidSql : ErrorCode::kUnsupported;
    case ExceptionType::OUT_OF_MEMORY:
      return ErrorCode::kLimitExceeded;
    case ExceptionType::INTERRUPT:
      return ErrorCode::kCancelled;
    case ExceptionType::PERMISSION:
    case ExceptionType::MISSING_EXTENSION:
    case ExceptionType::AUTOLOAD:
      return ErrorCode::kInvalidSql;
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
    case ExceptionType::NULL_POINTER:
      return ErrorCode::kInternal;
    case ExceptionType::INVALID_INPUT:
      return stage == Stage::kParse
                 ? ErrorCode::kInvalidSql
                 : (stage == Stage::kBind ? ErrorCode::kInvalidOperation : ErrorCode::kExecution);
    default:
      return stage == Stage::kParse ? ErrorCode::kInvalidSql : ErrorCode::kExecution;
  }
}

}  // namespace

bool IsFatal(const duckdb::ErrorData& error) {
  return error.Type() == ExceptionType::FATAL || error.Type() == ExceptionType::INTERNAL;
}

Error Translate(const duckdb::ErrorData& error, Stage stage, std::string_view sql) {
  const auto subtype = error.ExtraInfo().find("error_subtype");
  if (stage == Stage::kParse && subtype != error.ExtraInfo().end() && subtype->second == "SYNTAX_ERROR")
    return SyntaxError(error, sql);
  std::string name;
  if (UnknownColumn(error, name)) {
    return Error(ErrorCode::kInvalidOperation, fmt::format("No field named {}", name)).With("column", name);
  }
  if (error.RawMessage() == "No field named user") return {ErrorCode::kInvalidOperation, error.RawMessage()};
  if (error.RawMessage().starts_with("Max expression depth")) {
    return {ErrorCode::kLimitExceeded, "The statement is nested too deeply"};
  }
  const ErrorCode code = CodeOf(error.Type(), stage);
  if (code == ErrorCode::kInternal) return {code, "The query engine failed on this statement"};
  if (code == ErrorCode::kLimitExceeded) return {code, "The query needs more memory than the engine may use"};
  if (code == ErrorCode::kCancelled) return {code, "The query was cancelled"};
  return {code, Cleaned(error.RawMessage())};
}

}  // namespace kalam::engine
