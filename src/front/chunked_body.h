// Decoder of chunked bodies (RFC 9112 section 7.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kalam::front {

// Strict: lines end in CRLF, sizes are plain hexadecimal. Extensions and trailers are skipped. Bytes may come
// in any pieces. Our own because Beast's decoder can be brought to a failing assertion by what a client sends
// (found by fuzz_http_request).
class ChunkedBody {
 public:
  explicit ChunkedBody(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  enum class State : uint8_t { kMore, kDone, kTooLarge, kMalformed };
  // Takes all of `bytes`, or what belongs to the body when its end is in them, and sets how much that was.
  // Not called again once the answer was anything but kMore.
  State Feed(std::string_view bytes, size_t& used);
  const std::string& text() const { return text_; }

 private:
  enum class Part : uint8_t {
    kSize,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kDone,
    kMalformed,
    kTooLarge
  };

  Part TakeSize(char c);
  Part EndSize();
  Part TakeTrailer(char c);
  Part TakeByte(char c);

  const uint64_t bytes_max_;
  std::string text_;
  Part part_ = Part::kSize;
  uint64_t size_ = 0;  // of the current chunk; then what of it has not come
  int digits_ = 0;
  size_t line_bytes_ = 0;   // of the extension, or of all trailers
  bool line_empty_ = true;  // of the trailer line
};

}  // namespace kalam::front
