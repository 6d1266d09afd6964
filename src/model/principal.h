// Who asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kalam {

// Ordered by power. Stored on disk. Never change a number.
enum class Role : uint8_t { kAnonymous = 0, kUser = 1, kService = 2, kDba = 3, kSystem = 4 };

std::string_view RoleName(Role role);                  // "user"
std::string_view RoleTitle(Role role);                 // "User", as messages spell it
std::optional<Role> ParseRole(std::string_view name);  // the five lower-case names only

struct Principal {
  std::string user_id;
  Role role = Role::kAnonymous;

  bool is_admin() const { return role >= Role::kDba; }
};

}  // namespace kalam
