// From a column as written in DDL to a column as stored.
#pragma once

#include <string_view>

#include "base/error.h"
#include "model/schema.h"
#include "sql/parse/statement.h"
#include "sql/services.h"

namespace kalam::sql {

// Checks name and type, casts the default to the column's type. The id is left 0: the catalog assigns it.
// kInvalidOperation, kUnsupported (FILE, EMBEDDING keys...), kConstraint for a default that does not fit.
Result<Column> MakeColumn(const ColumnDefinition& definition, const Services& services);
Result<ColumnDefault> MakeDefault(const DefaultClause& clause, const DataType& type,
                                  const Services& services);

}  // namespace kalam::sql
