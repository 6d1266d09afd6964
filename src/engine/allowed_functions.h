// The functions that statements may call. Names are lower case.
#pragma once

#include <string_view>

namespace kalam::engine {

bool IsAllowedFunction(std::string_view name);
// Allowed, but in a version of this module (adjusted_functions.cc).
bool IsAdjustedFunction(std::string_view name);
bool IsAllowedTableFunction(std::string_view name);

}  // namespace kalam::engine
