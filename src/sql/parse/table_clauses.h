// Clauses that CREATE TABLE and ALTER TABLE share. Internal to sql/parse.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sql/parse/statement.h"
#include "sql/parse/token_reader.h"

namespace kalam::sql {

// USER, SHARED or STREAM before TABLE, when it stands there.
std::optional<TableType> ReadTypePrefix(TokenReader& reader);
std::optional<TableType> ParseTableType(std::string_view name);  // in any case
std::optional<AccessLevel> ParseAccessLevel(std::string_view name);

// A data type as written.
struct TypeClause {
  DataType type;
  bool serial = false;  // SERIAL family: implies auto-increment
  std::optional<Error>
      fault;  // the type is well-formed but not one of ours, or its arguments are out of range
};
Result<TypeClause> ReadType(TokenReader& reader);

// The expression behind DEFAULT. `expression` is in canonical spelling: 5, -1.5, 'it''s', TRUE, NULL,
// SNOWFLAKE_ID().
Result<DefaultClause> ReadDefault(TokenReader& reader);

// name type { constraint }, up to the first token that belongs to none.
struct ColumnClause {
  ColumnDefinition column;
  Token name;
  std::optional<Error> fault;  // of the type; CREATE TABLE reports it after the faults of names and options
};
Result<ColumnClause> ReadColumn(TokenReader& reader);

// Behind REFERENCES: accepted and ignored.
Status SkipReferences(TokenReader& reader);

}  // namespace kalam::sql
