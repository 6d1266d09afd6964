// Operators and functions that the reference and PostgreSQL know by another name, or that mean something else
// to DuckDB. Not for other modules.
#pragma once

#include <string>
#include <string_view>

#include "duckdb/parser/parsed_expression.hpp"

namespace kalam::engine {

// Looks at this node alone. True when it was replaced by what we call it:
//   text ~ pattern, !~, ~*, !~*  -> whether the pattern is found in the text (DuckDB: whether all of it
//   matches) document ? key               -> json_contains(document, key) first_value(x) without OVER  ->
//   first(x), and last_value names of KnownName           -> the known name
// `text` is what the tree was parsed from.
bool UseOurName(duckdb::unique_ptr<duckdb::ParsedExpression>& expression, std::string_view text);

// Undoes in `expression` and below what the parser and parser_text.h made of operators, special calls, TRUE
// and FALSE: so they stand in the names of result columns.
void ShowAsWritten(duckdb::unique_ptr<duckdb::ParsedExpression>& expression);

// The operator that the parser took for one without a right operand, as it was written; empty for other
// names.
std::string PostfixOperator(std::string_view lower_name);

// The function takes x -> ... as a lambda.
bool TakesLambda(std::string_view lower_name);

}  // namespace kalam::engine
