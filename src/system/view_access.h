// Who may know of a view: those who may read everything that it reads.
#pragma once

#include "catalog/catalog.h"
#include "model/principal.h"

namespace kalam::system {

bool MayReadView(const catalog::CatalogSnapshot& snapshot, const catalog::View& view,
                 const Principal& principal);

}  // namespace kalam::system
