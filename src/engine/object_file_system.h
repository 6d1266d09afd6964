// DuckDB's view of ObjectFiles. Not for other modules.
#pragma once

#include "duckdb/main/database.hpp"
#include "engine/object_files.h"

namespace kalam::engine {

inline constexpr const char* kObjectScheme = "kalam://";

// `files` outlives the database.
void RegisterObjectFiles(duckdb::DatabaseInstance& database, const ObjectFiles& files);

}  // namespace kalam::engine
