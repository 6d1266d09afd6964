// KILL LIVE QUERY and SUBSCRIBE TO.
#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "sql/parse/rules.h"
#include "sql/parse/subscription_query.h"

namespace kalam::sql {
namespace {

// OPTIONS is a keyword only where the last parenthesis of the statement belongs to it; a column may be called
// options, too.
struct OptionsClause {
  size_t token = 0;  // index of OPTIONS
  bool wrapped = false;
};
std::optional<OptionsClause> FindOptions(const std::vector<Token>& tokens) {
  size_t depth = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == TokenKind::kSymbol && tokens[i].text == "(") ++depth;
    if (tokens[i].kind == TokenKind::kSymbol && tokens[i].text == ")" && depth > 0) --depth;
    if (depth > 0 || i < 2 || !IsWord(tokens[i], "OPTIONS")) continue;
    if (i + 1 < tokens.size() && tokens[i + 1].text == "(") return OptionsClause{i, true};
    // OPTIONS last_rows = 10: two words in a row are no expression.
    if (i + 1 < tokens.size() && tokens[i + 1].kind == TokenKind::kWord && i + 2 < tokens.size() &&
        tokens[i + 2].text == "=") {
      return OptionsClause{i, false};
    }
  }
  return std::nullopt;
}

Status ReadOption(TokenReader& reader, Subscribe& statement) {
  const Token& first = reader.Peek();
  KALAM_ASSIGN(const std::string key, reader.ReadName("subscription option"));
  std::optional<int64_t>* slot = nullptr;
  if (key == "last_rows") slot = &statement.last_rows;
  if (key == "batch_size") slot = &statement.batch_size;
  if (key == "from" || key == "from_seq_id") slot = &statement.from;
  if (slot == nullptr) {
    return reader.Refuse(
        fmt::format("Unknown subscription option: '{}'. Valid options are: last_rows, batch_size, from", key),
        first);
  }
  KALAM_TRY(reader.ExpectSymbol("="));
  const Token& value = reader.Peek();
  const std::string text = reader.ReadLoose();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return reader.Refuse(fmt::format("Invalid {} value: {}", key == "from_seq_id" ? "from" : key, text),
                         value);
  }
  *slot = number;
  return {};
}

Status ReadOptions(TokenReader& reader, Subscribe& statement) {
  KALAM_TRY(reader.ExpectWord("OPTIONS"));
  KALAM_TRY(reader.ExpectSymbol("("));
  while (!reader.AcceptSymbol(")")) {
    KALAM_TRY(ReadOption(reader, statement));
    if (!reader.AcceptSymbol(",") && !reader.PeekSymbol(")")) return reader.SyntaxError("',' or ')'");
  }
  return {};
}

// The statement to subscribe with: as written, or built around [ns.]table [WHERE condition].
std::string QueryText(const StatementText& text, size_t first, size_t last) {
  const size_t begin = text.tokens[first].offset;
  const std::string_view written = text.text.substr(begin, text.tokens[last - 1].end() - begin);
  const bool full = IsWord(text.tokens[first], "SELECT") || IsWord(text.tokens[first], "WITH");
  return full ? std::string(written) : fmt::format("SELECT * FROM {}", written);
}

}  // namespace

Result<StatementBody> ParseKillLiveQuery(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("LIVE"));
  KALAM_TRY(reader.ExpectWord("QUERY"));
  KillLiveQuery statement;
  if (reader.AtEnd()) return reader.Refuse("KILL LIVE QUERY requires a live query id");
  statement.live_id = reader.ReadLoose();
  // {user}-{connection}-{subscription}; user ids and subscription ids may hold dashes of their own.
  const size_t first = statement.live_id.find('-');
  const size_t second = first == std::string::npos ? first : statement.live_id.find('-', first + 1);
  if (first == 0 || second == std::string::npos || second == first + 1 ||
      second + 1 == statement.live_id.size()) {
    return reader.Refuse(fmt::format(
        "Invalid live_query_id format: '{}'. Expected: {{user_id}}-{{connection_id}}-{{subscription_id}}",
        statement.live_id));
  }
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseSubscribe(TokenReader& reader) {
  if (!reader.AcceptWord("TO")) return reader.Refuse("Expected 'SUBSCRIBE TO' command");
  const StatementText& text = reader.statement();
  if (reader.AtEnd()) return reader.SyntaxError("a table or a SELECT statement");
  const size_t first = 2;  // behind SUBSCRIBE TO
  const auto options = FindOptions(text.tokens);
  if (options && !options->wrapped) {
    return reader.Refuse("OPTIONS clause must be wrapped in parentheses, e.g., OPTIONS (last_rows=10)");
  }
  const size_t last = options ? options->token : text.tokens.size();
  if (last == first) return reader.SyntaxError("a table or a SELECT statement");
  Subscribe statement;
  statement.query = QueryText(text, first, last);
  for (size_t i = first; i < last; ++i) reader.Take();
  if (options) KALAM_TRY(ReadOptions(reader, statement));
  KALAM_TRY(reader.ExpectEnd());

  KALAM_ASSIGN(const auto parts, SplitStatements(statement.query));
  if (parts.size() != 1) return reader.Refuse("Subscription query must be one statement.");
  auto query = ReadSubscriptionQuery(parts[0]);
  if (!query) {
    Error error = std::move(query).error();
    error.message = fmt::format("Invalid subscription query: Invalid SQL: {}", error.message);
    return Fail(std::move(error));
  }
  statement.table = std::move(query->table);
  statement.table_offset = query->table_offset;
  statement.table_size = query->table_size;
  return statement;
}

}  // namespace kalam::sql
