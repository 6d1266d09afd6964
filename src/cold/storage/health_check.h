// Health of a storage: does an object go in, come back, show in a list and go away?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "cold/storage/object_store.h"

namespace kalam::cold {

struct StorageHealth {
  bool writable = false;
  bool readable = false;
  bool listable = false;
  bool deletable = false;
  int64_t latency_ms = 0;
  int64_t tested_at_ms = 0;
  std::optional<int64_t> total_bytes;  // of the disk, when asked for and known
  std::optional<int64_t> used_bytes;
  std::string error;  // of the first step that failed; empty = none

  // "healthy" (all of them), "degraded" (some), "unreachable" (none).
  std::string_view status() const;
};

// Puts, gets, lists and deletes `.kalamdb-health-check/{ms}-{hex}.tmp`.
StorageHealth CheckHealth(ObjectStore& store, bool with_capacity, const Clock& clock, Random& random,
                          const StoreCall& call);

}  // namespace kalam::cold
