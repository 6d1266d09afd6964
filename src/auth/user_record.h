// The stored form of a user: JSON in the meta space under "user/<id>" (docs/user-format.md). Private to auth.
#pragma once

#include <string>
#include <string_view>

#include "auth/users.h"
#include "base/error.h"

namespace kalam::auth {

inline constexpr std::string_view kUserKeyPrefix = "user/";
inline constexpr std::string_view kUserKeyEnd = "user0";  // the first key after all with the prefix

std::string EncodeUser(const User& user);
// kCorruption naming the record and the field.
Result<User> DecodeUser(std::string_view user_id, std::string_view bytes);

}  // namespace kalam::auth
