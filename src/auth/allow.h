// Allow: may this principal touch this table? One pure function, used by every path.
#pragma once

#include <string_view>

#include "base/error.h"
#include "model/principal.h"
#include "model/schema.h"

namespace kalam::auth {

enum class Access : uint8_t { kRead, kWrite };

// USER and STREAM tables: every authenticated role, own rows (the scope is not decided here). SHARED: by
// level. SYSTEM: dba and system read, nobody writes. `table_name` is "ns.table" for the message.
Status Allow(const Principal& principal, Access access, TableType type, AccessLevel level,
             std::string_view table_name);

// May `actor` run a statement as a user of role `target_role`? Self is always allowed (callers check ids).
bool MayImpersonate(Role actor, Role target_role);

}  // namespace kalam::auth
