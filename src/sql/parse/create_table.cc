// CREATE TABLE: syntax. The rules about what was written stand in create_table_check.cc.
#include "sql/parse/create_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sql/parse/rules.h"

namespace kalam::sql {
namespace {

Status ReadTableName(TokenReader& reader, CreateTableText& table) {
  KALAM_ASSIGN(table.name, reader.ReadIdentifier("table name"));
  if (!reader.AcceptSymbol(".")) return {};
  table.ns = table.name;
  KALAM_ASSIGN(table.name, reader.ReadIdentifier("table name"));
  if (!reader.PeekSymbol(".")) return {};
  if (NameContent(*table.ns) != "kalam") {
    return reader.Refuse(
        fmt::format("Unknown catalog '{}'; the only catalog is 'kalam'", StringContent(*table.ns)),
        *table.ns);
  }
  reader.Take();
  table.ns = table.name;
  KALAM_ASSIGN(table.name, reader.ReadIdentifier("table name"));
  return {};
}

// (a, b), each possibly with ASC or DESC.
Result<std::vector<Token>> ReadColumnList(TokenReader& reader) {
  std::vector<Token> names;
  KALAM_TRY(reader.ExpectSymbol("("));
  do {
    KALAM_ASSIGN(Token name, reader.ReadIdentifier("column name"));
    names.push_back(name);
    if (!reader.AcceptWord("ASC")) reader.AcceptWord("DESC");
  } while (reader.AcceptSymbol(","));
  KALAM_TRY(reader.ExpectSymbol(")"));
  return names;
}

bool StartsTableConstraint(const TokenReader& reader, size_t ahead) {
  return (reader.PeekWord("PRIMARY", ahead) && reader.PeekWord("KEY", ahead + 1)) ||
         (reader.PeekWord("FOREIGN", ahead) && reader.PeekWord("KEY", ahead + 1)) ||
         (reader.PeekWord("CHECK", ahead) && reader.PeekSymbol("(", ahead + 1)) ||
         (reader.PeekWord("UNIQUE", ahead) &&
          (reader.PeekSymbol("(", ahead + 1) || reader.PeekWord("KEY", ahead + 1) ||
           reader.PeekWord("INDEX", ahead + 1)));
}

// [CONSTRAINT name] PRIMARY KEY (c) | UNIQUE (...) | CHECK (...) | FOREIGN KEY (...) REFERENCES ...; only the
// first has an effect.
Status ReadTableConstraint(TokenReader& reader, CreateTableText& table) {
  if (reader.AcceptWord("CONSTRAINT")) KALAM_TRY(reader.ReadIdentifier("constraint name"));
  if (reader.AcceptWords({"PRIMARY", "KEY"})) {
    KALAM_ASSIGN(auto names, ReadColumnList(reader));
    table.primary_keys.push_back(std::move(names));
    return {};
  }
  table.has_unenforced = true;
  if (reader.AcceptWord("UNIQUE")) {
    if (!reader.AcceptWord("KEY")) reader.AcceptWord("INDEX");
    if (!reader.PeekSymbol("(")) KALAM_TRY(reader.ReadIdentifier("index name"));
    return reader.SkipParentheses();
  }
  if (reader.AcceptWord("CHECK")) return reader.SkipParentheses();
  if (!reader.AcceptWords({"FOREIGN", "KEY"}))
    return reader.SyntaxError("PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY");
  KALAM_TRY(reader.SkipParentheses());
  KALAM_TRY(reader.ExpectWord("REFERENCES"));
  return SkipReferences(reader);
}

Status ReadElements(TokenReader& reader, CreateTableText& table) {
  if (!reader.AcceptSymbol("(")) {
    // Without a list there are no columns, which the check reports; anything else in its place is a fault of
    // its own.
    if (reader.AtEnd()) return {};
    if (reader.PeekWord("AS")) {
      return Fail(Error(ErrorCode::kUnsupported, "CREATE TABLE AS is not supported yet")
                      .With("feature", "CREATE TABLE AS"));
    }
    return reader.SyntaxError("'('");
  }
  while (!reader.PeekSymbol(")")) {
    const bool named = reader.PeekWord("CONSTRAINT") && StartsTableConstraint(reader, 2);
    if (named || StartsTableConstraint(reader, 0)) {
      KALAM_TRY(ReadTableConstraint(reader, table));
    } else {
      KALAM_ASSIGN(ColumnClause column, ReadColumn(reader));
      table.columns.push_back(std::move(column));
    }
    if (!reader.AcceptSymbol(",") && !reader.PeekSymbol(")")) return reader.SyntaxError("',' or ')'");
  }
  reader.Take();
  return {};
}

// The value of an option: 'text', "text", or a bare word or number.
Status AddOption(TokenReader& reader, std::string key, const Token& at, CreateTableText& table) {
  const Token& token = reader.Peek();
  std::string value = reader.ReadLoose();
  if (value.empty() && token.kind != TokenKind::kString && token.kind != TokenKind::kQuotedName) {
    return reader.SyntaxError(fmt::format("a value for {}", key));
  }
  table.options.push_back({std::move(key), std::move(value), at});
  return {};
}

// WITH (key = value, ...)
Status ReadWith(TokenReader& reader, CreateTableText& table) {
  KALAM_TRY(reader.ExpectSymbol("("));
  while (!reader.AcceptSymbol(")")) {
    KALAM_ASSIGN(const Token key, reader.ReadIdentifier("option name"));
    KALAM_TRY(reader.ExpectSymbol("="));
    KALAM_TRY(AddOption(reader, UpperCase(NameContent(key)), key, table));
    if (!reader.AcceptSymbol(",") && !reader.PeekSymbol(")")) return reader.SyntaxError("',' or ')'");
  }
  return {};
}

// FLUSH { ROWS n | SECONDS n | INTERVAL n[s] | ROW_THRESHOLD n } ...
Status ReadFlush(TokenReader& reader, const Token& at, CreateTableText& table) {
  bool any = false;
  while (true) {
    const char* key = nullptr;
    if (reader.AcceptWord("ROWS") || reader.AcceptWord("ROW_THRESHOLD")) key = "FLUSH ROWS";
    if (key == nullptr && (reader.AcceptWord("SECONDS") || reader.AcceptWord("INTERVAL")))
      key = "FLUSH SECONDS";
    if (key == nullptr && any) return {};
    if (key == nullptr) return reader.SyntaxError("ROWS, SECONDS, INTERVAL or ROW_THRESHOLD");
    any = true;
    KALAM_TRY(AddOption(reader, key, at, table));
  }
}

// One clause behind the column list.
Status ReadTrailingClause(TokenReader& reader, CreateTableText& table) {
  const Token at = reader.Peek();
  if (reader.AcceptWord("WITH")) return ReadWith(reader, table);
  if (reader.AcceptWord("USING")) {
    KALAM_TRY(reader.ReadIdentifier("access method"));  // PostgreSQL tools write it; it chooses nothing here
    return {};
  }
  if (reader.AcceptWord("TABLE_TYPE")) return AddOption(reader, "TYPE", at, table);
  if (reader.AcceptWord("STORAGE")) return AddOption(reader, "STORAGE_ID", at, table);
  if (reader.AcceptWord("FLUSH")) return ReadFlush(reader, at, table);
  if (reader.AcceptWord("TTL")) return AddOption(reader, "TTL_SECONDS", at, table);
  if (reader.AcceptWords({"ACCESS", "LEVEL"})) return AddOption(reader, "ACCESS_LEVEL", at, table);
  if (reader.AcceptWord("USE_USER_STORAGE")) {
    if (reader.PeekWord("TRUE") || reader.PeekWord("FALSE"))
      return AddOption(reader, "USE_USER_STORAGE", at, table);
    table.options.push_back({"USE_USER_STORAGE", "TRUE", at});
    return {};
  }
  if (reader.PeekWord("AS")) {
    return Fail(Error(ErrorCode::kUnsupported, "CREATE TABLE AS is not supported yet")
                    .With("feature", "CREATE TABLE AS"));
  }
  return reader.SyntaxError("WITH, TABLE_TYPE, STORAGE, FLUSH, TTL, ACCESS LEVEL or end of statement");
}

}  // namespace

Result<StatementBody> ParseCreateTable(TokenReader& reader) {
  CreateTableText table;
  table.prefix = ReadTypePrefix(reader);
  KALAM_TRY(reader.ExpectWord("TABLE"));
  table.if_not_exists = reader.AcceptIfNotExists();
  KALAM_TRY(ReadTableName(reader, table));
  KALAM_TRY(ReadElements(reader, table));
  while (!reader.AtEnd()) KALAM_TRY(ReadTrailingClause(reader, table));
  KALAM_ASSIGN(CreateTable checked, CheckCreateTable(table, reader));
  checked.has_unenforced =
      table.has_unenforced || std::ranges::any_of(checked.columns, &ColumnDefinition::has_unenforced);
  return checked;
}

}  // namespace kalam::sql
