// Views in statements: a view's name becomes its query, and the tables of that are the statement's own. So
// the caller's rights and the caller's rows count, whoever made the view.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"

namespace kalam::sql {

// Parses `text` with every view of `snapshot` in the place of its name. The errors of Engine::Parse;
// kInvalidOperation for writes to a view.
Result<engine::ParsedStatementPtr> ParseWithViews(const engine::Engine& engine, std::string_view text,
                                                  const catalog::CatalogSnapshot& snapshot,
                                                  std::string_view name_space);

// For Engine::Parse; the arguments must outlive it.
engine::ViewFinder ViewFinderOf(const catalog::CatalogSnapshot& snapshot, std::string_view name_space);

// nullptr when no view has that name.
catalog::ViewPtr FindView(const catalog::CatalogSnapshot& snapshot, const engine::TableName& name,
                          std::string_view name_space);

// The columns of a view that DESCRIBE and SHOW COLUMNS name; nullopt when it is none. kPermissionDenied for
// who may not read what it reads.
Result<std::optional<std::vector<ResultColumn>>> ColumnsOfView(const catalog::CatalogSnapshot& snapshot,
                                                               const engine::TableName& name,
                                                               std::string_view name_space,
                                                               const Principal& principal);

}  // namespace kalam::sql
