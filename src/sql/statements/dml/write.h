// What INSERT, UPDATE and DELETE share: the direct path with its retries, then the engine.
#pragma once

#include "base/error.h"
#include "model/result.h"
#include "sql/request.h"
#include "sql/services.h"

namespace kalam::sql {

// Plans, authorises and commits the statement. A commit that was refused because the table's columns changed
// meanwhile is planned again.
Result<Outcome> RunWrite(Request& request, Services& services);

}  // namespace kalam::sql
