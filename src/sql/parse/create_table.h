// CREATE TABLE between its two steps: what was written, and what it means. Internal to sql/parse.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "sql/parse/statement.h"
#include "sql/parse/table_clauses.h"
#include "sql/parse/token_reader.h"

namespace kalam::sql {

// An option of WITH (...) or a trailing clause of the older dialect, under the WITH name ("TTL 5" is
// TTL_SECONDS). FLUSH ROWS and FLUSH SECONDS are their own keys.
struct OptionText {
  std::string key;  // upper case
  std::string value;
  Token at;
};

struct CreateTableText {
  std::optional<TableType> prefix;
  bool if_not_exists = false;
  std::optional<Token> ns;
  Token name;
  std::vector<ColumnClause> columns;
  std::vector<std::vector<Token>> primary_keys;  // columns of each PRIMARY KEY (...) table constraint
  bool has_unenforced = false;                   // UNIQUE, CHECK or FOREIGN KEY table constraints
  std::vector<OptionText> options;
};

// Applies the rules in the protocol's order. kInvalidSql, "Invalid CREATE TABLE statement: ...".
Result<CreateTable> CheckCreateTable(const CreateTableText& text, const TokenReader& reader);

}  // namespace kalam::sql
