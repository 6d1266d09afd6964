#include "system/view_access.h"

#include <algorithm>

#include "auth/allow.h"
#include "system/system_table.h"

namespace kalam::system {

bool MayReadView(const catalog::CatalogSnapshot& snapshot, const catalog::View& view,
                 const Principal& principal) {
  if (principal.is_admin()) return true;
  // The catalog keeps views from reading themselves, and bounds the levels.
  return std::ranges::all_of(view.references, [&](const catalog::View::Reference& reference) {
    if (const SystemTable* table = FindSystemTable(reference.ns, reference.name))
      return AllowSystemRead(*table, principal).has_value();
    if (const catalog::ViewPtr below = snapshot.FindView(reference.ns, reference.name))
      return MayReadView(snapshot, *below, principal);
    const catalog::TablePtr table = snapshot.FindTable(reference.ns, reference.name);
    return table != nullptr &&
           auth::Allow(principal, auth::Access::kRead, table->type, table->access_level, table->full_name())
               .has_value();
  });
}

}  // namespace kalam::system
