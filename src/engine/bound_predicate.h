// How a predicate is bound and evaluated outside of a query. Not for other modules.
#pragma once

#include <memory>

#include "duckdb/main/client_context.hpp"
#include "engine/engine.h"
#include "engine/predicate.h"
#include "engine/tree.h"

namespace kalam::engine {

// `keep_alive` holds whatever owns `context` for the life of the predicate. One call at a time per context.
Result<std::unique_ptr<BoundPredicate>> BindWhere(const Statement& statement,
                                                  std::span<const ResultColumn> columns,
                                                  const Principal& principal, duckdb::ClientContext& context,
                                                  std::shared_ptr<void> keep_alive);

}  // namespace kalam::engine
