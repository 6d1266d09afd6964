#include "front/chunked_body.h"

#include <algorithm>
#include <utility>

namespace kalam::front {
namespace {

constexpr int kDigitsMax = 15;  // 60 bits
constexpr size_t kLineBytesMax = 8 << 10;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; }

}  // namespace

ChunkedBody::Part ChunkedBody::TakeSize(char c) {
  const int digit = HexDigit(c);
  if (digit >= 0) {
    if (++digits_ > kDigitsMax) return Part::kMalformed;
    size_ = size_ * 16 + static_cast<uint64_t>(digit);
    return Part::kSize;
  }
  if (digits_ == 0) return Part::kMalformed;
  line_bytes_ = 0;
  if (c == '\r') return Part::kSizeEnd;
  return c == ';' || c == ' ' || c == '\t' ? Part::kExtension : Part::kMalformed;
}

ChunkedBody::Part ChunkedBody::EndSize() {
  if (size_ > bytes_max_ - text_.size()) return Part::kTooLarge;
  line_bytes_ = 0;
  line_empty_ = true;
  return size_ == 0 ? Part::kTrailer : Part::kData;
}

ChunkedBody::Part ChunkedBody::TakeTrailer(char c) {
  if (c == '\r') return Part::kTrailerLf;
  if (IsControl(c) || ++line_bytes_ > kLineBytesMax) return Part::kMalformed;
  line_empty_ = false;
  return Part::kTrailer;
}

// Everything but data.
ChunkedBody::Part ChunkedBody::TakeByte(char c) {
  switch (part_) {
    case Part::kSize:
      return TakeSize(c);
    case Part::kExtension:
      if (c == '\r') return Part::kSizeEnd;
      return IsControl(c) || ++line_bytes_ > kLineBytesMax ? Part::kMalformed : Part::kExtension;
    case Part::kSizeEnd:
      return c == '\n' ? EndSize() : Part::kMalformed;
    case Part::kDataCr:
      return c == '\r' ? Part::kDataLf : Part::kMalformed;
    case Part::kDataLf:
      digits_ = 0;
      return c == '\n' ? Part::kSize : Part::kMalformed;
    case Part::kTrailer:
      return TakeTrailer(c);
    case Part::kTrailerLf:
      if (c != '\n') return Part::kMalformed;
      return std::exchange(line_empty_, true) ? Part::kDone : Part::kTrailer;
    case Part::kData:
    case Part::kDone:
    case Part::kMalformed:
    case Part::kTooLarge:
      break;
  }
  return Part::kMalformed;
}

ChunkedBody::State ChunkedBody::Feed(std::string_view bytes, size_t& used) {
  used = 0;
  while (used < bytes.size() && part_ < Part::kDone) {
    if (part_ != Part::kData) {
      part_ = TakeByte(bytes[used++]);
      continue;
    }
    const auto size = static_cast<size_t>(std::min<uint64_t>(size_, bytes.size() - used));
    text_.append(bytes, used, size);
    used += size;
    size_ -= size;
    if (size_ == 0) part_ = Part::kDataCr;
  }
  switch (part_) {
    case Part::kDone:
      return State::kDone;
    case Part::kTooLarge:
      return State::kTooLarge;
    case Part::kMalformed:
      return State::kMalformed;
    default:
      return State::kMore;
  }
}

}  // namespace kalam::front
