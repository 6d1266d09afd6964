// Base64 of RFC 4648 section 4 (with padding), as JSON carries bytes.
#pragma once

#include <string>
#include <string_view>

namespace kalam::wire {

void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace kalam::wire
