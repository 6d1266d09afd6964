// The lexer: whatever a payload holds, tokens stand where they say, a statement's text splits into itself,
// and the normal form keeps one literal per marker.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sql/parse/lexer.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckTokens(const kalam::sql::StatementText& statement) {
  Require(!statement.tokens.empty());
  Require(statement.tokens.front().offset == 0);
  Require(statement.tokens.back().end() == statement.text.size());
  size_t end = 0;
  for (const kalam::sql::Token& token : statement.tokens) {
    Require(token.offset >= end && !token.text.empty());
    Require(token.text.data() == statement.text.data() + token.offset);
    Require(kalam::sql::StringContent(token).size() <= token.text.size());
    Require(kalam::sql::NameContent(token).size() <= token.text.size());
    end = token.end();
  }
}

void CheckNormalForm(const kalam::sql::StatementText& statement) {
  std::string form = "key:";
  std::vector<kalam::sql::Literal> literals;
  kalam::sql::AppendNormalForm(statement.tokens, form, literals);
  Require(form.size() > 4 && form.size() <= 4 + statement.text.size() + 2 * statement.tokens.size());
  for (const kalam::sql::Literal& literal : literals) {
    Require(statement.text.substr(literal.offset, literal.text.size()) == literal.text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const auto statements = kalam::sql::SplitStatements(payload);
  if (!statements.has_value()) {
    Require(!statements.error().message.empty());
    return 0;
  }
  for (const auto& statement : *statements) {
    CheckTokens(statement);
    CheckNormalForm(statement);
    const auto again = kalam::sql::SplitStatements(statement.text);
    Require(again.has_value() && again->size() == 1 && again->front().text == statement.text);
    Require(again->front().tokens.size() == statement.tokens.size());
    const auto at = kalam::sql::LocateOffset(statement.text, statement.tokens.back().offset);
    Require(at.line >= 1 && at.column >= 1);
  }
  return 0;
}
