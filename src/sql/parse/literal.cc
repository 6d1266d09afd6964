// The content of quoted tokens.
#include <algorithm>
#include <cctype>

#include "sql/parse/lexer.h"

namespace kalam::sql {
namespace {

char UnescapeBackslash(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

// 'a''b', also continued over lines ('a' newline 'b'), with backslash escapes when `escapes` is set.
std::string QuotedContent(std::string_view text, char quote, bool escapes) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!inside) {
      // Between two pieces stand blanks and line comments, which may hold quotes.
      if (c == '-') i = std::min(text.find_first_of("\n\r", i), text.size() - 1);
      inside = c == quote;
    } else if (escapes && c == '\\' && i + 1 < text.size()) {
      out.push_back(UnescapeBackslash(text[++i]));
    } else if (c != quote) {
      out.push_back(c);
    } else if (i + 1 < text.size() && text[i + 1] == quote) {
      out.push_back(text[++i]);
    } else {
      inside = false;
    }
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
                 [](unsigned char c) { return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c); });
  return name;
}

}  // namespace kalam::sql
