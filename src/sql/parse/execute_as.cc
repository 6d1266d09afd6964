// EXECUTE AS USER name ( statement ).
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "sql/parse/parse.h"
#include "sql/parse/token_reader.h"

namespace kalam::sql {
namespace {

std::unexpected<Error> Refuse(std::string_view what) {
  return Fail(ErrorCode::kInvalidInput, fmt::format("EXECUTE AS USER {}", what));
}

bool IsSymbol(const Token& token, std::string_view text) {
  return token.kind == TokenKind::kSymbol && token.text == text;
}

// Index of the ')' that closes the '(' at `open`.
std::optional<size_t> FindClose(const std::vector<Token>& tokens, size_t open) {
  size_t depth = 0;
  for (size_t i = open; i < tokens.size(); ++i) {
    if (IsSymbol(tokens[i], "(")) ++depth;
    if (IsSymbol(tokens[i], ")") && --depth == 0) return i;
  }
  return std::nullopt;
}

// The tokens of [first, last) as a statement of its own.
StatementText Slice(const StatementText& text, size_t first, size_t last) {
  StatementText inner;
  inner.tokens.assign(text.tokens.begin() + static_cast<ptrdiff_t>(first),
                      text.tokens.begin() + static_cast<ptrdiff_t>(last));
  const size_t begin = inner.tokens.front().offset;
  inner.text = text.text.substr(begin, inner.tokens.back().end() - begin);
  for (Token& token : inner.tokens) token.offset -= begin;
  return inner;
}

}  // namespace

Result<std::optional<ExecuteAs>> UnwrapExecuteAs(const StatementText& text) {
  const std::vector<Token>& tokens = text.tokens;
  if (tokens.size() < 2 || !IsWord(tokens[0], "EXECUTE") || !IsWord(tokens[1], "AS")) return std::nullopt;
  TokenReader reader(text);
  reader.Take();
  reader.Take();
  if (!reader.AcceptWord("USER")) return reader.SyntaxError("USER");
  ExecuteAs wrapped;
  wrapped.user_id = reader.ReadLoose();
  if (wrapped.user_id.empty()) return Refuse("username cannot be empty");
  if (!reader.PeekSymbol("(")) return Refuse("must wrap SQL in parentheses");

  size_t open = 0;
  while (tokens[open].offset != reader.Peek().offset) ++open;
  const auto close = FindClose(tokens, open);
  if (!close.has_value()) return Refuse("missing closing ')'");
  if (*close + 1 != tokens.size()) return Refuse("must contain exactly one wrapped SQL statement");
  const size_t first = open + 1;
  size_t last = *close;
  while (last > first && IsSymbol(tokens[last - 1], ";")) --last;
  if (last == first) return Refuse("requires a non-empty inner SQL statement");
  for (size_t i = first; i < last; ++i) {
    if (IsSymbol(tokens[i], ";")) return Refuse("can only wrap a single SQL statement");
  }
  wrapped.inner = Slice(text, first, last);
  if (wrapped.inner.tokens.size() > 1 && IsWord(wrapped.inner.tokens[0], "EXECUTE") &&
      IsWord(wrapped.inner.tokens[1], "AS")) {
    return Refuse("cannot be nested");
  }
  return wrapped;
}

}  // namespace kalam::sql
