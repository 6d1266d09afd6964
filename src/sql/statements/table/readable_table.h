// The table of a statement that describes one.
#pragma once

#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// Found in the request's namespace when the name has none, and readable by the effective caller.
// kNotFoundTable with details, kPermissionDenied.
Result<catalog::TablePtr> ReadableTable(const TableRef& name, const Request& request,
                                        const Services& services);

}  // namespace kalam::sql
