// Column definitions.
#include "sql/parse/table_clauses.h"

#include <fmt/format.h>

namespace kalam::sql {
namespace {

// Parts of a column's constraints that only the loop below sees.
struct ColumnState {
  ColumnClause& clause;
  bool has_default = false;
};

Status ReadNullability(TokenReader& reader, bool nullable, ColumnDefinition& column) {
  if (column.nullable.has_value() && *column.nullable != nullable) {
    return reader.Refuse(fmt::format("Conflicting NULL and NOT NULL for column '{}'", column.name));
  }
  column.nullable = nullable;
  return {};
}

// GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY [(...)]
Status ReadGenerated(TokenReader& reader, ColumnDefinition& column) {
  if (!reader.AcceptWord("ALWAYS") && !reader.AcceptWords({"BY", "DEFAULT"}))
    return reader.SyntaxError("ALWAYS");
  KALAM_TRY(reader.ExpectWord("AS"));
  if (!reader.AcceptWord("IDENTITY")) {
    if (!reader.PeekSymbol("(")) return reader.SyntaxError("IDENTITY");
    return reader.Refuse(fmt::format("Generated columns are not supported (column '{}')", column.name));
  }
  column.auto_increment = true;
  if (reader.PeekSymbol("(")) return reader.SkipParentheses();
  return {};
}

bool AcceptAutoIncrement(TokenReader& reader) {
  return reader.AcceptWord("AUTO_INCREMENT") || reader.AcceptWord("AUTOINCREMENT") ||
         reader.AcceptWords({"AUTO", "INCREMENT"});
}

Status ReadPrimaryKey(TokenReader& reader, ColumnDefinition& column) {
  KALAM_TRY(reader.ExpectWord("KEY"));
  column.primary_key = true;
  if (!reader.AcceptWord("ASC")) reader.AcceptWord("DESC");
  return {};
}

Status ReadColumnDefault(TokenReader& reader, ColumnState& state) {
  if (state.has_default) {
    return reader.Refuse(fmt::format("Multiple DEFAULT values for column '{}'", state.clause.column.name));
  }
  state.has_default = true;
  KALAM_ASSIGN(state.clause.column.default_value, ReadDefault(reader));
  return {};
}

// One constraint. False when the next token starts none.
Result<bool> ReadConstraint(TokenReader& reader, ColumnState& state) {
  ColumnDefinition& column = state.clause.column;
  const bool named = reader.AcceptWord("CONSTRAINT");
  if (named) KALAM_TRY(reader.ReadIdentifier("constraint name"));
  if (reader.AcceptWord("PRIMARY")) {
    KALAM_TRY(ReadPrimaryKey(reader, column));
  } else if (reader.AcceptWords({"NOT", "NULL"})) {
    KALAM_TRY(ReadNullability(reader, false, column));
  } else if (reader.AcceptWord("NULL")) {
    KALAM_TRY(ReadNullability(reader, true, column));
  } else if (reader.AcceptWord("UNIQUE")) {
    reader.AcceptWord("KEY");
    column.has_unenforced = true;
  } else if (reader.AcceptWord("DEFAULT")) {
    KALAM_TRY(ReadColumnDefault(reader, state));
  } else if (reader.AcceptWord("CHECK")) {
    KALAM_TRY(reader.SkipParentheses());
    column.has_unenforced = true;
  } else if (reader.AcceptWord("REFERENCES")) {
    KALAM_TRY(SkipReferences(reader));
    column.has_unenforced = true;
  } else if (AcceptAutoIncrement(reader)) {
    column.auto_increment = true;
  } else if (reader.AcceptWord("IDENTITY")) {
    column.auto_increment = true;
    if (reader.PeekSymbol("(")) KALAM_TRY(reader.SkipParentheses());
  } else if (reader.AcceptWord("GENERATED")) {
    KALAM_TRY(ReadGenerated(reader, column));
  } else if (reader.AcceptWord("COLLATE")) {
    KALAM_TRY(reader.ReadIdentifier("collation"));  // text is compared by bytes
  } else if (named) {
    return reader.SyntaxError("a constraint");
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<TableType> ParseTableType(std::string_view name) {
  const std::string upper = UpperCase(name);
  if (upper == "USER") return TableType::kUser;
  if (upper == "SHARED") return TableType::kShared;
  if (upper == "STREAM") return TableType::kStream;
  return std::nullopt;
}

std::optional<TableType> ReadTypePrefix(TokenReader& reader) {
  if (reader.AcceptWord("USER")) return TableType::kUser;
  if (reader.AcceptWord("SHARED")) return TableType::kShared;
  if (reader.AcceptWord("STREAM")) return TableType::kStream;
  return std::nullopt;
}

std::optional<AccessLevel> ParseAccessLevel(std::string_view name) {
  const std::string lower = LowerCase(name);
  for (AccessLevel level :
       {AccessLevel::kPublic, AccessLevel::kPrivate, AccessLevel::kRestricted, AccessLevel::kDba}) {
    if (lower == AccessLevelName(level)) return level;
  }
  return std::nullopt;
}

Status SkipReferences(TokenReader& reader) {
  KALAM_TRY(reader.ReadTableName());
  if (reader.PeekSymbol("(")) KALAM_TRY(reader.SkipParentheses());
  while (true) {
    if (reader.AcceptWord("ON")) {
      if (!reader.AcceptWord("DELETE")) KALAM_TRY(reader.ExpectWord("UPDATE"));
      const bool known = reader.AcceptWord("CASCADE") || reader.AcceptWord("RESTRICT") ||
                         reader.AcceptWords({"NO", "ACTION"}) || reader.AcceptWords({"SET", "NULL"}) ||
                         reader.AcceptWords({"SET", "DEFAULT"});
      if (!known) return reader.SyntaxError("CASCADE, RESTRICT, NO ACTION, SET NULL or SET DEFAULT");
    } else if (reader.AcceptWord("MATCH")) {
      KALAM_TRY(reader.ReadIdentifier("FULL, PARTIAL or SIMPLE"));
    } else if (reader.AcceptWords({"INITIALLY", "DEFERRED"}) ||
               reader.AcceptWords({"INITIALLY", "IMMEDIATE"}) || reader.AcceptWords({"NOT", "DEFERRABLE"}) ||
               reader.AcceptWord("DEFERRABLE")) {
      continue;
    } else {
      return {};
    }
  }
}

Result<ColumnClause> ReadColumn(TokenReader& reader) {
  ColumnClause clause;
  KALAM_ASSIGN(clause.name, reader.ReadIdentifier("column name"));
  clause.column.name = NameContent(clause.name);
  KALAM_ASSIGN(TypeClause type, ReadType(reader));
  clause.column.type = type.type;
  clause.column.auto_increment = type.serial;
  clause.fault = std::move(type.fault);
  ColumnState state{clause};
  while (true) {
    KALAM_ASSIGN(const bool more, ReadConstraint(reader, state));
    if (!more) return clause;
  }
}

}  // namespace kalam::sql
