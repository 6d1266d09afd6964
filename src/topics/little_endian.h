// Integers in little-endian byte order, as records store them. Private to topics.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace kalam::topics {

static_assert(std::endian::native == std::endian::little, "stored integers are copied as they are");

template <typename T>
void AppendLittle(T number, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &number, sizeof(T));
  out.append(bytes, sizeof(T));
}

// The caller has checked that the bytes are there.
template <typename T>
T LittleAt(std::string_view bytes, size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof(T));
  return number;
}

}  // namespace kalam::topics
