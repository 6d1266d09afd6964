// TokenReader: where a statement parser stands, and the errors it gives. Internal to sql/parse.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sql/parse/lexer.h"
#include "sql/parse/statement.h"

namespace kalam::sql {

// Keywords are given in upper case and compared without case. Not thread-safe; the statement must outlive it.
class TokenReader {
 public:
  explicit TokenReader(const StatementText& statement);

  // The token `ahead` of the next one; kEnd behind the last.
  const Token& Peek(size_t ahead = 0) const;
  const Token& Take();
  bool AtEnd() const { return next_ >= statement_.tokens.size(); }

  bool PeekWord(std::string_view upper, size_t ahead = 0) const;
  bool PeekSymbol(std::string_view text, size_t ahead = 0) const;
  bool AcceptWord(std::string_view upper);
  bool AcceptWords(std::initializer_list<std::string_view> upper);  // all or none
  bool AcceptSymbol(std::string_view text);
  Status ExpectWord(std::string_view upper);
  Status ExpectSymbol(std::string_view text);
  Status ExpectEnd();

  bool AcceptIfNotExists() { return AcceptWords({"IF", "NOT", "EXISTS"}); }
  bool AcceptIfExists() { return AcceptWords({"IF", "EXISTS"}); }

  // An identifier, quoted or not; the token as it stands.
  Result<Token> ReadIdentifier(std::string_view expected);
  // The same, folded to lower case.
  Result<std::string> ReadName(std::string_view expected);
  // Everything up to a blank, a comma or a parenthesis, or the content of a quoted token: names such as
  // `s3-main` or `a@b.c` that no rule of SQL allows, so that the handler can name what is wrong with them.
  // Empty at the end.
  std::string ReadLoose();
  // [kalam.][ns.]table
  Result<TableRef> ReadTableName();
  // A balanced (...), whatever is inside.
  Status SkipParentheses();

  // "SQL syntax error at line 1, column 8: expected X, found 'y'" at the next token. kSyntax with line,
  // column, token, expected.
  std::unexpected<Error> SyntaxError(std::string_view expected) const;
  // kInvalidSql with `message`, and the position of `token` as details.
  std::unexpected<Error> Refuse(std::string message, const Token& token) const;
  std::unexpected<Error> Refuse(std::string message) const { return Refuse(std::move(message), Peek()); }
  // Tokens may be parts of a password: errors show '***' for them from now on.
  void HideTokens() { hide_tokens_ = true; }

  Position Locate(const Token& token) const { return LocateOffset(statement_.text, token.offset); }
  const StatementText& statement() const { return statement_; }

 private:
  std::string Shown(const Token& token) const;

  const StatementText& statement_;
  const Token end_;
  size_t next_ = 0;
  bool hide_tokens_ = false;
};

// True when the token is this word (upper case), in any case.
bool IsWord(const Token& token, std::string_view upper);
std::string UpperCase(std::string_view text);
std::string LowerCase(std::string_view text);
// [A-Za-z0-9_]+
bool IsPlainName(std::string_view name);

}  // namespace kalam::sql
