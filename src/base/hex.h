// Bytes as hexadecimal digits and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kalam {

// Two digits a byte, in lower case.
std::string ToHex(std::string_view bytes);

// What is read where we wrote it ourselves is in lower case; what others write may be in any.
enum class HexCase : uint8_t { kLower, kAny };

// nullopt for an odd number of digits, and for anything that is no digit.
std::optional<std::string> FromHex(std::string_view digits, HexCase digit_case = HexCase::kLower);

}  // namespace kalam
