// Moments as text, the ways JSON answers and HTTP headers spell them.
#pragma once

#include <cstdint>
#include <string>

namespace kalam::wire {

// "2026-05-01T09:00:00.123Z" (3 or 6 `digits`) with `zone` "Z" or "+00:00". Microseconds since 1970-01-01
// UTC, years 0 to 9999.
void AppendRfc3339(int64_t micros, int digits, const char* zone, std::string& out);

// "Fri, 01 May 2026 09:00:00 GMT" (RFC 9110 section 5.6.7). Seconds since 1970-01-01 UTC.
std::string HttpDate(int64_t seconds);

}  // namespace kalam::wire
