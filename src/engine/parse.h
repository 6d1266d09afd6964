// Text to Statement. Not for other modules.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "duckdb/parser/parsed_expression.hpp"
#include "engine/tree.h"

namespace kalam::engine {

Result<std::shared_ptr<const Statement>> ParseStatement(std::string_view sql);

// One expression without tables, checked like a statement. NOW() and the like are hidden parameters in it.
Result<std::shared_ptr<const Statement>> ParseExpression(std::string_view expression);

}  // namespace kalam::engine
