// Object paths: what may be one, and names as parts of one.
//
// Purpose: no user id, table name or template can name anything outside its own folder. Threads: pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::cold {

inline constexpr size_t kObjectPathBytesMax = 1024;  // S3's limit for a key
inline constexpr size_t kObjectPartBytesMax = 255;   // most file systems' limit for a name
// The first part of paths that belong to the store itself (staging).
inline constexpr std::string_view kReservedPart = ".kalam-staging";

// Parts joined by '/': none empty, `.` or `..`, no NUL, backslash or other control characters, valid UTF-8,
// not starting with the reserved part. kInvalidOperation says what is wrong.
Status ValidateObjectPath(std::string_view path);

// Any text as one part: letters, digits and `_-+@.` stay, everything else and a leading `.` become %XX. The
// mapping is reversible, so two names never meet, except that results over 200 bytes are cut and end in `~`
// and a SHA-256 instead. Nothing in the result is special to a shell pattern, a URL or a partitioned folder
// name.
std::string EscapePart(std::string_view name);

}  // namespace kalam::cold
