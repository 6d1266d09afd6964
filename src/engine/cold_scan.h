// The table function cold_scan(slot): the Parquet files of a Source of the running statement, and the
// subquery that joins them to its own rows. Not for other modules.
#pragma once

#include "duckdb/function/function_set.hpp"
#include "duckdb/function/table_function.hpp"

namespace kalam::engine {

// DuckDB's Parquet scan with a file list, a schema and deleted rows of ours.
duckdb::TableFunction MakeColdScanFunction(duckdb::ClientContext& context);
// That the scan's subquery needs.
duckdb::ScalarFunctionSet MakeStoredValueFunctions();

// For scan(slot): hot_scan(slot) UNION ALL cold_scan(slot) when the source has files, else null.
duckdb::unique_ptr<duckdb::TableRef> ReplaceScan(duckdb::ClientContext& context,
                                                 duckdb::TableFunctionBindInput& input);

}  // namespace kalam::engine
