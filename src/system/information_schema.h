// What the tables of information_schema share: the catalog's name, and what the caller may know of. Internal.
#pragma once

#include <string_view>

#include "auth/allow.h"
#include "system/tables.h"
#include "system/view_access.h"

namespace kalam::system {

inline constexpr std::string_view kCatalogName = "kalam";

inline bool MayUse(const SystemContext& context, const catalog::Table& table) {
  return auth::Allow(*context.principal, auth::Access::kRead, table.type, table.access_level,
                     table.full_name())
      .has_value();
}

// System tables that the caller may read are part of what it may use.
inline bool MayUse(const SystemContext& context, const SystemTable& table) {
  return AllowSystemRead(table, *context.principal).has_value();
}

}  // namespace kalam::system
