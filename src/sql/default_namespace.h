// `default` is a namespace here and a reserved word in SQL.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "sql/parse/lexer.h"

namespace kalam::sql {

// Puts quotes around the word `default` where it qualifies a name (default.t), so that the engine's parser
// takes it. The text is replaced by a copy in `arena` only then; tokens and offsets always fit the text.
Status QuoteDefaultNamespace(StatementText& statement, Arena& arena);

}  // namespace kalam::sql
