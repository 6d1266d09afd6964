// The functions that statements may call. Names are lower case.
#pragma once

#include <string_view>

namespace kalam::engine {

bool IsAllowedFunction(std::string_view name);
// Allowed, and ours: it stands in the schema kAdjustedSchema.
bool IsAdjustedFunction(std::string_view name);
// What we call a function that the reference or PostgreSQL calls otherwise; any other name as it is.
std::string_view KnownName(std::string_view written);
bool IsAllowedTableFunction(std::string_view name);

}  // namespace kalam::engine
