// Redaction: SQL as it may be shown to people and logs.
#pragma once

#include <string>
#include <string_view>

namespace kalam::observe {

// `sql` with each quoted literal after PASSWORD, IDENTIFIED BY, CREDENTIALS or CONFIG (any case; `=`, blanks
// and comments may stand between) replaced by '[REDACTED]'. Text whose quotes do not match is cut there
// instead: what is a literal in it is anybody's guess.
std::string RedactSql(std::string_view sql);

}  // namespace kalam::observe
