// DEFAULT expressions: a constant, or one of the functions that a default may call.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sql/parse/table_clauses.h"

namespace kalam::sql {
namespace {

struct DefaultFunction {
  std::string_view word;
  DefaultKind kind;
  std::string_view shown;
};
constexpr auto kFunctions = std::to_array<DefaultFunction>({
    {"NOW", DefaultKind::kNow, "NOW()"},
    {"CURRENT_TIMESTAMP", DefaultKind::kNow, "NOW()"},
    {"SNOWFLAKE_ID", DefaultKind::kSnowflakeId, "SNOWFLAKE_ID()"},
    {"UUID_V7", DefaultKind::kUuidV7, "UUID_V7()"},
    {"ULID", DefaultKind::kUlid, "ULID()"},
    {"CURRENT_USER", DefaultKind::kCurrentUser, "CURRENT_USER()"},
    {"CURRENT_USER_ID", DefaultKind::kCurrentUser, "CURRENT_USER()"},
});

// DATE '2024-01-31': the constant is cast to the column's type anyway.
constexpr auto kTypedLiterals =
    std::to_array<std::string_view>({"DATE", "DATETIME", "JSON", "TIME", "TIMESTAMP", "UUID"});

DefaultClause Literal(std::string text) { return {DefaultKind::kLiteral, std::move(text)}; }

std::string QuoteSql(std::string_view content) {
  std::string out = "'";
  for (char c : content) out.append(c == '\'' ? 2 : 1, c);
  out.push_back('\'');
  return out;
}

std::unexpected<Error> Unsupported(const TokenReader& reader, const Token& at) {
  return reader.Refuse(
      fmt::format("Unsupported DEFAULT expression at '{}'. Use a literal, NULL, NOW(), CURRENT_TIMESTAMP, "
                  "SNOWFLAKE_ID(), UUID_V7(), ULID() or CURRENT_USER()",
                  at.text),
      at);
}

Result<DefaultClause> ReadNumber(TokenReader& reader) {
  const Token& at = reader.Peek();
  const bool negative = reader.AcceptSymbol("-");
  if (!negative) reader.AcceptSymbol("+");
  const Token& number = reader.Peek();
  if (number.kind != TokenKind::kInteger && number.kind != TokenKind::kDecimal)
    return Unsupported(reader, at);
  reader.Take();
  return Literal(fmt::format("{}{}", negative ? "-" : "", number.text));
}

Result<DefaultClause> ReadFunction(TokenReader& reader, const DefaultFunction& function) {
  reader.Take();
  if (reader.AcceptSymbol("(") && !reader.AcceptSymbol(")")) {
    return reader.Refuse(fmt::format("{}() takes no arguments", function.word));
  }
  return DefaultClause{function.kind, std::string(function.shown)};
}

Result<DefaultClause> ReadConstant(TokenReader& reader);

// CAST(constant AS type)
Result<DefaultClause> ReadCast(TokenReader& reader) {
  reader.Take();
  KALAM_TRY(reader.ExpectSymbol("("));
  KALAM_ASSIGN(DefaultClause clause, ReadConstant(reader));
  KALAM_TRY(reader.ExpectWord("AS"));
  KALAM_TRY(ReadType(reader));
  KALAM_TRY(reader.ExpectSymbol(")"));
  return clause;
}

Result<DefaultClause> ReadConstant(TokenReader& reader) {
  const Token& at = reader.Peek();
  if (at.kind == TokenKind::kEnd) return reader.SyntaxError("a DEFAULT value");
  if (at.kind == TokenKind::kString) return Literal(QuoteSql(StringContent(reader.Take())));
  if (at.kind != TokenKind::kWord) return ReadNumber(reader);
  for (std::string_view word : {"NULL", "TRUE", "FALSE"}) {
    if (reader.AcceptWord(word)) return Literal(std::string(word));
  }
  for (const DefaultFunction& function : kFunctions) {
    if (reader.PeekWord(function.word)) return ReadFunction(reader, function);
  }
  const bool typed = std::any_of(kTypedLiterals.begin(), kTypedLiterals.end(),
                                 [&](std::string_view word) { return reader.PeekWord(word); });
  if (typed && reader.Peek(1).kind == TokenKind::kString) {
    reader.Take();
    return Literal(QuoteSql(StringContent(reader.Take())));
  }
  // Not recursive: a cast inside a cast has no use here.
  if (reader.PeekWord("CAST") && reader.PeekSymbol("(", 1) && !reader.PeekWord("CAST", 2))
    return ReadCast(reader);
  return Unsupported(reader, at);
}

}  // namespace

Result<DefaultClause> ReadDefault(TokenReader& reader) {
  size_t open = 0;
  while (reader.AcceptSymbol("(")) ++open;
  KALAM_ASSIGN(DefaultClause clause, ReadConstant(reader));
  while (true) {
    if (open > 0 && reader.AcceptSymbol(")")) {
      --open;
    } else if (reader.AcceptSymbol("::")) {
      KALAM_TRY(ReadType(reader));  // the constant is cast to the column's type
    } else if (open > 0) {
      return Unsupported(reader, reader.Peek());
    } else {
      return clause;
    }
  }
}

}  // namespace kalam::sql
