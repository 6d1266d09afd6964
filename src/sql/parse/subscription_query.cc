#include "sql/parse/subscription_query.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "sql/parse/token_reader.h"

namespace kalam::sql {
namespace {

std::unexpected<Error> NotSupported(const TokenReader& reader, std::string_view what) {
  return reader.Refuse(
      fmt::format("Subscription query does not support {}. Only SELECT ... FROM ... [WHERE ...] "
                  "is supported.",
                  what));
}

// A clause by the words that begin it.
struct Clause {
  std::string_view first;
  std::string_view second;  // empty = the first word is enough
  std::string_view name;
};
constexpr auto kRefused = std::to_array<Clause>({
    {"GROUP", "BY", "GROUP BY"},
    {"ORDER", "BY", "ORDER BY"},
    {"HAVING", "", "HAVING"},
    {"LIMIT", "", "LIMIT"},
    {"OFFSET", "", "OFFSET"},
    {"FETCH", "", "FETCH"},
    {"QUALIFY", "", "QUALIFY"},
    {"WINDOW", "", "WINDOW"},
    {"TABLESAMPLE", "", "TABLESAMPLE"},
    {"UNION", "", "UNION"},
    {"INTERSECT", "", "INTERSECT"},
    {"EXCEPT", "", "EXCEPT"},
    {"FOR", "UPDATE", "FOR UPDATE"},
    {"FOR", "SHARE", "FOR SHARE"},
});
constexpr auto kJoinWords = std::to_array<std::string_view>(
    {"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "ASOF", "SEMI", "ANTI", "POSITIONAL"});

Status RefuseClause(const TokenReader& reader) {
  for (const Clause& clause : kRefused) {
    if (!reader.PeekWord(clause.first)) continue;
    if (!clause.second.empty() && !reader.PeekWord(clause.second, 1)) continue;
    return NotSupported(reader, clause.name);
  }
  return {};
}

// One token, or a whole (...).
Status TakeGroup(TokenReader& reader) {
  if (reader.PeekSymbol("(")) return reader.SkipParentheses();
  reader.Take();
  return {};
}

Status ReadColumns(TokenReader& reader, SubscriptionQuery& query) {
  if (reader.PeekWord("DISTINCT")) return NotSupported(reader, "DISTINCT");
  query.columns_offset = reader.Peek().offset;
  size_t end = query.columns_offset;
  while (!reader.PeekWord("FROM")) {
    if (reader.AtEnd()) return reader.SyntaxError("FROM");
    const Token& token = reader.Peek();
    if (token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedName) {
      const std::string name = NameContent(token);
      if (name == kSeqColumn || name == kDeletedColumn) {
        return reader.Refuse("Subscription query cannot project system columns '_seq' or '_deleted'.");
      }
      if (name == "over" && reader.PeekSymbol("(", 1)) return NotSupported(reader, "window functions");
    }
    end = token.end();
    if (token.text == "(") {
      KALAM_TRY(reader.SkipParentheses());
      end = reader.AtEnd() ? end : reader.Peek().offset;
      continue;
    }
    reader.Take();
  }
  query.columns_size = end - query.columns_offset;
  return {};
}

Status ReadFrom(TokenReader& reader, SubscriptionQuery& query) {
  KALAM_TRY(reader.ExpectWord("FROM"));
  const auto one_table = [&] {
    return reader.Refuse("Subscription query requires exactly one table in the FROM clause.");
  };
  if (reader.PeekSymbol("(")) return one_table();
  query.table_offset = reader.Peek().offset;
  KALAM_ASSIGN(query.table, reader.ReadTableName());
  const std::vector<Token>& tokens = reader.statement().tokens;
  const size_t next = reader.Peek().offset;
  for (const Token& token : tokens) {
    if (token.offset < next) query.table_size = token.end() - query.table_offset;
  }
  if (reader.PeekSymbol(",") || reader.PeekSymbol("(")) return one_table();
  for (const std::string_view word : kJoinWords) {
    if (reader.PeekWord(word)) return NotSupported(reader, "JOIN clauses");
  }
  return {};
}

Status ReadWhere(TokenReader& reader, SubscriptionQuery& query) {
  if (!reader.AcceptWord("WHERE")) return {};
  if (reader.AtEnd()) return reader.SyntaxError("a condition");
  query.where_offset = reader.Peek().offset;
  while (!reader.AtEnd()) {
    KALAM_TRY(RefuseClause(reader));
    KALAM_TRY(TakeGroup(reader));
  }
  query.where_size = reader.statement().tokens.back().end() - query.where_offset;
  return {};
}

}  // namespace

Result<SubscriptionQuery> ReadSubscriptionQuery(const StatementText& text) {
  TokenReader reader(text);
  SubscriptionQuery query;
  if (reader.PeekWord("WITH")) return NotSupported(reader, "WITH clauses");
  if (!reader.AcceptWord("SELECT")) {
    return reader.Refuse("Subscription query must be a SELECT statement.");
  }
  KALAM_TRY(ReadColumns(reader, query));
  KALAM_TRY(ReadFrom(reader, query));
  KALAM_TRY(RefuseClause(reader));
  if (!reader.AtEnd() && !reader.PeekWord("WHERE")) return reader.SyntaxError("WHERE or end of statement");
  KALAM_TRY(ReadWhere(reader, query));
  return query;
}

}  // namespace kalam::sql
