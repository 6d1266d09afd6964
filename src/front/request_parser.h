// Heads of HTTP/1.x requests out of bytes. The only door to Boost.Beast.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "front/http.h"

namespace kalam::front {

// A request line with its headers, as positions in the bytes it was parsed from, so that the bytes may move.
struct RequestHead {
  struct Piece {
    uint32_t at = 0;
    uint32_t size = 0;
    std::string_view In(const char* bytes) const { return {bytes + at, size}; }
  };
  struct Field {
    Piece name;
    Piece value;
  };

  Method method = Method::kOther;
  bool http_1_0 = false;
  bool keep_alive = false;
  bool chunked = false;
  uint64_t content_length = 0;
  Piece path;
  Piece query;
  std::vector<Field> fields;

  // Case-insensitive; the first of several.
  std::optional<std::string_view> Find(std::string_view name, const char* bytes) const;
};

enum class HeadFault : uint8_t { kNone, kMalformed, kTooManyFields, kVersion, kTransferCoding };

// Length of the head at the start of `bytes` including its empty line, or 0 when that has not arrived.
// Everything before `scanned` is known to hold no end.
size_t FindHeadEnd(std::string_view bytes, size_t scanned);

// Parses exactly one head. `head` is reused: its memory is kept.
HeadFault ParseHead(std::string_view bytes, RequestHead& head);

}  // namespace kalam::front
