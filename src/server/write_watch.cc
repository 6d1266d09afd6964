#include "server/write_watch.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "base/error_detail.h"
#include "hot/batch.h"
#include "hot/disk_space.h"

namespace kalam::server {
namespace {

// A start begins a new log and writes a little.
constexpr uint64_t kStartBytes = 16u << 20;

}  // namespace

WriteWatch::WriteWatch(hot::Store& store, std::string folder, uint64_t free_bytes_min)
    : store_(store), folder_(std::move(folder)), room_min_(std::max(free_bytes_min, kStartBytes)) {}

void WriteWatch::Look() {
  if (seen_->failed || seen_->asked.exchange(true)) return;
  store_.Submit(hot::Batch(), [seen = seen_](const hot::CommitResult& result) {
    // Not a disk that is nearly full, or a queue that is: these pass.
    if (!result.status) {
      seen->full = HasDetail(result.status.error(), "storage_error", hot::kFullWithinWrite);
      seen->failed = seen->full || HasDetail(result.status.error(), "storage_error", hot::kWriteFailed);
    }
    seen->asked = false;
  });
}

bool WriteWatch::CanStartAnew() const {
  if (!seen_->full) return false;
  struct statvfs disk;
  if (::statvfs(folder_.c_str(), &disk) != 0) return false;
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize >= room_min_;
}

}  // namespace kalam::server
