// BEGIN, START TRANSACTION, COMMIT and ROLLBACK.
#include <algorithm>
#include <array>
#include <string_view>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

// What may follow. The words change nothing (there is one isolation level), but another statement behind a
// forgotten ';' must not vanish.
constexpr auto kNoiseWords = std::to_array<std::string_view>(
    {"AND",          "CHAIN",    "COMMITTED",   "DEFERRABLE",  "DEFERRED", "EXCLUSIVE", "IMMEDIATE",
     "ISOLATION",    "LEVEL",    "NO",          "NOT",         "ONLY",     "READ",      "REPEATABLE",
     "SERIALIZABLE", "SNAPSHOT", "TRANSACTION", "UNCOMMITTED", "WORK",     "WRITE"});

}  // namespace

Result<StatementBody> ParseTransactionControl(TokenReader& reader) {
  while (!reader.AtEnd()) {
    const Token& token = reader.Peek();
    if (IsWord(token, "TO")) {
      return Fail(Error(ErrorCode::kUnsupported, "ROLLBACK TO SAVEPOINT is not supported yet")
                      .With("feature", "SAVEPOINT"));
    }
    const bool known = std::any_of(kNoiseWords.begin(), kNoiseWords.end(),
                                   [&](std::string_view word) { return IsWord(token, word); });
    if (!known && !reader.PeekSymbol(",")) return reader.SyntaxError("end of statement");
    reader.Take();
  }
  return TransactionControl{};
}

}  // namespace kalam::sql
