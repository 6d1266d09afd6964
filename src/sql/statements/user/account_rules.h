// Rules that CREATE, ALTER and DROP USER share.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "sql/services.h"

namespace kalam::sql {

// The bcrypt hash of `password` after the configured policy. kInvalidOperation "Weak password: ...".
Result<std::string> HashForStorage(std::string_view password, Services& services);

// "User 'x' not found" with details username, operation.
Error UserNotFound(std::string_view user_id, std::string_view operation);

}  // namespace kalam::sql
