#include "auth/allow.h"

#include <fmt/format.h>

#include <array>

namespace kalam::auth {
namespace {

Status Deny(const Principal& principal, std::string_view table_name, std::string_view reason) {
  return Fail(ErrorCode::kPermissionDenied,
              fmt::format("Access denied: Role '{}' cannot access table '{}'.{}{}", RoleTitle(principal.role),
                          table_name, reason.empty() ? "" : " ", reason));
}

// SHARED tables: the lowest role that may, by access level and access.
struct SharedRow {
  AccessLevel level;
  Role read;
  Role write;
};
constexpr std::array<SharedRow, 4> kShared = {{
    {AccessLevel::kPublic, Role::kUser, Role::kService},
    {AccessLevel::kPrivate, Role::kService, Role::kService},
    {AccessLevel::kRestricted, Role::kService, Role::kService},
    {AccessLevel::kDba, Role::kDba, Role::kDba},
}};

bool MayUseShared(Role role, Access access, AccessLevel level) {
  for (const SharedRow& row : kShared) {
    if (row.level == level) return role >= (access == Access::kRead ? row.read : row.write);
  }
  return false;
}

Status AllowSystem(const Principal& principal, Access access, std::string_view table_name) {
  if (access == Access::kWrite) {
    return Fail(ErrorCode::kInvalidOperation, fmt::format("Cannot modify system table '{}'", table_name));
  }
  // Its sources show only what the caller may use.
  if (table_name.starts_with("information_schema.")) return {};
  if (principal.is_admin()) return {};
  return Deny(principal, table_name, "System tables require 'dba' or 'system' role.");
}

}  // namespace

Status Allow(const Principal& principal, Access access, TableType type, AccessLevel level,
             std::string_view table_name) {
  if (principal.role == Role::kAnonymous) {
    if (access == Access::kRead) return Deny(principal, table_name, "Please authenticate.");
    return Fail(ErrorCode::kPermissionDenied,
                "Anonymous users can only SELECT from public tables. Please authenticate to perform write "
                "operations.");
  }
  switch (type) {
    case TableType::kUser:
    case TableType::kStream:
      return {};
    case TableType::kSystem:
      return AllowSystem(principal, access, table_name);
    case TableType::kShared:
      if (MayUseShared(principal.role, access, level)) return {};
      return Deny(principal, table_name,
                  fmt::format("Shared table {} denied (access_level={})",
                              access == Access::kRead ? "access" : "write", AccessLevelTitle(level)));
  }
  return Deny(principal, table_name, "");
}

bool MayImpersonate(Role actor, Role target_role) { return actor >= Role::kService && target_role <= actor; }

}  // namespace kalam::auth
