#include "cold/storage/object_path.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace kalam::cold {
namespace {

constexpr size_t kEscapedBytesMax = 200;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '+' || c == '@' || c == '.';
}

std::unexpected<Error> Refuse(std::string_view what) {
  return Fail(ErrorCode::kInvalidOperation, fmt::format("Invalid object path: {}", what));
}

// Bytes of the UTF-8 sequence at the start of `text`, 0 when there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;   // longer than needed
  if (first == 0xed && byte(1) >= 0xa0) return 0;  // surrogate
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return length;
}

Status ValidatePart(std::string_view part) {
  if (part.empty()) return Refuse("a part is empty");
  if (part == "." || part == "..") return Refuse("'.' and '..' are not allowed");
  if (part.size() > kObjectPartBytesMax) {
    return Refuse(
        fmt::format("a part has {} bytes, at most {} are allowed", part.size(), kObjectPartBytesMax));
  }
  for (size_t i = 0; i < part.size();) {
    const auto c = static_cast<unsigned char>(part[i]);
    if (c < 0x20 || c == 0x7f || c == '\\') return Refuse("control characters and '\\' are not allowed");
    const size_t length = Utf8Length(part.substr(i));
    if (length == 0) return Refuse("it is not valid UTF-8");
    i += length;
  }
  return {};
}

}  // namespace

Status ValidateObjectPath(std::string_view path) {
  if (path.size() > kObjectPathBytesMax) {
    return Refuse(fmt::format("it has {} bytes, at most {} are allowed", path.size(), kObjectPathBytesMax));
  }
  const size_t first_end = path.find('/');
  if (path.substr(0, first_end) == kReservedPart)
    return Refuse(fmt::format("'{}' is reserved", kReservedPart));
  for (;;) {
    const size_t slash = path.find('/');
    KALAM_TRY(ValidatePart(path.substr(0, slash)));
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
}

std::string EscapePart(std::string_view name) {
  if (name.empty()) return "%";  // no other name gives it: a % is always followed by two digits
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (IsPlain(c) && !(c == '.' && i == 0)) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (out.size() <= kEscapedBytesMax) return out;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return out.substr(0, kEscapedBytesMax - hex.size() - 1) + "~" + hex;
}

}  // namespace kalam::cold
