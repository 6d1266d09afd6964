// Scanner: the loop under the lexer. One token at a time, no allocation.
#pragma once

#include <cstddef>
#include <string_view>

#include "sql/parse/lexer.h"

namespace kalam::sql {

// Not thread-safe; the SQL must outlive it. Internal to sql/parse.
class Scanner {
 public:
  explicit Scanner(std::string_view sql);

  // False at the end of the text, and after a failure.
  bool Next(Token& token);

  bool failed() const { return failure_ != nullptr; }
  const char* failure() const { return failure_; }
  size_t failure_offset() const { return failure_offset_; }

 private:
  bool SkipBlank();
  bool SkipBlockComment();
  bool Emit(Token& token, TokenKind kind, const char* begin, const char* end) {
    token.kind = kind;
    token.text = {begin, static_cast<size_t>(end - begin)};
    token.offset = static_cast<size_t>(begin - begin_);
    at_ = end;
    return true;
  }
  bool Refuse(const char* what, const char* where);

  const char* VerbatimEnd(const char* p) const;
  bool ScanWord(Token& token);
  bool ScanNumber(Token& token);
  bool ScanDollar(Token& token);
  bool ScanDollarQuote(Token& token, const char* tag_end);
  bool ScanOperator(Token& token);
  bool ScanQuotedName(Token& token, const char* begin, const char* open, TokenKind kind);
  // `open` is the first quote; `begin` the start of the token (a prefix letter may stand before the quote).
  bool ScanString(Token& token, const char* begin, const char* open, TokenKind kind);
  bool ScanEscapeString(Token& token, const char* begin, const char* open);
  // Moves `p` behind the opening quote of a continued string ('a' newline 'b' is one literal).
  bool Continues(const char*& p) const;

  const char* const begin_;
  const char* const end_;
  const char* at_;
  const char* failure_ = nullptr;
  size_t failure_offset_ = 0;
};

}  // namespace kalam::sql
