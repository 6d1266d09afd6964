// LexerGuard: refuses text that would occupy the engine's lexer for hours.
//
// It looks ahead over all operator characters at each operator and each `/*`, and goes back to try a shorter
// one: a run of n costs n^2 or n^3. Every text that somebody sends comes by here (statements, live queries,
// filters of topics), so this is the place for it. Pure; linear in the text.
#pragma once

#include <string_view>

#include "base/error.h"

namespace kalam::engine {

// kSyntax for a run of operator characters longer than 64 bytes outside of quotes and comments, and for
// comments that begin too often inside such runs.
Status CheckLexerCost(std::string_view sql);

}  // namespace kalam::engine
