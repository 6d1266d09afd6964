// Lists as JSON arrays, each element as its type is given to clients. Not for other modules.
#pragma once

#include <cstddef>

#include "duckdb/common/types/vector.hpp"
#include "duckdb/main/client_context.hpp"

namespace kalam::engine {

// One text per row of a LIST or ARRAY vector. Elements that are structures are JSON objects; those whose type
// has no JSON form (INTERVAL, ...) are texts. Throws DuckDB's InvalidInputException for NaN and infinity, for
// which JSON has no text.
duckdb::unique_ptr<duckdb::Vector> ListTexts(duckdb::ClientContext& context, duckdb::Vector& lists,
                                             size_t count);

}  // namespace kalam::engine
