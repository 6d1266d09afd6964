// Resume horizon: from which _seq on a table still knows its deletes.
//
// Retention removes tombstones for good. A reader that resumes from a sequence below the horizon may have
// missed a delete, so it must be told to start anew. Stored in the meta space, in the batch that removes the
// tombstones: "resume_horizon/<table id, 8 hex digits>" -> _seq in decimal digits. No entry = nothing was
// removed yet.
#pragma once

#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "hot/store.h"

namespace kalam::hot {

std::string ResumeHorizonKey(TableId table);
MetaOp ResumeHorizonOp(TableId table, Seq horizon);
// Seq 0 when every delete is still known. kCorruption names the table's id.
Result<Seq> ReadResumeHorizon(const Store& store, TableId table, const Snapshot* snapshot = nullptr);

}  // namespace kalam::hot
