// Fault points: where a test makes a running server fail on purpose, to see what its users see then.
//
// The environment variable KALAMDB_FAULTS, read once, names them ("handler:SHOW LIMITS", several separated by
// ';'). Not set: one comparison of a static. Threads: any.
#pragma once

#include <string_view>

namespace kalam {

// True when "point:subject" is named.
bool FaultArmed(std::string_view point, std::string_view subject);

}  // namespace kalam
