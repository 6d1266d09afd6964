// Parse: one statement's tokens to its kind and, for Kalam statements, its struct.
//
// Pure functions, thread-safe. Positions in details (line, column) are relative to the statement's text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sql/parse/lexer.h"
#include "sql/parse/statement.h"

namespace kalam::sql {

// Classifies by leading keywords (case-insensitive) and parses Kalam statements completely.
// SELECT/WITH/VALUES/FROM/(SELECT..., INSERT, UPDATE, DELETE and EXPLAIN get their kind only; the engine
// parses them. `EXECUTE AS USER name ( statement )` is unwrapped: execute_as is set and `text` is the inner
// statement. Errors: kInvalidSql with the protocol's texts (reference sql 1.x), kSyntax with line, column,
// token and expected where a Kalam statement is malformed, kInvalidInput for the EXECUTE AS envelope,
// kUnsupported for known statements that are not built yet (details feature).
Result<Statement> ParseStatement(const StatementText& text);

// EXECUTE AS USER taken apart: who, and the wrapped statement with tokens of its own (offsets relative to the
// inner text).
struct ExecuteAs {
  std::string user_id;
  StatementText inner;
};
// nullopt when the statement does not start with EXECUTE AS.
Result<std::optional<ExecuteAs>> UnwrapExecuteAs(const StatementText& text);

// "CREATE NAMESPACE", "SELECT", ... for messages; "CreateNamespace" for details.statement_type.
std::string_view StatementName(StatementKind kind);
std::string_view StatementTypeName(StatementKind kind);

}  // namespace kalam::sql
