// From a parsed statement and the sources of one run to the tree that DuckDB plans, and what its result
// columns are. Not for other modules.
#pragma once

#include <optional>
#include <vector>

#include "duckdb/parser/sql_statement.hpp"
#include "engine/engine.h"
#include "engine/tree.h"

namespace kalam::engine {

// A fresh tree for DuckDB, which consumes trees.
duckdb::unique_ptr<duckdb::SQLStatement> MakeTree(const Statement& statement, const RunRequest& request);

// For each result column the column of a source that it shows unchanged, or null. Empty when the shape of the
// query is too complex to say.
std::vector<const ResultColumn*> Origins(const Statement& statement,
                                         std::span<const std::shared_ptr<const Source>> sources);

}  // namespace kalam::engine
