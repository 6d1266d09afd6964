// DROP TABLE, SHOW TABLES and DESCRIBE TABLE.
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
  // A table may be called `table` only inside quotes, so the word alone is the keyword.
  reader.AcceptWord("TABLE");
  DescribeTable statement;
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  statement.history = reader.AcceptWord("HISTORY");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
