// The allow-list over the tree: what may stay, and what is replaced on the way. Not for other modules.
#pragma once

#include <string_view>

#include "base/error.h"
#include "duckdb/parser/query_node.hpp"
#include "engine/tree.h"

namespace kalam::engine {

// Visits the whole tree below `node`, refuses every node that is not known to be harmless, and rewrites:
//   table references            -> scan(slot); findings.tables[slot] is the name
//   names that `views` knows    -> the view's query, walked like the statement, but with a scope of its own
//   common table expressions    -> names that no catalog has, so that a reference can never reach DuckDB's
//   own catalog NOW(), CURRENT_USER() etc.  -> hidden parameters, so that a plan can be kept and run for
//   somebody else column references ns.t.c    -> t.c
//   operators and functions that the reference and PostgreSQL know by these names -> what we have
// The tree may be half rewritten after an error. `text` is what it was parsed from.
Status AllowAndRewrite(duckdb::unique_ptr<duckdb::QueryNode>& node, WalkFindings& findings,
                       std::string_view text, const ViewFinder& views);

// The query below its common table expressions: a SELECT or a set operation.
duckdb::QueryNode& MainQuery(duckdb::QueryNode& node);
inline const duckdb::QueryNode& MainQuery(const duckdb::QueryNode& node) {
  return MainQuery(const_cast<duckdb::QueryNode&>(node));
}

// The name of a table as a TableName, or the error that says why it is none.
Result<TableName> ToTableName(const std::string& catalog, const std::string& schema,
                              const std::string& table);

// A scan(slot) reference that keeps what the query can see of `table`: alias, column aliases, sample.
duckdb::unique_ptr<duckdb::TableRef> MakeScan(size_t slot, const duckdb::TableRef& table,
                                              const std::string& alias);

}  // namespace kalam::engine
