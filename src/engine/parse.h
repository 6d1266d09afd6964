// Text to Statement. Not for other modules.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "duckdb/common/types/value.hpp"
#include "engine/tree.h"

namespace kalam::engine {

// See Engine::Parse.
Result<std::shared_ptr<const Statement>> ParseStatement(std::string_view sql,
                                                        const ViewFinder& views = nullptr);

// One expression without tables, checked like a statement. NOW() and the like are hidden parameters in it.
Result<std::shared_ptr<const Statement>> ParseExpression(std::string_view expression);
// The value of such an expression when it is a literal, which needs no query.
std::optional<duckdb::Value> LiteralOf(const Statement& expression);

}  // namespace kalam::engine
