// The table function scan(slot): a Source of the running statement. Not for other modules.
#pragma once

#include "duckdb/function/table_function.hpp"

namespace kalam::engine {

duckdb::TableFunction MakeScanFunction();

}  // namespace kalam::engine
