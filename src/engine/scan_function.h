// The table function scan(slot): a Source of the running statement. Not for other modules.
#pragma once

#include "duckdb/function/table_function.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"

namespace kalam::engine {

duckdb::TableFunction MakeScanFunction();
// The same under another name and without regard to the source's files.
duckdb::TableFunction MakeHotScanFunction();
// Tells each scan the filters over it, as ScanRequest::bounds.
duckdb::OptimizerExtension MakeScanOptimizer();

}  // namespace kalam::engine
