#include "cold/segment.h"

#include <fmt/format.h>

#include "hot/key_codec.h"

namespace kalam::cold {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kIdBytes = 8;

void Put(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void PutText(std::string_view text, std::string& out) {
  Put(text.size(), 4, out);
  out += text;
}

// Reads little-endian numbers and texts; past the end it notes that and gives nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  uint64_t Number(int width) {
    const std::string_view part = Take(static_cast<size_t>(width));
    uint64_t value = 0;
    for (size_t i = part.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(part[i]);
    return value;
  }
  std::string Text() { return std::string(Take(Number(4))); }
  bool whole() const { return !failed_ && bytes_.empty(); }

 private:
  std::string_view Take(uint64_t count) {
    if (count > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace

std::string SegmentKey(std::string_view prefix, uint64_t id) {
  std::string key(kSegmentKeys);
  key += prefix;
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(id >> shift));
  return key;
}

std::string EncodeSegment(const Segment& segment) {
  std::string out;
  out.push_back(static_cast<char>(kFormat));
  out.push_back(static_cast<char>(segment.status));
  Put(segment.visible_rows, 4, out);
  Put(segment.rows, 4, out);
  Put(segment.bytes, 8, out);
  Put(segment.schema_version, 4, out);
  Put(static_cast<uint64_t>(segment.created_at_ms), 8, out);
  Put(static_cast<uint64_t>(segment.seq_min.value), 8, out);
  Put(static_cast<uint64_t>(segment.seq_max.value), 8, out);
  PutText(segment.key_min, out);
  PutText(segment.key_max, out);
  PutText(segment.storage_id, out);
  PutText(segment.path, out);
  return out;
}

Result<Segment> DecodeSegment(std::string_view key, std::string_view value) {
  Segment segment;
  const auto corrupt = [&](std::string_view why) {
    return Fail(ErrorCode::kCorruption,
                fmt::format("record of segment {} is malformed: {}", segment.id, why));
  };
  if (!key.starts_with(kSegmentKeys) || key.size() < kSegmentKeys.size() + 4 + kIdBytes) {
    return corrupt("its key is cut");
  }
  key.remove_prefix(kSegmentKeys.size());
  segment.prefix = key.substr(0, key.size() - kIdBytes);
  for (const char byte : key.substr(segment.prefix.size())) {
    segment.id = segment.id << 8 | static_cast<uint8_t>(byte);
  }
  Reader in(value);
  if (in.Number(1) != kFormat) return corrupt("it has an unknown format");
  const uint64_t status = in.Number(1);
  if (status < 1 || status > 3) return corrupt("it has an unknown status");
  segment.status = static_cast<SegmentStatus>(status);
  segment.visible_rows = static_cast<uint32_t>(in.Number(4));
  segment.rows = static_cast<uint32_t>(in.Number(4));
  segment.bytes = in.Number(8);
  segment.schema_version = static_cast<uint32_t>(in.Number(4));
  segment.created_at_ms = static_cast<int64_t>(in.Number(8));
  segment.seq_min = Seq(static_cast<int64_t>(in.Number(8)));
  segment.seq_max = Seq(static_cast<int64_t>(in.Number(8)));
  segment.key_min = in.Text();
  segment.key_max = in.Text();
  segment.storage_id = in.Text();
  segment.path = in.Text();
  if (!in.whole()) return corrupt("its length is wrong");
  if (segment.visible_rows > segment.rows) return corrupt("more rows are visible than there are");
  return segment;
}

Result<std::vector<SegmentPtr>> ReadSegments(const hot::Store& store, std::string_view prefix,
                                             const hot::Snapshot* snapshot) {
  std::vector<SegmentPtr> segments;
  std::string begin(kSegmentKeys);
  begin += prefix;
  auto cursor =
      store.Scan(hot::Space::kMeta, begin, hot::PrefixEnd(begin), hot::Direction::kForward, snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(Segment segment, DecodeSegment(cursor->key(), cursor->value()));
    segments.push_back(std::make_shared<const Segment>(std::move(segment)));
  }
  KALAM_TRY(cursor->status());
  return segments;
}

Result<SegmentPtr> ReadSegment(const hot::Store& store, std::string_view prefix, uint64_t id,
                               const hot::Snapshot* snapshot) {
  hot::PinnedBytes bytes;
  const std::string key = SegmentKey(prefix, id);
  KALAM_ASSIGN(const bool found, store.Get(hot::Space::kMeta, key, bytes, snapshot));
  if (!found) return SegmentPtr();
  KALAM_ASSIGN(Segment segment, DecodeSegment(key, bytes.bytes()));
  return SegmentPtr(std::make_shared<const Segment>(std::move(segment)));
}

}  // namespace kalam::cold
