// KILL JOB id: quoted in either way, or bare up to a blank.
#include "sql/parse/rules.h"

namespace kalam::sql {

Result<StatementBody> ParseKillJob(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("JOB"));
  if (reader.AtEnd()) return reader.Refuse("KILL JOB requires a job_id");
  KillJob statement;
  const Token& token = reader.Peek();
  statement.job_id = token.kind == TokenKind::kString ? StringContent(reader.Take()) : reader.ReadLoose();
  if (statement.job_id.empty()) return reader.Refuse("KILL JOB requires a non-empty job_id", token);
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
