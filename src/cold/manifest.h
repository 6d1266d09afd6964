// Manifest: what a scope's folder holds, published as manifest.json beside the files for other tools and for
// people. The records are the truth; the server never reads the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cold/segment.h"
#include "cold/table_shape.h"
#include "hot/store.h"

namespace kalam::cold {

// Key of a scope's manifest record: kManifestKeys + prefix.
inline constexpr std::string_view kManifestKeys = "cold/manifest/";
// kManifestDueKeys + prefix: the scope's segments have changed, or are about to, since manifest.json was
// written.
inline constexpr std::string_view kManifestDueKeys = "cold/manifest_due/";

// Goes with the commit that changes segments of the scope.
hot::MetaOp ManifestDue(std::string_view prefix);

struct ManifestRecord {
  uint64_t version = 0;  // one more with each change
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
  bool published = true;  // false: manifest.json is older than the record
  std::string etag;       // of manifest.json
};

std::string EncodeManifest(const ManifestRecord& record);
Result<ManifestRecord> DecodeManifest(std::string_view value);

std::string ManifestJson(const TableShape& shape, std::string_view user_id,
                         const std::vector<SegmentPtr>& segments, const ManifestRecord& record);

}  // namespace kalam::cold
