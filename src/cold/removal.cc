// Removal: segments that nobody needs any more, and their files once nobody reads them.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/fault_point.h"
#include "cold/cold_tier.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {
namespace {

constexpr size_t kSegmentsPerBatch = 256;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Status ColdTier::Retire(std::vector<SegmentPtr> segments, std::vector<std::string> dropped_prefixes) {
  std::vector<SegmentPtr> removed;
  for (size_t begin = 0; begin < segments.size() || !dropped_prefixes.empty();) {
    hot::Batch batch;
    const size_t end = std::min(begin + kSegmentsPerBatch, segments.size());
    removed.clear();
    for (; begin < end; ++begin) {
      Segment changed = *segments[begin];
      changed.status = SegmentStatus::kRemoved;
      batch.meta.push_back({SegmentKey(changed), EncodeSegment(changed)});
      batch.meta.push_back(ManifestDue(changed.prefix));
      removed.push_back(std::make_shared<const Segment>(std::move(changed)));
    }
    // With the last records: until then rows that are still listed can still be read.
    if (end == segments.size()) batch.dropped_cold_rows = std::exchange(dropped_prefixes, {});
    KALAM_TRY(store_.Commit(std::move(batch)).status);
    CrashPoint({"removal.retired"});
    const uint64_t moment = pins_.Advance();
    std::lock_guard lock(mu_);
    for (SegmentPtr& segment : removed) garbage_.push_back({moment, std::move(segment)});
  }
  return {};
}

Result<bool> ColdTier::CollectGarbage() {
  std::vector<Garbage> due;
  bool all = true;
  {
    std::lock_guard lock(mu_);
    const auto rest = std::stable_partition(garbage_.begin(), garbage_.end(), [&](const Garbage& garbage) {
      return !pins_.Passed(garbage.moment);
    });
    all = rest == garbage_.begin();
    due.assign(std::make_move_iterator(rest), std::make_move_iterator(garbage_.end()));
    garbage_.erase(rest, garbage_.end());
  }
  Status first;
  for (Garbage& garbage : due) {
    const auto store = storages_.StoreOf(garbage.segment->storage_id);
    Status gone = store ? Abandon(*garbage.segment, **store) : Status(Fail(store.error()));
    marks_.Forget(garbage.segment->id);
    if (gone) continue;
    all = false;
    if (first) first = std::move(gone);
    std::lock_guard lock(mu_);
    garbage_.push_back(std::move(garbage));
  }
  if (!first) return Fail(std::move(first).error());
  return all;
}

Result<RemovalReport> ColdTier::Remove(const std::string& prefix) {
  RemovalReport report;
  const ScopeLocks::Hold hold = scope_locks_.TryOrAsk(prefix);
  if (!hold) {
    report.done = false;
    return report;
  }
  KALAM_ASSIGN(const auto segments, ReadSegments(store_, prefix));
  std::vector<SegmentPtr> live;
  std::set<std::pair<std::string, std::string>> folders;
  for (const SegmentPtr& segment : segments) {
    folders.emplace(segment->storage_id, FolderOf(segment->path));
    if (segment->status == SegmentStatus::kRemoved) continue;
    KALAM_ASSIGN(const uint32_t dead, marks_.Count(segment->id, nullptr));
    report.rows += segment->visible_rows - std::min(dead, segment->visible_rows);
    report.bytes += segment->bytes;
    report.files += 1;
    live.push_back(segment);
  }
  // While records of files still say that the storage is in use. Nobody reads manifest.json.
  for (const auto& [storage, folder] : folders) {
    KALAM_ASSIGN(const ObjectStorePtr store, storages_.StoreOf(storage));
    KALAM_TRY(store->Delete(folder + "/manifest.json"));
  }
  if (!live.empty()) KALAM_TRY(Retire(std::move(live), {prefix}));
  KALAM_TRY(CollectGarbage());
  KALAM_ASSIGN(const auto left, ReadSegments(store_, prefix));
  report.done = left.empty();
  if (!report.done) return report;
  hot::Batch batch;
  for (const std::string_view keys : {kManifestKeys, kManifestDueKeys}) {
    const std::string begin = fmt::format("{}{}", keys, prefix);
    auto cursor = store_.Scan(hot::Space::kMeta, begin, hot::PrefixEnd(begin));
    for (; cursor->Valid(); cursor->Next()) batch.meta.push_back({std::string(cursor->key()), std::nullopt});
    KALAM_TRY(cursor->status());
  }
  if (!batch.meta.empty()) KALAM_TRY(store_.Commit(std::move(batch)).status);
  return report;
}

}  // namespace kalam::cold
