#include <fmt/format.h>

#include <array>
#include <cstring>

#include "model/principal.h"
#include "model/schema.h"
#include "model/storage.h"
#include "model/types.h"
#include "model/value.h"

namespace kalam {

std::string_view TableTypeName(TableType type) {
  switch (type) {
    case TableType::kUser:
      return "user";
    case TableType::kShared:
      return "shared";
    case TableType::kStream:
      return "stream";
    case TableType::kSystem:
      return "system";
  }
  return "unknown";
}

std::string_view AccessLevelName(AccessLevel level) {
  switch (level) {
    case AccessLevel::kPublic:
      return "public";
    case AccessLevel::kPrivate:
      return "private";
    case AccessLevel::kRestricted:
      return "restricted";
    case AccessLevel::kDba:
      return "dba";
  }
  return "unknown";
}

std::string_view AccessLevelTitle(AccessLevel level) {
  switch (level) {
    case AccessLevel::kPublic:
      return "Public";
    case AccessLevel::kPrivate:
      return "Private";
    case AccessLevel::kRestricted:
      return "Restricted";
    case AccessLevel::kDba:
      return "Dba";
  }
  return "Unknown";
}

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kAnonymous:
      return "anonymous";
    case Role::kUser:
      return "user";
    case Role::kService:
      return "service";
    case Role::kDba:
      return "dba";
    case Role::kSystem:
      return "system";
  }
  return "unknown";
}

std::string_view RoleTitle(Role role) {
  switch (role) {
    case Role::kAnonymous:
      return "Anonymous";
    case Role::kUser:
      return "User";
    case Role::kService:
      return "Service";
    case Role::kDba:
      return "Dba";
    case Role::kSystem:
      return "System";
  }
  return "Unknown";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (Role role : {Role::kAnonymous, Role::kUser, Role::kService, Role::kDba, Role::kSystem}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

std::optional<size_t> TableSchema::Find(std::string_view name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> TableSchema::primary_key() const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].primary_key) return i;
  }
  return std::nullopt;
}

bool Identical(const Value& a, const Value& b) {
  if (a.is_null || b.is_null) return a.is_null && b.is_null;
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return std::bit_cast<uint64_t>(a.real) == std::bit_cast<uint64_t>(b.real);
    case TypeKind::kDecimal:
    case TypeKind::kUuid:
    case TypeKind::kHugeInt:
      return a.wide == b.wide && a.scale == b.scale;
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kBytes:
    case TypeKind::kFile:
    case TypeKind::kEmbedding:
    case TypeKind::kList:
      return a.text() == b.text();
    default:
      return a.integer == b.integer;
  }
}

std::string_view StorageTypeName(StorageType type) {
  switch (type) {
    case StorageType::kFilesystem:
      return "filesystem";
    case StorageType::kS3:
      return "s3";
  }
  return "unknown";
}

}  // namespace kalam
