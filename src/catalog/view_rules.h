// What views forbid: names that are taken, and changes of what they read. Internal to catalog.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"

namespace kalam::catalog {

// kAlreadyExists when a view has the name.
Status NotAView(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name);

// kInvalidOperation naming a view that reads `ns.name`. `kind`: what the error calls it.
Status NoViewReads(const CatalogSnapshot& snapshot, std::string_view ns, std::string_view name,
                   std::string_view kind);

// The same for everything in namespace `ns` and the views of other namespaces.
Status NoViewElsewhereReads(const CatalogSnapshot& snapshot, std::string_view ns);

// An import makes `after` of `before` and replaces tables. Refuses when a view that it leaves as it is reads
// a column, of a replaced table or view, that would be gone or of another type.
Status ViewsThatStayCanRead(const CatalogSnapshot& before, const CatalogSnapshot& after,
                            const std::vector<TablePtr>& replaced);

// Refuses when a view reads a column that `after` drops, renames or gives another type.
Status NoViewReadsChangedColumns(const CatalogSnapshot& snapshot, const Table& before,
                                 const TableSchema& after);

}  // namespace kalam::catalog
