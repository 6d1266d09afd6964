#include "observe/redact.h"

#include <algorithm>

namespace kalam::observe {
namespace {

constexpr std::string_view kMask = "'[REDACTED]'";

bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool IsWord(char c) { return IsWordStart(c) || (c >= '0' && c <= '9'); }
bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool EqualsWord(std::string_view text, std::string_view upper) {
  return std::ranges::equal(text, upper,
                            [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
}

enum class TokenKind { kBlank, kWord, kQuoted, kDollar, kOther };

struct Token {
  TokenKind kind = TokenKind::kOther;
  size_t end = 0;
  bool closed = true;  // quotes and comments
};

// '...' and "..." with doubled quotes; with `backslash` also \' as in E'...'.
Token ScanQuoted(std::string_view sql, size_t begin, bool backslash) {
  char quote = sql[begin];
  for (size_t i = begin + 1; i < sql.size(); ++i) {
    if (backslash && sql[i] == '\\') {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 == sql.size() || sql[i + 1] != quote) return {TokenKind::kQuoted, i + 1, true};
      ++i;
    }
  }
  return {TokenKind::kQuoted, sql.size(), false};
}

// $$...$$ and $tag$...$tag$; anything else with a dollar is one character.
Token ScanDollar(std::string_view sql, size_t begin) {
  size_t tag = begin + 1;
  while (tag < sql.size() && IsWord(sql[tag])) ++tag;
  bool is_parameter = begin + 1 < sql.size() && sql[begin + 1] >= '0' && sql[begin + 1] <= '9';
  if (is_parameter || tag == sql.size() || sql[tag] != '$') return {TokenKind::kOther, begin + 1, true};
  std::string_view fence = sql.substr(begin, tag + 1 - begin);
  size_t close = sql.find(fence, tag + 1);
  if (close == std::string_view::npos) return {TokenKind::kDollar, sql.size(), false};
  return {TokenKind::kDollar, close + fence.size(), true};
}

Token ScanComment(std::string_view sql, size_t begin) {
  if (sql[begin] == '-') return {TokenKind::kBlank, std::min(sql.find('\n', begin), sql.size()), true};
  int depth = 0;
  for (size_t i = begin; i + 1 < sql.size(); ++i) {
    if (sql[i] == '/' && sql[i + 1] == '*') {
      ++depth;
      ++i;
    } else if (sql[i] == '*' && sql[i + 1] == '/') {
      ++i;
      if (--depth == 0) return {TokenKind::kBlank, i + 1, true};
    }
  }
  return {TokenKind::kBlank, sql.size(), false};
}

Token NextToken(std::string_view sql, size_t begin) {
  char c = sql[begin];
  std::string_view two = sql.substr(begin, 2);
  if (two == "--" || two == "/*") return ScanComment(sql, begin);
  if (c == '\'' || c == '"') return ScanQuoted(sql, begin, false);
  if (c == '$') return ScanDollar(sql, begin);
  if ((c == 'e' || c == 'E') && two.size() == 2 && two[1] == '\'') return ScanQuoted(sql, begin + 1, true);
  size_t end = begin + 1;
  if (IsBlank(c)) {
    while (end < sql.size() && IsBlank(sql[end])) ++end;
    return {TokenKind::kBlank, end, true};
  }
  if (!IsWordStart(c)) return {TokenKind::kOther, end, true};
  while (end < sql.size() && IsWord(sql[end])) ++end;
  return {TokenKind::kWord, end, true};
}

bool IsSecretWord(std::string_view word, std::string_view word_before) {
  if (EqualsWord(word, "PASSWORD") || EqualsWord(word, "CREDENTIALS") || EqualsWord(word, "CONFIG"))
    return true;
  return EqualsWord(word, "BY") && EqualsWord(word_before, "IDENTIFIED");
}

// Where the first word stands that a secret may follow, wherever it is: also inside literals and comments.
size_t FirstSecretWord(std::string_view sql) {
  for (size_t i = 0; i < sql.size(); ++i) {
    for (std::string_view word : {"PASSWORD", "IDENTIFIED", "CREDENTIALS", "CONFIG"}) {
      if (EqualsWord(sql.substr(i, word.size()), word)) return i + word.size();
    }
  }
  return sql.size();
}

// A literal that ends in PASSWORD: either data, or the quotes before it do not match and the secret follows
// it.
bool EndsInSecretWord(std::string_view literal) {
  literal.remove_suffix(1);
  while (!literal.empty() && (IsBlank(literal.back()) || literal.back() == '=')) literal.remove_suffix(1);
  for (std::string_view word : {"PASSWORD", "IDENTIFIED BY", "CREDENTIALS", "CONFIG"}) {
    if (literal.size() > word.size() && EqualsWord(literal.substr(literal.size() - word.size()), word))
      return true;
  }
  return false;
}

}  // namespace

std::string RedactSql(std::string_view sql) {
  size_t first = FirstSecretWord(sql);
  if (first == sql.size()) return std::string(sql);
  std::string shown;
  shown.reserve(sql.size());
  std::string_view word_before;
  bool expect_secret = false;
  for (size_t begin = 0; begin < sql.size();) {
    Token token = NextToken(sql, begin);
    std::string_view text = sql.substr(begin, token.end - begin);
    bool literal = token.kind == TokenKind::kQuoted || token.kind == TokenKind::kDollar;
    if (!token.closed || (literal && !expect_secret && EndsInSecretWord(text))) {
      return std::string(sql.substr(0, first)) + " [REDACTED]";
    }
    shown += literal && expect_secret ? kMask : text;
    if (token.kind == TokenKind::kWord) {
      expect_secret = IsSecretWord(text, word_before);
      word_before = text;
    } else if (token.kind != TokenKind::kBlank && text != "=") {
      expect_secret = false;
      word_before = {};
    }
    begin = token.end;
  }
  return shown;
}

}  // namespace kalam::observe
