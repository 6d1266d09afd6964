#include "sql/default_namespace.h"

#include <strings.h>

#include <string>
#include <string_view>
#include <utility>

namespace kalam::sql {
namespace {

constexpr std::string_view kDefault = "default";

bool Qualifies(const StatementText& statement, size_t i) {
  const auto& tokens = statement.tokens;
  return tokens[i].kind == TokenKind::kWord && tokens[i].text.size() == kDefault.size() &&
         strncasecmp(tokens[i].text.data(), kDefault.data(), kDefault.size()) == 0 && i + 1 < tokens.size() &&
         tokens[i + 1].kind == TokenKind::kSymbol && tokens[i + 1].text == ".";
}

}  // namespace

Status QuoteDefaultNamespace(StatementText& statement, Arena& arena) {
  std::string quoted;
  size_t copied = 0;
  for (size_t i = 0; i < statement.tokens.size(); ++i) {
    if (!Qualifies(statement, i)) continue;
    const Token& token = statement.tokens[i];
    quoted.append(statement.text.substr(copied, token.offset - copied)).append("\"default\"");
    copied = token.offset + token.text.size();
  }
  if (copied == 0) return {};
  quoted.append(statement.text.substr(copied));
  KALAM_ASSIGN(auto again, SplitStatements(arena.Copy(quoted)));
  if (again.size() == 1) statement = std::move(again.front());
  return {};
}

}  // namespace kalam::sql
