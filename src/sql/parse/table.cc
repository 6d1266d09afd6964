// DROP TABLE, SHOW TABLES, DESCRIBE TABLE, SHOW STATS and SHOW COLUMNS.
#include "sql/parse/rules.h"
#include "sql/parse/table_clauses.h"

namespace kalam::sql {

Result<StatementBody> ParseDropTable(TokenReader& reader) {
  ReadTypePrefix(reader);  // the stored type decides
  KALAM_TRY(reader.ExpectWord("TABLE"));
  DropTable statement;
  statement.if_exists = reader.AcceptIfExists();
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseShowTables(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("TABLES"));
  ShowTables statement;
  if (reader.AcceptWord("IN") || reader.AcceptWord("FROM")) {
    reader.AcceptWord("NAMESPACE");
    if (reader.AtEnd()) return reader.Refuse("Namespace name required after IN");
    KALAM_ASSIGN(statement.ns, reader.ReadName("namespace name"));
  }
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseDescribeTable(TokenReader& reader) {
  DescribeTable statement;
  // A table may be called `table` only inside quotes, so the word alone is the keyword.
  statement.short_form = !reader.AcceptWord("TABLE");
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  statement.history = reader.AcceptWord("HISTORY");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseShowStats(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("STATS"));
  KALAM_TRY(reader.ExpectWord("FOR"));
  KALAM_TRY(reader.ExpectWord("TABLE"));
  ShowStats statement;
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseShowColumns(TokenReader& reader) {
  KALAM_TRY(reader.ExpectWord("COLUMNS"));
  if (!reader.AcceptWord("IN")) KALAM_TRY(reader.ExpectWord("FROM"));
  ShowColumns statement;
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
