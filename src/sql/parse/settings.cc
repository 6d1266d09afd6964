// SHOW ALL, SHOW LIMITS and SET.
#include <string>

#include "sql/parse/rules.h"

namespace kalam::sql {

Result<StatementBody> ParseShowAll(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("ALL"));
  KALAM_TRY(reader.ExpectEnd());
  return ShowAll{};
}

Result<StatementBody> ParseShowLimits(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("LIMITS"));
  KALAM_TRY(reader.ExpectEnd());
  return ShowLimits{};
}

// SET name TO | = value. The value is only looked for: which settings there are is the handler's business.
Result<StatementBody> ParseSet(TokenReader& reader) {
  reader.HideTokens();  // the value may be a secret
  SetOption statement;
  KALAM_ASSIGN(statement.name, reader.ReadName("setting name"));
  while (reader.AcceptSymbol(".")) {
    KALAM_ASSIGN(const std::string part, reader.ReadName("setting name"));
    statement.name.append(".").append(part);
  }
  if (!reader.AcceptSymbol("=") && !reader.AcceptWord("TO")) return reader.SyntaxError("TO or =");
  if (reader.AtEnd()) return reader.SyntaxError("a value");
  while (!reader.AtEnd()) reader.Take();
  return statement;
}

}  // namespace kalam::sql
