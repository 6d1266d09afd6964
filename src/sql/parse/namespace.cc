// CREATE, ALTER, DROP NAMESPACE, SHOW NAMESPACES, USE and SET NAMESPACE.
#include <fmt/format.h>

#include <string>

#include "sql/parse/json_text.h"
#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

// Names are checked by the handler, which knows the rules; here they may hold anything without blanks.
Result<std::string> ReadNamespaceName(TokenReader& reader, std::string_view missing) {
  if (reader.AtEnd()) return reader.Refuse(std::string(missing));
  const Token& token = reader.Peek();
  std::string name = LowerCase(reader.ReadLoose());
  if (name.empty() && token.kind == TokenKind::kSymbol) return reader.Refuse(std::string(missing), token);
  return name;
}

// key = value, with the value as JSON text.
Result<std::pair<std::string, std::string>> ReadOption(TokenReader& reader) {
  const Token& first = reader.Peek();
  const std::string key = reader.ReadLoose();
  if (key.empty()) return reader.Refuse("Invalid option format: a key is missing", first);
  if (!reader.AcceptSymbol("=")) {
    return reader.Refuse(fmt::format("Invalid option format: '{}'. Expected key = value", key), first);
  }
  const Token& value = reader.Peek();
  if (value.kind == TokenKind::kString) return std::pair(key, JsonString(StringContent(reader.Take())));
  const std::string text = reader.ReadLoose();
  if (value.kind != TokenKind::kQuotedName) {
    if (text == "true" || text == "false") return std::pair(key, text);
    if (auto number = JsonNumber(text); number.has_value()) return std::pair(key, *std::move(number));
  }
  return reader.Refuse(
      fmt::format("Invalid value format: '{}'. Expected 'text', true, false or a number for option '{}'",
                  text, key),
      value);
}

}  // namespace

Result<StatementBody> ParseCreateNamespace(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("NAMESPACE"));
  CreateNamespace statement;
  statement.if_not_exists = reader.AcceptIfNotExists();
  KALAM_ASSIGN(statement.name, ReadNamespaceName(reader, "Entity name is required after CREATE NAMESPACE"));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseAlterNamespace(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("NAMESPACE"));
  AlterNamespace statement;
  KALAM_ASSIGN(statement.name, ReadNamespaceName(reader, "Entity name is required after ALTER NAMESPACE"));
  if (!reader.AcceptWords({"SET", "OPTIONS"})) return reader.Refuse("Expected SET OPTIONS clause");
  if (!reader.AcceptSymbol("(")) return reader.Refuse("Options must be enclosed in parentheses");
  while (!reader.PeekSymbol(")")) {
    if (reader.AtEnd()) return reader.Refuse("Options must be enclosed in parentheses");
    KALAM_ASSIGN(auto option, ReadOption(reader));
    statement.options.push_back(std::move(option));
    if (!reader.AcceptSymbol(",") && !reader.PeekSymbol(")")) {
      if (reader.AtEnd()) continue;
      return reader.Refuse("Invalid option format: options are separated by commas");
    }
  }
  KALAM_TRY(reader.ExpectSymbol(")"));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseDropNamespace(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("NAMESPACE"));
  DropNamespace statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.name, ReadNamespaceName(reader, "Entity name is required after DROP NAMESPACE"));
  statement.cascade = reader.AcceptWord("CASCADE");
  if (!statement.cascade) reader.AcceptWord("RESTRICT");  // the default, spelled out
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseShowNamespaces(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("NAMESPACES"));
  if (!reader.AtEnd()) return reader.Refuse("Expected SHOW NAMESPACES statement");
  return ShowNamespaces{};
}

Result<StatementBody> ParseUseNamespace(TokenReader& reader) {
  reader.AcceptWord("NAMESPACE");
  UseNamespace statement;
  KALAM_ASSIGN(statement.name, ReadNamespaceName(reader, "USE requires a namespace name"));
  if (statement.name.empty()) return reader.Refuse("USE requires a namespace name");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
