// base64url without padding (RFC 4648 section 5), strict. Private to auth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kalam::auth {

std::string Base64UrlEncode(std::string_view bytes);
// nullopt for any character outside the alphabet (padding too), an impossible length, or unused bits that are
// not 0: each byte sequence has exactly one spelling.
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace kalam::auth
