// ALTER TABLE.
#include <fmt/format.h>

#include <optional>
#include <string>

#include "sql/parse/rules.h"
#include "sql/parse/table_clauses.h"

namespace kalam::sql {
namespace {

std::unexpected<Error> UnsupportedOperation(const TokenReader& reader) {
  return reader.Refuse(
      "Unsupported ALTER TABLE operation. Hint: ADD COLUMN, DROP COLUMN, RENAME COLUMN, MODIFY COLUMN, ALTER "
      "COLUMN (SET or DROP of NOT NULL and DEFAULT) and SET ACCESS LEVEL are there");
}

std::unexpected<Error> VectorIndex(std::string_view verb) {
  const std::string name = fmt::format("ALTER TABLE {} INDEX", verb);
  return Fail(
      Error(ErrorCode::kUnsupported, fmt::format("{} is not supported yet", name)).With("feature", name));
}

// Behind the one operation: the texts for what other dialects allow there.
Status ExpectEndOfOperation(TokenReader& reader) {
  if (reader.PeekWord("FIRST") || reader.PeekWord("AFTER")) {
    return reader.Refuse("Column position modifiers (FIRST/AFTER) are not supported");
  }
  if (reader.PeekSymbol(","))
    return reader.Refuse("Only one ALTER TABLE operation is supported per statement");
  return reader.ExpectEnd();
}

// name type [NOT NULL | NULL] [DEFAULT expr]
Result<ColumnDefinition> ReadColumnChange(TokenReader& reader) {
  KALAM_ASSIGN(ColumnClause clause, ReadColumn(reader));
  if (clause.fault.has_value()) return Fail(*std::move(clause.fault));
  if (clause.column.primary_key) {
    return reader.Refuse(
        fmt::format("Column '{}' cannot become the PRIMARY KEY of an existing table", clause.column.name),
        clause.name);
  }
  return clause.column;
}

Status ReadAdd(TokenReader& reader, AlterTable& statement) {
  for (std::string_view word : {"INDEX", "CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "PARTITION"}) {
    if (reader.PeekWord(word)) return UnsupportedOperation(reader);
  }
  if (reader.PeekWord("UNIQUE") && (reader.PeekSymbol("(", 1) || reader.PeekWord("INDEX", 1))) {
    return UnsupportedOperation(reader);
  }
  reader.AcceptWord("COLUMN");
  if (reader.PeekWord("IF") && reader.PeekWord("NOT", 1)) {
    return reader.Refuse("ADD COLUMN IF NOT EXISTS is not supported");
  }
  statement.op = AlterTable::Op::kAddColumn;
  const Token& name = reader.Peek();
  KALAM_ASSIGN(statement.column, ReadColumnChange(reader));
  if (!IsPlainName(StringContent(name))) {
    return reader.Refuse(
        fmt::format("Invalid column name '{}'. Only alphanumeric characters and underscores are allowed.",
                    StringContent(name)),
        name);
  }
  return {};
}

Status ReadDrop(TokenReader& reader, AlterTable& statement) {
  if (reader.PeekWord("VECTOR") && reader.PeekWord("INDEX", 1)) return VectorIndex("DROP VECTOR");
  if (reader.PeekWord("INDEX") && reader.Peek(1).kind != TokenKind::kEnd) return VectorIndex("DROP");
  for (std::string_view word : {"CONSTRAINT", "PARTITION"}) {
    if (reader.PeekWord(word)) return UnsupportedOperation(reader);
  }
  if (reader.PeekWord("PRIMARY") && reader.PeekWord("KEY", 1)) return UnsupportedOperation(reader);
  reader.AcceptWord("COLUMN");
  if (reader.PeekWord("IF") && reader.PeekWord("EXISTS", 1)) {
    return reader.Refuse("DROP COLUMN IF EXISTS is not supported");
  }
  statement.op = AlterTable::Op::kDropColumn;
  KALAM_ASSIGN(statement.column.name, reader.ReadName("column name"));
  if (reader.PeekWord("CASCADE") || reader.PeekWord("RESTRICT")) {
    return reader.Refuse("DROP COLUMN CASCADE/RESTRICT is not supported");
  }
  // `DROP a, b` names a second column, `DROP a, DROP b` is a second operation.
  if (reader.PeekSymbol(",") && reader.Peek(2).kind == TokenKind::kEnd) {
    return reader.Refuse("ALTER TABLE only supports dropping one column at a time");
  }
  return {};
}

Status ReadModify(TokenReader& reader, AlterTable& statement) {
  reader.AcceptWord("COLUMN");
  statement.op = AlterTable::Op::kModifyColumn;
  const Token& name = reader.Peek();
  KALAM_ASSIGN(statement.column, ReadColumnChange(reader));
  if (statement.column.default_value.kind != DefaultKind::kNone || statement.column.auto_increment) {
    return reader.Refuse(
        fmt::format("MODIFY COLUMN changes type and nullability only. Use ALTER COLUMN {} SET DEFAULT",
                    statement.column.name),
        name);
  }
  return {};
}

Status ReadAlterColumn(TokenReader& reader, AlterTable& statement) {
  reader.AcceptWord("COLUMN");
  KALAM_ASSIGN(statement.column.name, reader.ReadName("column name"));
  if (reader.AcceptWords({"SET", "NOT", "NULL"})) {
    statement.op = AlterTable::Op::kSetNotNull;
  } else if (reader.AcceptWords({"DROP", "NOT", "NULL"})) {
    statement.op = AlterTable::Op::kDropNotNull;
  } else if (reader.AcceptWords({"SET", "DEFAULT"})) {
    statement.op = AlterTable::Op::kSetDefault;
    KALAM_ASSIGN(statement.column.default_value, ReadDefault(reader));
  } else if (reader.AcceptWords({"DROP", "DEFAULT"})) {
    statement.op = AlterTable::Op::kDropDefault;
  } else {
    return reader.Refuse("Unsupported ALTER COLUMN operation");
  }
  return {};
}

Status ReadRename(TokenReader& reader, AlterTable& statement) {
  if (!reader.AcceptWord("COLUMN")) return UnsupportedOperation(reader);
  statement.op = AlterTable::Op::kRenameColumn;
  KALAM_ASSIGN(statement.column.name, reader.ReadName("column name"));
  KALAM_TRY(reader.ExpectWord("TO"));
  KALAM_ASSIGN(statement.new_name, reader.ReadName("new column name"));
  return {};
}

Status ReadLevel(TokenReader& reader, AlterTable& statement) {
  const Token& at = reader.Peek();
  if (at.kind == TokenKind::kEnd) return reader.SyntaxError("public, private, restricted or dba");
  const std::string name = reader.ReadLoose();
  const auto level = ParseAccessLevel(name);
  if (!level.has_value()) {
    return reader.Refuse(
        fmt::format("Invalid ACCESS_LEVEL '{}'. Supported: PUBLIC, PRIVATE, RESTRICTED, DBA", name), at);
  }
  statement.op = AlterTable::Op::kSetAccessLevel;
  statement.access_level = *level;
  return {};
}

// TBLPROPERTIES (ACCESS_LEVEL = 'public')
Status ReadProperties(TokenReader& reader, AlterTable& statement) {
  KALAM_TRY(reader.ExpectSymbol("("));
  const Token& at = reader.Peek();
  const std::string key = UpperCase(reader.ReadLoose());
  if (key != "ACCESS_LEVEL") {
    return reader.Refuse(fmt::format("Unknown table property '{}'. Supported: ACCESS_LEVEL", key), at);
  }
  KALAM_TRY(reader.ExpectSymbol("="));
  KALAM_TRY(ReadLevel(reader, statement));
  return reader.ExpectSymbol(")");
}

Status ReadOperation(TokenReader& reader, AlterTable& statement) {
  if (reader.AcceptWord("ADD")) return ReadAdd(reader, statement);
  if (reader.AcceptWord("DROP")) return ReadDrop(reader, statement);
  if (reader.AcceptWord("MODIFY")) return ReadModify(reader, statement);
  if (reader.AcceptWord("ALTER")) return ReadAlterColumn(reader, statement);
  if (reader.AcceptWord("RENAME")) return ReadRename(reader, statement);
  if (reader.AcceptWords({"SET", "ACCESS", "LEVEL"})) return ReadLevel(reader, statement);
  if (reader.AcceptWords({"SET", "TBLPROPERTIES"})) return ReadProperties(reader, statement);
  if (reader.PeekWord("CREATE") && reader.PeekWord("VECTOR", 1)) return VectorIndex("CREATE VECTOR");
  if (reader.PeekWord("CREATE") && reader.PeekWord("INDEX", 1)) return VectorIndex("CREATE");
  if (reader.AtEnd()) return reader.SyntaxError("an ALTER TABLE operation");
  return UnsupportedOperation(reader);
}

}  // namespace

Result<StatementBody> ParseAlterTable(TokenReader& reader) {
  ReadTypePrefix(reader);  // the stored type decides
  KALAM_TRY(reader.ExpectWord("TABLE"));
  AlterTable statement;
  KALAM_ASSIGN(statement.table, reader.ReadTableName());
  KALAM_TRY(ReadOperation(reader, statement));
  KALAM_TRY(ExpectEndOfOperation(reader));
  return statement;
}

}  // namespace kalam::sql
