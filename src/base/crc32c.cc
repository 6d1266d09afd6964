#include "base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace kalam {
namespace {

// Eight tables: table[k][b] is the CRC of byte b followed by k zero bytes.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    tables[0][i] = crc;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t i = 0; i < 256; ++i) {
      tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xFF];
    }
  }
  return tables;
}
constexpr Tables kTables = MakeTables();

uint64_t Load(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

uint32_t ByTables(uint32_t crc, const char* at, size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    const uint64_t word = Load(at) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xFF];
  }
  for (; size > 0; ++at, --size)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ByInstruction(uint32_t crc, const char* at, size_t size) {
  uint64_t state = crc;
  for (; size >= 8; at += 8, size -= 8) state = __builtin_ia32_crc32di(state, Load(at));
  auto rest = static_cast<uint32_t>(state);
  for (; size > 0; ++at, --size) rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
  return rest;
}
bool HasInstruction() { return __builtin_cpu_supports("sse4.2") != 0; }
#else
uint32_t ByInstruction(uint32_t crc, const char* at, size_t size) { return ByTables(crc, at, size); }
bool HasInstruction() { return false; }
#endif

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  static const bool kByInstruction = HasInstruction();
  const uint32_t crc = kByInstruction ? ByInstruction(0xFFFFFFFFU, bytes.data(), bytes.size())
                                      : ByTables(0xFFFFFFFFU, bytes.data(), bytes.size());
  return ~crc;
}

}  // namespace kalam
