// Data types as DDL writes them. Which names exist is known to model/types; here is how they are spelled over
// several tokens.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

#include "sql/parse/table_clauses.h"

namespace kalam::sql {
namespace {

constexpr auto kSerialWords =
    std::to_array<std::string_view>({"SERIAL", "SERIAL2", "SERIAL4", "SERIAL8", "SMALLSERIAL", "BIGSERIAL"});
// Types with elements, kept as text.
constexpr auto kNestedWords = std::to_array<std::string_view>({"ARRAY", "ENUM", "SET", "STRUCT"});

bool IsOneOf(const auto& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Takes `<...>` or `(...)`. Closing marks may stand in one token: ARRAY<ARRAY<INT>>.
Status SkipElements(TokenReader& reader) {
  if (reader.PeekSymbol("(")) return reader.SkipParentheses();
  int64_t depth = 0;
  do {
    if (reader.AtEnd()) return reader.SyntaxError("'>'");
    const Token& token = reader.Take();
    if (token.kind != TokenKind::kSymbol) continue;
    depth += std::count(token.text.begin(), token.text.end(), '<');
    depth -= std::count(token.text.begin(), token.text.end(), '>');
  } while (depth > 0);
  return {};
}

// The words of the name, upper case, joined by blanks.
std::string ReadTypeWords(TokenReader& reader, std::string first) {
  if (first == "DOUBLE" && reader.AcceptWord("PRECISION")) return "DOUBLE PRECISION";
  if ((first == "CHARACTER" || first == "CHAR") && reader.AcceptWord("VARYING")) return "CHARACTER VARYING";
  if (reader.AcceptWord("UNSIGNED")) return first + " UNSIGNED";
  if (first.ends_with("TEXT") || first.ends_with("STRING")) return "TEXT";
  return first;
}

struct Arguments {
  std::vector<int64_t> values;
  std::optional<std::string> not_a_number;  // EMBEDDING has a message for it
};

Result<Arguments> ReadArguments(TokenReader& reader) {
  Arguments arguments;
  if (!reader.AcceptSymbol("(")) return arguments;
  do {
    const bool negative = reader.AcceptSymbol("-");
    const Token& token = reader.Peek();
    if (token.kind == TokenKind::kEnd || token.text == ")") return reader.SyntaxError("a number");
    int64_t value = std::numeric_limits<int64_t>::max();  // stays for numbers that are too large
    if (token.kind == TokenKind::kInteger) {
      std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    } else if (!arguments.not_a_number.has_value()) {
      arguments.not_a_number = std::string(token.text);
    }
    if (negative && !arguments.not_a_number.has_value())
      arguments.not_a_number = fmt::format("-{}", token.text);
    arguments.values.push_back(negative ? -value : value);
    reader.Take();
  } while (reader.AcceptSymbol(","));
  KALAM_TRY(reader.ExpectSymbol(")"));
  return arguments;
}

// TIME and TIMESTAMP: [WITH | WITHOUT] TIME ZONE behind the arguments.
std::string ReadZone(TokenReader& reader, std::string name) {
  const bool with = reader.AcceptWords({"WITH", "TIME", "ZONE"});
  if (!with && !reader.AcceptWords({"WITHOUT", "TIME", "ZONE"})) return name;
  if (name == "TIME" && !with) return name;
  return fmt::format("{} {} TIME ZONE", name, with ? "WITH" : "WITHOUT");
}

Result<DataType> Resolve(TokenReader& reader, const std::string& name, const Arguments& arguments,
                         const Token& at) {
  if (arguments.not_a_number.has_value()) {
    if (name == "EMBEDDING" && arguments.values.size() == 1) {
      return reader.Refuse(
          fmt::format("EMBEDDING dimension must be a positive integer, got '{}'", *arguments.not_a_number),
          at);
    }
    if (name != "DECIMAL" && name != "NUMERIC") {
      return reader.Refuse(fmt::format("Invalid argument '{}' of type {}", *arguments.not_a_number, name),
                           at);
    }
  }
  if (arguments.values.size() > 2)
    return reader.Refuse(fmt::format("Too many arguments of type {}", name), at);
  Result<DataType> type = ParseSqlType(name, arguments.values.data(), arguments.values.size());
  if (!type.has_value()) return reader.Refuse(std::move(type).error().message, at);
  return type;
}

}  // namespace

Result<TypeClause> ReadType(TokenReader& reader) {
  TypeClause clause;
  const Token at = reader.Peek();
  if (at.kind != TokenKind::kWord) return reader.SyntaxError("data type");
  reader.Take();
  const std::string first = UpperCase(at.text);
  const bool nested =
      IsOneOf(kNestedWords, first) && (reader.PeekSymbol("(") || reader.Peek().text.starts_with('<'));
  if (nested) {
    clause.type = Type(TypeKind::kText);
    KALAM_TRY(SkipElements(reader));
    return clause;
  }
  clause.serial = IsOneOf(kSerialWords, first);
  std::string name = ReadTypeWords(reader, first);
  KALAM_ASSIGN(const Arguments arguments, ReadArguments(reader));
  if (name == "TIME" || name == "TIMESTAMP") name = ReadZone(reader, std::move(name));
  Result<DataType> type = Resolve(reader, name, arguments, at);
  if (type.has_value()) {
    clause.type = *type;
  } else {
    clause.fault = std::move(type).error();
  }
  // INT[] and INT ARRAY are kept as text, too.
  bool array = reader.AcceptWord("ARRAY");
  while (reader.AcceptSymbol("[")) {
    array = true;
    if (reader.Peek().kind == TokenKind::kInteger) reader.Take();
    KALAM_TRY(reader.ExpectSymbol("]"));
  }
  if (array) clause.type = Type(TypeKind::kText);
  return clause;
}

}  // namespace kalam::sql
