// Moving whole objects with their hashes checked.
#pragma once

#include <functional>
#include <string_view>

#include "jobs/backup/manifest.h"
#include "jobs/backup/target.h"

namespace kalam::jobs {

// Reads the object piece by piece; `use` may be empty. kCorruption when size or SHA-256 are not the file's;
// then what `use` got is worthless.
Status ReadVerified(const BackupTarget& target, const BackupFile& file,
                    const std::function<Status(std::string_view)>& use);

}  // namespace kalam::jobs
