// What this build is.
#pragma once

namespace kalam::server {

inline constexpr char kVersion[] = "0.1.0";
// UTC, "2026-01-31 12:00:00 UTC"; set by the build from the commit when there is one.
const char* BuildDate();

}  // namespace kalam::server
