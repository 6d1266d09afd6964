// Segment: one Parquet file of the cold tier, as its record in the meta space describes it. The byte format
// is described in docs/cold-format.md; change both together.
//
// Invariants:
//   1. Segment ids are never given twice, in the whole database; the file's name carries it.
//   2. Rows of the file from `visible_rows` on, and rows with a mark, do not exist. `visible_rows` only
//   grows.
//   3. A record is older than its file and younger than its removal: no file is without a record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "hot/store.h"

namespace kalam::cold {

// Stored on disk. Never change a number.
enum class SegmentStatus : uint8_t {
  kWriting = 1,  // the file may be missing or partial; no row is visible
  kLive = 2,
  kRemoved = 3,  // no row is visible to new readers; the file goes when the last old one has gone
};

struct Segment {
  uint64_t id = 0;
  std::string prefix;  // of the keys of its rows: table and scope
  SegmentStatus status = SegmentStatus::kWriting;
  uint32_t visible_rows = 0;
  uint32_t rows = 0;
  uint64_t bytes = 0;
  uint32_t schema_version = 0;
  int64_t created_at_ms = 0;
  Seq seq_min;  // of the rows in the file
  Seq seq_max;
  std::string key_min;  // primary key bytes, as behind the prefix of a key
  std::string key_max;
  std::string storage_id;
  std::string path;  // in the storage
};
using SegmentPtr = std::shared_ptr<const Segment>;

inline constexpr std::string_view kSegmentKeys = "cold/segment/";
// The value is the next segment id as decimal text.
inline constexpr std::string_view kNextSegmentKey = "cold/next_segment";

std::string SegmentKey(std::string_view prefix, uint64_t id);
inline std::string SegmentKey(const Segment& segment) { return SegmentKey(segment.prefix, segment.id); }
std::string EncodeSegment(const Segment& segment);
// kCorruption names the record.
Result<Segment> DecodeSegment(std::string_view key, std::string_view value);

// Records whose prefix starts with `prefix`, by prefix and id; all of them when it is empty.
Result<std::vector<SegmentPtr>> ReadSegments(const hot::Store& store, std::string_view prefix,
                                             const hot::Snapshot* snapshot = nullptr);
// nullptr when there is none.
Result<SegmentPtr> ReadSegment(const hot::Store& store, std::string_view prefix, uint64_t id,
                               const hot::Snapshot* snapshot = nullptr);

}  // namespace kalam::cold
