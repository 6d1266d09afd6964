#include "hot/cold_keys.h"

#include "hot/key_codec.h"

namespace kalam::hot {
namespace {

void AppendBig(uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint64_t ReadBig(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

constexpr size_t kPlaceBytes = 12;
constexpr size_t kEntryBytes = kPlaceBytes + 8;
constexpr size_t kHistoryBytes = 3;
constexpr uint64_t kFirstBit = 1u << 16;

}  // namespace

void AppendColdEntry(const ColdEntry& entry, std::string& out) {
  AppendBig(entry.place.segment, 8, out);
  AppendBig(entry.place.row, 4, out);
  AppendSeq(entry.seq, out);
  if (entry.history == RowHistory()) return;
  AppendBig(entry.history.changed | (entry.history.first ? kFirstBit : 0), kHistoryBytes, out);
}

Result<ColdEntry> DecodeColdEntry(std::string_view bytes) {
  if (bytes.size() != kEntryBytes && bytes.size() != kEntryBytes + kHistoryBytes) {
    return Fail(ErrorCode::kCorruption, "stored place of a cold row is malformed");
  }
  ColdEntry entry;
  entry.place.segment = ReadBig(bytes.substr(0, 8));
  entry.place.row = static_cast<uint32_t>(ReadBig(bytes.substr(8, 4)));
  KALAM_ASSIGN(entry.seq, DecodeSeq(bytes.substr(kPlaceBytes, 8)));
  const uint64_t history = ReadBig(bytes.substr(kEntryBytes));
  if (history > (kFirstBit | 0xFFFF)) {
    return Fail(ErrorCode::kCorruption, "stored place of a cold row has an unknown flag");
  }
  entry.history = {(history & kFirstBit) != 0, static_cast<uint16_t>(history)};
  if (!entry.place) return Fail(ErrorCode::kCorruption, "stored place of a cold row names no segment");
  return entry;
}

std::string MarkKey(uint64_t segment, uint32_t row) {
  std::string key;
  key.reserve(kPlaceBytes);
  AppendBig(segment, 8, key);
  AppendBig(row, 4, key);
  return key;
}

Result<ColdPlace> DecodeMarkKey(std::string_view key) {
  if (key.size() != kPlaceBytes)
    return Fail(ErrorCode::kCorruption, "stored mark of a cold row is malformed");
  return ColdPlace{ReadBig(key.substr(0, 8)), static_cast<uint32_t>(ReadBig(key.substr(8)))};
}

std::string EncodeMarkCount(uint32_t count) {
  std::string value;
  AppendBig(count, 4, value);
  return value;
}

Result<uint32_t> DecodeMarkCount(std::string_view bytes) {
  if (bytes.size() != 4) return Fail(ErrorCode::kCorruption, "stored number of marks is malformed");
  return static_cast<uint32_t>(ReadBig(bytes));
}

}  // namespace kalam::hot
