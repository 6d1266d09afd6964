// EXPORT USER DATA and SHOW EXPORT.
#include <fmt/format.h>

#include "sql/parse/rules.h"

namespace kalam::sql {

Result<StatementBody> ParseExportUserData(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("USER"));
  KALAM_TRY(reader.ExpectWord("DATA"));
  if (!reader.AtEnd()) {
    return reader.Refuse(fmt::format("Unexpected tokens after EXPORT USER DATA: '{}'", reader.Peek().text));
  }
  return UserExport{};
}

Result<StatementBody> ParseShowExport(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("EXPORT"));
  KALAM_TRY(reader.ExpectEnd());
  return UserExport{};
}

}  // namespace kalam::sql
