// Recognises the statements that upper modules can run without the engine (statement.h). Not for other
// modules.
#pragma once

#include <optional>
#include <string_view>

#include "duckdb/common/enums/expression_type.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "engine/parser_text.h"
#include "engine/tree.h"

namespace kalam::engine {

// The simple form of a freshly parsed, not yet rewritten statement, or monostate. `sql` is the text that was
// parsed: literals are compared with it, so that an operand's offset is always the start of exactly that
// literal.
SimpleForm RecogniseSimpleForm(const duckdb::SQLStatement& statement, std::string_view sql);

// The literals' places in the text that was given, when another one was parsed.
void MoveLiterals(SimpleForm& form, const ParserText& text);

// The comparison that a node of the tree makes; nullopt for any other node.
std::optional<CompareOp> ToCompareOp(duckdb::ExpressionType type);

}  // namespace kalam::engine
