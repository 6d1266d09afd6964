// Lexer: SQL text to tokens, and the normal form that the plan cache is keyed by.
//
// Token borders follow the engine's lexer, so that two statements with the same normal form have the same
// parse tree but for the values of their lifted literals. What cannot be lifted safely (X'..', B'..', U&'..',
// E'..' with numeric escapes, strings continued on another line, 1_000, 0xFF) is one kSymbol token, which the
// normal form keeps as written. Purpose and threads: pure functions, thread-safe. Lifetime: tokens are views
// into the text that they were made from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kalam::sql {

enum class TokenKind : uint8_t {
  kWord,        // identifier or keyword as written
  kQuotedName,  // "..." or `...`; text includes the quotes
  kString,      // '...' with '' escapes, E'...', dollar quotes $tag$...$tag$; text includes the quotes
  kInteger,     // digits only
  kDecimal,     // digits with a point or an exponent
  kParameter,   // $n
  kSymbol,      // one operator or punctuation character sequence: ( ) , ; . = <> <= >= != :: -> ->> || ...
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // into the SQL
  size_t offset = 0;      // bytes from the start of the SQL

  size_t end() const { return offset + text.size(); }
};

// Splits into tokens; comments (-- and nested /* */) and white space vanish. kBatchParse "Unterminated quoted
// string in SQL batch" / "Unterminated block comment in SQL batch", with details line and column of the
// opening mark. The last token is kEnd.
Result<std::vector<Token>> Tokenize(std::string_view sql);

// One statement of a payload, without its ';', trimmed: it begins with its first token and ends with its last
// one. Views into the payload.
struct StatementText {
  std::string_view text;
  std::vector<Token> tokens;  // offsets relative to `text`, without kEnd, never empty
};
// Splits at ';' outside quotes and comments; empty statements vanish. Inside the parentheses of `EXECUTE AS
// USER name (...)` a ';' does not split, so that the wrapper can be refused as one statement. More than
// limits::kBatchStatementsMax -> kLimitExceeded. kBatchParse messages are prefixed "Failed to parse SQL
// batch: ".
Result<std::vector<StatementText>> SplitStatements(std::string_view payload);

// The unescaped content of a kString or kQuotedName token; the text of any other token.
std::string StringContent(const Token& token);
// A name folded to lower case: the text of a kWord, the content of a kQuotedName or kString.
std::string NameContent(const Token& token);

// A literal lifted out of a statement.
struct Literal {
  TokenKind kind = TokenKind::kInteger;  // kInteger, kDecimal or kString
  std::string_view text;                 // the token
  size_t offset = 0;
};

// The statement's tokens joined by single spaces with each number and string replaced by a marker of its kind
// (?i, ?d, ?s); keywords and names as written, also names that are written as strings (FROM 't', id AS 'x').
// Two statements with the same normal form differ only in the values of `literals`. Appends to `out` (reused
// by the caller).
void AppendNormalForm(const std::vector<Token>& tokens, std::string& out, std::vector<Literal>& literals);

// 1-based line and column (in characters) of a byte offset.
struct Position {
  int64_t line = 1;
  int64_t column = 1;
};
Position LocateOffset(std::string_view sql, size_t offset);

}  // namespace kalam::sql
