#include "cold/storage/health_check.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>

namespace kalam::cold {
namespace {

constexpr std::string_view kFolder = ".kalamdb-health-check/";
constexpr std::string_view kContent = "KALAMDB_HEALTH\n";

std::string TestPath(const Clock& clock, Random& random) {
  std::array<uint8_t, 8> bytes;
  random.Fill(bytes);
  std::string path = fmt::format("{}{}-", kFolder, clock.WallMillis());
  for (const uint8_t byte : bytes) path += fmt::format("{:02x}", byte);
  return path + ".tmp";
}

void AddCapacity(const ObjectStore& store, const std::string& path, StorageHealth& health) {
  const auto local = store.LocalPath(path);
  struct statvfs fs;
  if (!local || ::statvfs(store.staging_folder().c_str(), &fs) != 0) return;
  const auto unit = static_cast<int64_t>(fs.f_frsize);
  health.total_bytes = static_cast<int64_t>(fs.f_blocks) * unit;
  health.used_bytes = static_cast<int64_t>(fs.f_blocks - fs.f_bfree) * unit;
}

}  // namespace

std::string_view StorageHealth::status() const {
  const int passed = writable + readable + listable + deletable;
  return passed == 4 ? "healthy" : passed == 0 ? "unreachable" : "degraded";
}

StorageHealth CheckHealth(ObjectStore& store, bool with_capacity, const Clock& clock, Random& random,
                          const StoreCall& call) {
  StorageHealth health;
  health.tested_at_ms = clock.WallMillis();
  const int64_t begin = clock.MonotonicNanos();
  const std::string path = TestPath(clock, random);
  const auto note = [&](std::string text) {
    if (health.error.empty()) health.error = std::move(text);
  };
  const auto put = store.Put(path, kContent, call);
  health.writable = put.has_value();
  if (!put) note(put.error().message);
  const auto listed = store.List(kFolder, "", 1000, call);
  if (!listed) note(listed.error().message);
  if (put) {
    const auto got = store.Get(path, 1024, call);
    health.readable = got && *got == kContent;
    if (!got) note(got.error().message);
    if (got && *got != kContent)
      note(fmt::format("Storage '{}' gave back other bytes than it was given", store.storage_id()));
    // More than one page of leftovers would hide ours; then a list that works has to do.
    health.listable = listed && (!listed->next.empty() ||
                                 std::any_of(listed->objects.begin(), listed->objects.end(),
                                             [&](const ObjectInfo& object) { return object.path == path; }));
    if (listed && !health.listable)
      note(fmt::format("Storage '{}' does not list what it was given", store.storage_id()));
    const Status deleted = store.Delete(path, call);
    health.deletable = deleted.has_value();
    if (!deleted) note(deleted.error().message);
  } else {
    health.listable = listed.has_value();
  }
  health.latency_ms = (clock.MonotonicNanos() - begin) / 1'000'000;
  if (with_capacity) AddCapacity(store, path, health);
  return health;
}

}  // namespace kalam::cold
