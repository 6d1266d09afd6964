// CRC-32C (Castagnoli), with the processor's instruction where it has one.
#pragma once

#include <cstdint>
#include <string_view>

namespace kalam {

// Of "123456789": 0xE3069283. About 8 GB/s with the instruction, 1 GB/s without.
uint32_t Crc32c(std::string_view bytes);

}  // namespace kalam
