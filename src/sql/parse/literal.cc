// The content of quoted tokens.
#include <algorithm>

#include "sql/parse/lexer.h"

namespace kalam::sql {
namespace {

char UnescapeBackslash(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// Between the quotes: doubled quotes are one, and with `escapes` a backslash escapes the next character.
std::string QuotedContent(std::string_view text, char quote, bool escapes) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    const bool escaped = escapes && text[i] == '\\';
    if (escaped || text[i] == quote) ++i;
    out.push_back(escaped ? UnescapeBackslash(text[i]) : text[i]);
  }
  return out;
}

}  // namespace

std::string StringContent(const Token& token) {
  const std::string_view text = token.text;
  if (token.kind == TokenKind::kQuotedName) return QuotedContent(text, text.front(), false);
  if (token.kind != TokenKind::kString) return std::string(text);
  if (text.front() == '$') {
    const size_t tag = text.find('$', 1) + 1;
    return std::string(text.substr(tag, text.size() - 2 * tag));
  }
  const bool escapes = text.front() != '\'';
  return QuotedContent(escapes ? text.substr(1) : text, '\'', escapes);
}

std::string NameContent(const Token& token) {
  std::string name = StringContent(token);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

}  // namespace kalam::sql
