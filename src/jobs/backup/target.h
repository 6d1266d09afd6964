// BackupTarget: where a backup lies: a folder of this machine ('/var/backups/today') or a place in a storage
// ('storage://<storage id>/<path>', filesystem or S3).
#pragma once

#include <string>
#include <string_view>

#include "cold/storage/object_store.h"
#include "jobs/services.h"

namespace kalam::jobs {

struct BackupTarget {
  cold::ObjectStorePtr store;
  std::string prefix;  // of object paths; "" or ends with '/'
  std::string Path(std::string_view name) const { return prefix + std::string(name); }
};

// kInvalidInput for texts that are no target: empty, with ".." or NUL, relative, or below a folder of the
// system
// ("Backup path cannot write to sensitive directory: /etc/").
Status CheckTarget(std::string_view target);
// `create`: the folder may be missing. kNotFound "Backup directory '<target>' not found" otherwise.
Result<BackupTarget> OpenTarget(std::string_view target, bool create, const JobServices& services);

}  // namespace kalam::jobs
