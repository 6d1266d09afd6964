#include "sql/parse/scanner.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace kalam::sql {
namespace {

// Longer runs of operator characters are refused: the engine's lexer takes cubic time for them, so that one
// megabyte of -+-+-+ would occupy it for years.
constexpr ptrdiff_t kOperatorBytesMax = 64;
constexpr char kLongOperator[] = "Operator is longer than 64 characters";

enum class Class : uint8_t {
  kOther,
  kSpace,
  kWord,
  kDigit,
  kOperator,
  kSingle,
  kQuote,
  kName,
  kDollar,
  kColon,
  kPoint
};

constexpr std::array<Class, 256> MakeClasses() {
  std::array<Class, 256> classes{};
  const auto set = [&](std::string_view characters, Class c) {
    for (char character : characters) classes[static_cast<unsigned char>(character)] = c;
  };
  for (size_t c = 'a'; c <= 'z'; ++c) classes[c] = Class::kWord;
  for (size_t c = 'A'; c <= 'Z'; ++c) classes[c] = Class::kWord;
  for (size_t c = 0x80; c <= 0xFF; ++c) classes[c] = Class::kWord;
  for (size_t c = '0'; c <= '9'; ++c) classes[c] = Class::kDigit;
  set("_", Class::kWord);
  set(" \t\n\r\f\v", Class::kSpace);
  set("~!@#^&|+-*/%<>=", Class::kOperator);
  set("(),;[]{}", Class::kSingle);
  set("'", Class::kQuote);
  set("\"`", Class::kName);
  set("$", Class::kDollar);
  set(":", Class::kColon);
  set(".", Class::kPoint);
  return classes;
}
constexpr std::array<Class, 256> kClasses = MakeClasses();

// Bytes that may begin a blank or a comment.
constexpr std::array<bool, 256> MakeBlankStarts() {
  std::array<bool, 256> starts{};
  for (size_t c = 0; c < 256; ++c)
    starts[c] = kClasses[c] == Class::kSpace || c == '-' || c == '/' || c >= 0x80;
  return starts;
}
constexpr std::array<bool, 256> kBlankStarts = MakeBlankStarts();

Class ClassOf(char c) { return kClasses[static_cast<unsigned char>(c)]; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) { return ClassOf(c) == Class::kWord; }
bool IsWordPart(char c) {
  const Class k = ClassOf(c);
  return k == Class::kWord || k == Class::kDigit || k == Class::kDollar;
}

// Bytes of the Unicode space at `p`, or 0. The engine takes these for blanks, and they come with text pasted
// from documents.
size_t UnicodeSpace(const char* p, const char* end) {
  const auto byte = [&](ptrdiff_t i) { return p + i < end ? static_cast<unsigned char>(p[i]) : 0U; };
  if (byte(0) == 0xC2) return byte(1) == 0xA0 ? 2 : 0;
  if (byte(0) == 0xE2) {
    if (byte(1) == 0x80) return (byte(2) >= 0x80 && byte(2) <= 0x8B) || byte(2) == 0xAF ? 3 : 0;
    return byte(1) == 0x81 && (byte(2) == 0x9F || byte(2) == 0xA0) ? 3 : 0;
  }
  if (byte(0) == 0xE3) return byte(1) == 0x80 && byte(2) == 0x80 ? 3 : 0;
  if (byte(0) == 0xEF) return byte(1) == 0xBB && byte(2) == 0xBF ? 3 : 0;
  return 0;
}

// Most quoted texts are short: look at a few bytes before paying for a call.
const char* FindByte(const char* p, const char* end, char c) {
  const char* const near = p + std::min<ptrdiff_t>(end - p, 16);
  for (; p < near; ++p) {
    if (*p == c) return p;
  }
  const void* found = p < end ? std::memchr(p, c, static_cast<size_t>(end - p)) : nullptr;
  return found != nullptr ? static_cast<const char*>(found) : end;
}

const char* LineEnd(const char* p, const char* end) {
  return std::find_if(p, end, [](char c) { return c == '\n' || c == '\r'; });
}

bool HasLongOperator(const char* p, const char* end) {
  ptrdiff_t run = 0;
  for (; p < end && run <= kOperatorBytesMax; ++p) run = ClassOf(*p) == Class::kOperator ? run + 1 : 0;
  return run > kOperatorBytesMax;
}

}  // namespace

Scanner::Scanner(std::string_view sql) : begin_(sql.data()), end_(sql.data() + sql.size()), at_(sql.data()) {
  // C strings end at a NUL: the engine would see another statement than we do.
  if (const char* nul = FindByte(begin_, end_, '\0'); nul != end_)
    Refuse("SQL text contains a NUL byte", nul);
}

bool Scanner::Refuse(const char* what, const char* where) {
  failure_ = what;
  failure_offset_ = static_cast<size_t>(where - begin_);
  at_ = end_;
  return false;
}

// Moves to the next token. False when there is none.
bool Scanner::SkipBlank() {
  while (at_ < end_) {
    const char c = *at_;
    if (ClassOf(c) == Class::kSpace) {
      ++at_;
    } else if (c == '-' && end_ - at_ > 1 && at_[1] == '-') {
      at_ = LineEnd(at_, end_);
    } else if (c == '/' && end_ - at_ > 1 && at_[1] == '*') {
      if (!SkipBlockComment()) return false;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      const size_t size = UnicodeSpace(at_, end_);
      if (size == 0) return true;
      at_ += size;
    } else {
      return true;
    }
  }
  return false;
}

bool Scanner::SkipBlockComment() {
  const char* const open = at_;
  int depth = 0;
  for (const char* p = at_; end_ - p > 1; ++p) {
    if (p[0] == '/' && p[1] == '*') {
      ++depth;
      ++p;
    } else if (p[0] == '*' && p[1] == '/') {
      ++p;
      if (--depth > 0) continue;
      at_ = p + 1;
      return true;
    }
  }
  return Refuse("Unterminated block comment in SQL batch", open);
}

bool Scanner::Next(Token& token) {
  // Most tokens stand behind nothing or one space.
  if (at_ < end_ && *at_ == ' ') ++at_;
  if (at_ == end_ || kBlankStarts[static_cast<unsigned char>(*at_)]) {
    if (!SkipBlank()) return false;
  }
  const char* const p = at_;
  const Class found = ClassOf(*p);
  if (found == Class::kSingle) return Emit(token, TokenKind::kSymbol, p, p + 1);
  switch (found) {
    case Class::kWord:
      return ScanWord(token);
    case Class::kDigit:
      return ScanNumber(token);
    case Class::kQuote:
      return ScanString(token, p, p, TokenKind::kString);
    case Class::kName:
      return ScanQuotedName(token, p, p, TokenKind::kQuotedName);
    case Class::kOperator:
      return ScanOperator(token);
    case Class::kDollar:
      return ScanDollar(token);
    case Class::kPoint:
      if (end_ - p > 1 && IsDigit(p[1])) return ScanNumber(token);
      return Emit(token, TokenKind::kSymbol, p, end_ - p > 1 && p[1] == '.' ? p + 2 : p + 1);
    case Class::kColon:
      return Emit(token, TokenKind::kSymbol, p, end_ - p > 1 && (p[1] == ':' || p[1] == '=') ? p + 2 : p + 1);
    default:
      break;
  }
  // ?1 is a parameter of another kind, which we do not have: its number is no literal.
  const bool numbered = *p == '?' && end_ - p > 1 && IsDigit(p[1]);
  return Emit(token, TokenKind::kSymbol, p, numbered ? VerbatimEnd(p + 1) : p + 1);
}

bool Scanner::ScanWord(Token& token) {
  const char* const begin = at_;
  const char* p = begin;
  for (; p < end_ && IsWordPart(*p); ++p) {
    if (static_cast<unsigned char>(*p) >= 0x80 && UnicodeSpace(p, end_) != 0) break;
  }
  // String prefixes: one letter directly before a quote, and U&.
  if (p - begin == 1 && p < end_ && (*p == '\'' || *p == '&')) {
    const char letter = static_cast<char>(*begin | 0x20);
    if (*p == '\'' && letter == 'e') return ScanEscapeString(token, begin, p);
    if (*p == '\'' && (letter == 'x' || letter == 'b' || letter == 'n')) {
      return ScanString(token, begin, p, TokenKind::kSymbol);
    }
    if (*p == '&' && letter == 'u' && end_ - p > 1) {
      if (p[1] == '\'') return ScanString(token, begin, p + 1, TokenKind::kSymbol);
      if (p[1] == '"') return ScanQuotedName(token, begin, p + 1, TokenKind::kSymbol);
    }
  }
  return Emit(token, TokenKind::kWord, begin, p);
}

// The end of digits, letters and points from `p` on: text that is kept as written.
const char* Scanner::VerbatimEnd(const char* p) const {
  while (p < end_ && (IsWordPart(*p) || *p == '.') && UnicodeSpace(p, end_) == 0) ++p;
  return p;
}

bool Scanner::ScanNumber(Token& token) {
  const char* const begin = at_;
  const auto digits = [&](const char* p) {
    while (p < end_ && IsDigit(*p)) ++p;
    return p;
  };
  const char* p = digits(begin);
  TokenKind kind = TokenKind::kInteger;
  // `1..2` is a range, not 1. followed by .2
  if (p < end_ && *p == '.' && !(p > begin && end_ - p > 1 && p[1] == '.')) {
    kind = TokenKind::kDecimal;
    p = digits(p + 1);
  }
  if (p < end_ && (*p == 'e' || *p == 'E')) {
    const char* exponent = p + 1;
    if (exponent < end_ && (*exponent == '+' || *exponent == '-')) ++exponent;
    if (const char* last = digits(exponent); last != exponent) {
      kind = TokenKind::kDecimal;
      p = last;
    }
  }
  // 1_000, 1_0.5, 0xFF, 1st: whatever the engine makes of it stays part of the normal form.
  if (p < end_ && IsWordStart(*p) && UnicodeSpace(p, end_) == 0) {
    p = VerbatimEnd(p);
    kind = TokenKind::kSymbol;
  }
  return Emit(token, kind, begin, p);
}

bool Scanner::ScanDollar(Token& token) {
  const char* const begin = at_;
  const char* p = begin + 1;
  if (p < end_ && IsDigit(*p)) {
    while (p < end_ && IsDigit(*p)) ++p;
    if (p == end_ || !IsWordStart(*p)) return Emit(token, TokenKind::kParameter, begin, p);
    return Emit(token, TokenKind::kSymbol, begin, VerbatimEnd(p));  // the engine reads $1_0 as another number
  }
  if (p < end_ && IsWordStart(*p)) {
    while (p < end_ && (IsWordStart(*p) || IsDigit(*p))) ++p;
  }
  if (p < end_ && *p == '$') return ScanDollarQuote(token, p + 1);
  return Emit(token, TokenKind::kSymbol, begin, p);  // $name, or a lone $
}

bool Scanner::ScanDollarQuote(Token& token, const char* tag_end) {
  const char* const begin = at_;
  const std::string_view tag(begin, static_cast<size_t>(tag_end - begin));
  const std::string_view rest(tag_end, static_cast<size_t>(end_ - tag_end));
  const size_t close = rest.find(tag);
  if (close == std::string_view::npos) return Refuse("Unterminated quoted string in SQL batch", begin);
  return Emit(token, TokenKind::kString, begin, tag_end + close + tag.size());
}

// A maximal run of operator characters, cut where a comment starts. A trailing + or - belongs to the next
// operand unless the operator holds a character that no standard operator has: `a=-1` is = and -, `a||-1` is
// ||-.
bool Scanner::ScanOperator(Token& token) {
  const char* const begin = at_;
  const char* p = begin + 1;
  while (p < end_ && ClassOf(*p) == Class::kOperator) {
    if (end_ - p > 1 && ((*p == '-' && p[1] == '-') || (*p == '/' && p[1] == '*'))) break;
    ++p;
  }
  if (p - begin > kOperatorBytesMax) return Refuse(kLongOperator, begin);
  const auto is_special = [](char c) {
    return std::string_view("~!@#^&|%").find(c) != std::string_view::npos;
  };
  while (p - begin > 1 && (p[-1] == '+' || p[-1] == '-') && std::none_of(begin, p - 1, is_special)) --p;
  return Emit(token, TokenKind::kSymbol, begin, p);
}

bool Scanner::ScanQuotedName(Token& token, const char* begin, const char* open, TokenKind kind) {
  const char quote = *open;
  for (const char* p = open + 1;; p += 2) {
    p = FindByte(p, end_, quote);
    if (p == end_) return Refuse("Unterminated quoted string in SQL batch", begin);
    if (end_ - p > 1 && p[1] == quote) continue;
    // The engine does not know this quote and reads operators inside.
    if (quote == '`' && HasLongOperator(open + 1, p)) return Refuse(kLongOperator, begin);
    return Emit(token, kind, begin, p + 1);
  }
}

bool Scanner::Continues(const char*& p) const {
  bool newline = false;
  const char* q = p;
  while (q < end_) {
    if (ClassOf(*q) == Class::kSpace) {
      newline = newline || *q == '\n' || *q == '\r';
      ++q;
    } else if (*q == '-' && end_ - q > 1 && q[1] == '-') {
      q = LineEnd(q, end_);
    } else if (const size_t space = UnicodeSpace(q, end_); space != 0) {
      q += space;
    } else {
      break;
    }
  }
  if (!newline || q == end_ || *q != '\'') return false;
  p = q + 1;
  return true;
}

bool Scanner::ScanString(Token& token, const char* begin, const char* open, TokenKind kind) {
  const char* p = open + 1;
  while (true) {
    p = FindByte(p, end_, '\'');
    if (p == end_) return Refuse("Unterminated quoted string in SQL batch", begin);
    ++p;
    if (p < end_ && *p == '\'') {
      ++p;
    } else if (Continues(p)) {
      kind = TokenKind::kSymbol;
    } else {
      return Emit(token, kind, begin, p);
    }
  }
}

bool Scanner::ScanEscapeString(Token& token, const char* begin, const char* open) {
  TokenKind kind = TokenKind::kString;
  const char* p = open + 1;
  while (p < end_) {
    if (*p == '\\') {
      // Numeric escapes may make any bytes; only the engine may judge them.
      if (end_ - p > 1 && (IsDigit(p[1]) || p[1] == 'x' || p[1] == 'u' || p[1] == 'U'))
        kind = TokenKind::kSymbol;
      p += 2;
    } else if (*p != '\'') {
      ++p;
    } else if (end_ - p > 1 && p[1] == '\'') {
      p += 2;
    } else if (++p; Continues(p)) {
      kind = TokenKind::kSymbol;
    } else {
      return Emit(token, kind, begin, p);
    }
  }
  return Refuse("Unterminated quoted string in SQL batch", begin);
}

}  // namespace kalam::sql
