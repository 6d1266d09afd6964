// ImportCommit: how modules that keep state in memory take part in one commit of somebody else's, such as a
// restore.
#pragma once

#include <functional>
#include <vector>

#include "base/error.h"
#include "hot/batch.h"

namespace kalam::hot {

// Writes `ops` together with everything else that belongs to the commit and, when that is durable and before
// anything of it can be seen, calls `committed`. A failure leaves everything as it was.
using ImportCommit = std::function<Status(std::vector<MetaOp> ops, const std::function<void()>& committed)>;

}  // namespace kalam::hot
