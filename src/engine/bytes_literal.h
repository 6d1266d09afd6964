// X'4f2a': bytes written in hexadecimal digits. DuckDB's parser makes a text of it. Not for other modules.
#pragma once

#include <string_view>

#include "base/error.h"
#include "duckdb/parser/expression/constant_expression.hpp"

namespace kalam::engine {

// Makes a constant that `text` writes as X'..' the bytes that it means. kInvalidSql for digits that are none
// or come in an odd number, and for B'..'. `text`: what the constant was parsed from.
Status ReadBytesLiteral(duckdb::ConstantExpression& constant, std::string_view text);

}  // namespace kalam::engine
