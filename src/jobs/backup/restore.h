// What a restore leaves in the database while it runs, and how it is swept.
#pragma once

#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "hot/store.h"

namespace kalam::jobs {

// "restore_staging/<table id, 8 hex digits>": rows of that table were or are being staged by a restore that
// has not made them visible.
std::string StagingKey(TableId table);

// Removes the rows of restores that did not come to their end. At start, before jobs run.
Status SweepRestores(hot::Store& store);

}  // namespace kalam::jobs
