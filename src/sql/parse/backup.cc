// BACKUP DATABASE|NAMESPACE ns|TABLE ns.t TO 'path', RESTORE ... FROM 'path' [OVERWRITE]. DATABASE ns is
// another spelling of NAMESPACE ns.
#include <fmt/format.h>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

Result<BackupRestore> ReadScopeAndPath(TokenReader& reader, std::string_view verb,
                                       std::string_view before_path) {
  BackupRestore statement;
  if (reader.AcceptWord("TABLE")) {
    KALAM_ASSIGN(TableRef table, reader.ReadTableName());
    if (table.ns.empty()) {
      return reader.Refuse(fmt::format("Table name must be qualified (namespace.table) for {} TABLE", verb));
    }
    statement.ns = std::move(table.ns);
    statement.table = std::move(table.table);
  } else if (reader.AcceptWord("NAMESPACE")) {
    KALAM_ASSIGN(statement.ns, reader.ReadName("namespace name"));
  } else {
    if (!reader.AcceptWord("DATABASE")) return reader.SyntaxError("DATABASE, NAMESPACE or TABLE");
    if (!reader.PeekWord(before_path)) {
      KALAM_ASSIGN(statement.ns, reader.ReadName(before_path));
    }
  }
  KALAM_TRY(reader.ExpectWord(before_path));
  if (reader.Peek().kind != TokenKind::kString) return reader.Refuse("Backup path must be quoted");
  statement.path = StringContent(reader.Take());
  return statement;
}

}  // namespace

Result<StatementBody> ParseBackup(TokenReader& reader) {
  KALAM_ASSIGN(BackupRestore statement, ReadScopeAndPath(reader, "BACKUP", "TO"));
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

Result<StatementBody> ParseRestore(TokenReader& reader) {
  KALAM_ASSIGN(BackupRestore statement, ReadScopeAndPath(reader, "RESTORE", "FROM"));
  statement.overwrite = reader.AcceptWord("OVERWRITE");
  KALAM_TRY(reader.ExpectEnd());
  return statement;
}

}  // namespace kalam::sql
