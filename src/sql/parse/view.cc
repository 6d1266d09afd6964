// CREATE [OR REPLACE] VIEW and DROP VIEW. The query is cut out of the text as it stands; the engine parses
// it.
#include <algorithm>
#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

// Every word that may name something in the query.
std::vector<std::string> WordsFrom(const std::vector<Token>& tokens, size_t first) {
  std::vector<std::string> words;
  for (size_t i = first; i < tokens.size(); ++i) {
    if (tokens[i].kind == TokenKind::kWord || tokens[i].kind == TokenKind::kQuotedName)
      words.push_back(NameContent(tokens[i]));
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

}  // namespace

Result<StatementBody> ParseCreateView(TokenReader& reader) {
  CreateView statement;
  statement.or_replace = reader.AcceptWords({"OR", "REPLACE"});
  KALAM_TRY(reader.ExpectWord("VIEW"));
  const Token& condition = reader.Peek();
  statement.if_not_exists = reader.AcceptIfNotExists();
  if (statement.if_not_exists && statement.or_replace)
    return reader.Refuse("OR REPLACE and IF NOT EXISTS exclude each other", condition);
  KALAM_ASSIGN(statement.view, reader.ReadTableName());
  if (reader.AcceptSymbol("(")) {
    do {
      const Token& at = reader.Peek();
      KALAM_ASSIGN(std::string column, reader.ReadName("column name"));
      if (std::find(statement.columns.begin(), statement.columns.end(), column) != statement.columns.end())
        return reader.Refuse("Column '" + column + "' is named twice", at);
      statement.columns.push_back(std::move(column));
    } while (reader.AcceptSymbol(","));
    KALAM_TRY(reader.ExpectSymbol(")"));
  }
  KALAM_TRY(reader.ExpectWord("AS"));
  if (reader.AtEnd()) return reader.SyntaxError("a SELECT statement");
  const StatementText& text = reader.statement();
  const Token& begin = reader.Peek();
  size_t first = 0;
  while (text.tokens[first].offset != begin.offset) ++first;
  statement.query = std::string(text.text.substr(begin.offset, text.tokens.back().end() - begin.offset));
  statement.words = WordsFrom(text.tokens, first);
  while (!reader.AtEnd()) reader.Take();
  return statement;
}

Result<StatementBody> ParseDropView(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("VIEW"));
  DropView statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.view, reader.ReadTableName());
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
