#include "sql/parse/token_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace kalam::sql {
namespace {

char UpperOf(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char LowerOf(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsQuoted(const Token& token) {
  return token.kind == TokenKind::kString || token.kind == TokenKind::kQuotedName;
}

}  // namespace

std::string UpperCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), UpperOf);
  return out;
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), LowerOf);
  return out;
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsWord(const Token& token, std::string_view upper) {
  return token.kind == TokenKind::kWord && token.text.size() == upper.size() &&
         std::equal(upper.begin(), upper.end(), token.text.begin(),
                    [](char a, char b) { return a == UpperOf(b); });
}

TokenReader::TokenReader(const StatementText& statement)
    : statement_(statement),
      end_{TokenKind::kEnd, statement.text.substr(statement.text.size()), statement.text.size()} {}

const Token& TokenReader::Peek(size_t ahead) const {
  return next_ + ahead < statement_.tokens.size() ? statement_.tokens[next_ + ahead] : end_;
}

const Token& TokenReader::Take() {
  const Token& token = Peek();
  if (!AtEnd()) ++next_;
  return token;
}

bool TokenReader::PeekWord(std::string_view upper, size_t ahead) const { return IsWord(Peek(ahead), upper); }

bool TokenReader::PeekSymbol(std::string_view text, size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kSymbol && Peek(ahead).text == text;
}

bool TokenReader::AcceptWord(std::string_view upper) {
  if (!PeekWord(upper)) return false;
  ++next_;
  return true;
}

bool TokenReader::AcceptWords(std::initializer_list<std::string_view> upper) {
  size_t ahead = 0;
  for (std::string_view word : upper) {
    if (!PeekWord(word, ahead++)) return false;
  }
  next_ += ahead;
  return true;
}

bool TokenReader::AcceptSymbol(std::string_view text) {
  if (!PeekSymbol(text)) return false;
  ++next_;
  return true;
}

Status TokenReader::ExpectWord(std::string_view upper) {
  if (!AcceptWord(upper)) return SyntaxError(upper);
  return {};
}

Status TokenReader::ExpectSymbol(std::string_view text) {
  if (!AcceptSymbol(text)) return SyntaxError(fmt::format("'{}'", text));
  return {};
}

Status TokenReader::ExpectEnd() {
  if (!AtEnd()) return SyntaxError("end of statement");
  return {};
}

Result<Token> TokenReader::ReadIdentifier(std::string_view expected) {
  const TokenKind kind = Peek().kind;
  if (kind != TokenKind::kWord && kind != TokenKind::kQuotedName) return SyntaxError(expected);
  return Take();
}

Result<std::string> TokenReader::ReadName(std::string_view expected) {
  KALAM_ASSIGN(const Token token, ReadIdentifier(expected));
  return NameContent(token);
}

std::string TokenReader::ReadLoose() {
  if (IsQuoted(Peek())) return StringContent(Take());
  const auto ends = [](const Token& token) {
    return token.kind == TokenKind::kEnd || IsQuoted(token) ||
           (token.kind == TokenKind::kSymbol &&
            std::string_view("(),;=").find(token.text[0]) != std::string_view::npos);
  };
  const size_t begin = Peek().offset;
  size_t end = begin;
  while (!ends(Peek()) && Peek().offset == end) end = Take().end();
  return std::string(statement_.text.substr(begin, end - begin));
}

Result<TableRef> TokenReader::ReadTableName() {
  TableRef table;
  KALAM_ASSIGN(table.table, ReadName("table name"));
  if (!AcceptSymbol(".")) return table;
  table.ns = std::move(table.table);
  KALAM_ASSIGN(table.table, ReadName("table name"));
  if (!PeekSymbol(".")) return table;
  if (table.ns != "kalam")
    return Refuse(fmt::format("Unknown catalog '{}'; the only catalog is 'kalam'", table.ns));
  Take();
  table.ns = std::move(table.table);
  KALAM_ASSIGN(table.table, ReadName("table name"));
  return table;
}

Status TokenReader::SkipParentheses() {
  KALAM_TRY(ExpectSymbol("("));
  for (int depth = 1; depth > 0;) {
    if (AtEnd()) return SyntaxError("')'");
    if (PeekSymbol("(")) ++depth;
    if (PeekSymbol(")")) --depth;
    Take();
  }
  return {};
}

std::string TokenReader::Shown(const Token& token) const {
  if (hide_tokens_ && token.kind != TokenKind::kEnd) return "***";
  constexpr size_t kShown = 64;
  if (token.text.size() <= kShown) return std::string(token.text);
  // Cut between characters, not inside one.
  size_t size = kShown;
  while (size > 0 && (static_cast<unsigned char>(token.text[size]) & 0xC0) == 0x80) --size;
  return fmt::format("{}...", token.text.substr(0, size));
}

std::unexpected<Error> TokenReader::SyntaxError(std::string_view expected) const {
  const Token& token = Peek();
  const Position at = Locate(token);
  const std::string found =
      token.kind == TokenKind::kEnd ? "end of statement" : fmt::format("'{}'", Shown(token));
  return Fail(
      Error(ErrorCode::kSyntax, fmt::format("SQL syntax error at line {}, column {}: expected {}, found {}",
                                            at.line, at.column, expected, found))
          .With("line", at.line)
          .With("column", at.column)
          .With("token", Shown(token))
          .With("expected", std::string(expected)));
}

std::unexpected<Error> TokenReader::Refuse(std::string message, const Token& token) const {
  const Position at = Locate(token);
  return Fail(Error(ErrorCode::kInvalidSql, std::move(message))
                  .With("line", at.line)
                  .With("column", at.column)
                  .With("token", Shown(token)));
}

}  // namespace kalam::sql
