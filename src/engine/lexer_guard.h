// LexerGuard: refuses text that would occupy the engine's lexer or parser for hours, and numbers with a tail,
// which the lexer takes for a number and a name (0x1F for 0 AS x1f).
//
// The lexer looks ahead over all operator characters at each operator and each `/*`, and goes back to try a
// shorter one: a run of n costs n^2 or n^3. The parser copies the terms so far for each further term that AND
// or OR joins to them: n terms cost n^2. Every text that somebody sends comes by here (statements, live
// queries, filters of topics), so this is the place for it. Pure; linear in the text.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace kalam::engine {

inline constexpr size_t kJoinedTermsMax = 20'000;  // 0.5 s

// kSyntax for a run of operator characters longer than 64 bytes outside of quotes and comments, and for
// comments that begin too often inside such runs, and for a number with a tail. kInvalidSql for more of the
// words AND and OR.
Status CheckLexerCost(std::string_view sql, size_t joined_terms_max = kJoinedTermsMax);

}  // namespace kalam::engine
