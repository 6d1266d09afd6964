// The password rule of CREATE USER and ALTER USER.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "sql/services.h"

namespace kalam::sql {

// The bcrypt hash of `password` after the configured policy. kInvalidOperation "Weak password: ...".
Result<std::string> HashForStorage(std::string_view password, Services& services);

}  // namespace kalam::sql
