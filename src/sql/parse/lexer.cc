#include "sql/parse/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/limits.h"
#include "sql/parse/scanner.h"

namespace kalam::sql {
namespace {

constexpr std::string_view kBatchPrefix = "Failed to parse SQL batch: ";

// Room for the tokens of `bytes` bytes of SQL. Bounded: a large payload grows its list as needed instead of
// taking eight times its size.
size_t TokensExpected(size_t bytes) { return std::min<size_t>(bytes / 3 + 8, 4096); }

std::unexpected<Error> ScanFailure(std::string_view sql, const Scanner& scanner, std::string_view prefix) {
  const Position at = LocateOffset(sql, scanner.failure_offset());
  return Fail(Error(ErrorCode::kBatchParse, fmt::format("{}{}", prefix, scanner.failure()))
                  .With("line", at.line)
                  .With("column", at.column));
}

bool IsWordIgnoringCase(std::string_view text, std::string_view upper) {
  return text.size() == upper.size() &&
         std::equal(text.begin(), text.end(), upper.begin(), [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 32) : a) == b;
         });
}

// Collects the tokens of one statement after the other. Offsets are relative to the payload until Finish.
class Splitter {
 public:
  explicit Splitter(std::string_view payload) : payload_(payload) {
    tokens_.reserve(TokensExpected(payload.size()));
  }

  // Reads until the end or a failure of the scanner. False when the payload holds too many statements.
  bool Read(Scanner& scanner) {
    // Each token is scanned into its place: copying it there would take as long as scanning it.
    while (scanner.Next(tokens_.emplace_back())) {
      const Token& token = tokens_.back();
      if (tokens_.size() == 1)
        wrapper_ = token.kind == TokenKind::kWord && IsWordIgnoringCase(token.text, "EXECUTE");
      if (token.kind != TokenKind::kSymbol || token.text.size() != 1) continue;
      const char c = token.text[0];
      // Only EXECUTE AS counts parentheses: elsewhere one forgotten ')' must not swallow the following
      // statements.
      if (wrapper_ && c == '(') ++depth_;
      if (wrapper_ && c == ')' && depth_ > 0) --depth_;
      if (c == ';' && depth_ == 0 && !Finish()) return false;
    }
    return Finish();
  }

  std::vector<StatementText> Take() { return std::move(statements_); }

 private:
  // Makes a statement of the tokens before the last one, which is a ';' or nothing.
  bool Finish() {
    tokens_.pop_back();
    if (tokens_.empty()) return true;
    if (statements_.size() >= static_cast<size_t>(limits::kBatchStatementsMax)) return false;
    const size_t begin = tokens_.front().offset;
    const size_t end = tokens_.back().end();
    if (begin > 0) {
      for (Token& token : tokens_) token.offset -= begin;
    }
    statements_.push_back({payload_.substr(begin, end - begin), std::move(tokens_)});
    tokens_ = {};
    wrapper_ = false;
    depth_ = 0;
    return true;
  }

  std::string_view payload_;
  std::vector<StatementText> statements_;
  std::vector<Token> tokens_;
  bool wrapper_ = false;
  int64_t depth_ = 0;
};

char* Append(char* out, std::string_view text) {
  // Most tokens are shorter than 16 bytes; a copy without a call is twice as fast for them.
  if (text.size() >= 16) {
    std::memcpy(out, text.data(), text.size());
  } else {
    for (size_t i = 0; i < text.size(); ++i) out[i] = text[i];
  }
  return out + text.size();
}

char LiteralMarker(TokenKind kind) {
  switch (kind) {
    case TokenKind::kInteger:
      return 'i';
    case TokenKind::kDecimal:
      return 'd';
    case TokenKind::kString:
      return 's';
    default:
      return 0;
  }
}

// The engine takes a string for a name where only a name can stand: FROM 't', id AS 'x', 'x': id.
bool MayBeName(const std::vector<Token>& tokens, size_t i) {
  if (i + 1 < tokens.size() && tokens[i + 1].text == ":") return true;
  if (i == 0 || tokens[i - 1].kind != TokenKind::kWord) return false;
  for (std::string_view word : {"AS", "FROM", "INTO", "UPDATE", "JOIN", "TABLE"}) {
    if (IsWordIgnoringCase(tokens[i - 1].text, word)) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view sql) {
  std::vector<Token> tokens;
  tokens.reserve(TokensExpected(sql.size()) + 1);
  Scanner scanner(sql);
  while (scanner.Next(tokens.emplace_back())) {
  }
  if (scanner.failed()) return ScanFailure(sql, scanner, "");
  tokens.back() = {TokenKind::kEnd, sql.substr(sql.size()), sql.size()};
  return tokens;
}

Result<std::vector<StatementText>> SplitStatements(std::string_view payload) {
  Splitter splitter(payload);
  Scanner scanner(payload);
  const bool fits = splitter.Read(scanner);
  if (scanner.failed()) return ScanFailure(payload, scanner, kBatchPrefix);
  if (!fits) {
    return Fail(Error(ErrorCode::kLimitExceeded,
                      fmt::format("SQL batch holds more than {} statements", limits::kBatchStatementsMax))
                    .With("max", limits::kBatchStatementsMax));
  }
  return splitter.Take();
}

void AppendNormalForm(const std::vector<Token>& tokens, std::string& out, std::vector<Literal>& literals) {
  if (tokens.empty()) return;
  // A token takes its text, or two bytes, and a space.
  const size_t bound = tokens.back().end() - tokens.front().offset + 2 * tokens.size();
  const size_t before = out.size();
  out.resize_and_overwrite(before + bound, [&](char* data, size_t) {
    char* p = data + before;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const Token& token = tokens[i];
      const char marker = LiteralMarker(token.kind);
      if (marker != 0 && !(token.kind == TokenKind::kString && MayBeName(tokens, i))) {
        literals.push_back({token.kind, token.text, token.offset});
        *p++ = '?';
        *p++ = marker;
      } else {
        p = Append(p, token.text);
      }
      *p++ = ' ';
    }
    return static_cast<size_t>(p - data) - 1;
  });
}

Position LocateOffset(std::string_view sql, size_t offset) {
  const std::string_view before = sql.substr(0, std::min(offset, sql.size()));
  const size_t newline = before.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  const auto is_character_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return {.line = 1 + std::count(before.begin(), before.end(), '\n'),
          .column = 1 + std::count_if(line.begin(), line.end(), is_character_start)};
}

}  // namespace kalam::sql
