// Fault points: where a test makes a running server fail on purpose, to see what its users see then.
//
// The environment variable KALAMDB_FAULTS, read once, names them ("handler:SHOW LIMITS", several separated by
// ';'). Not set: one comparison of a static. Threads: any.
#pragma once

#include <initializer_list>
#include <string_view>

namespace kalam {

// True when "point:subject" is named.
bool FaultArmed(std::string_view point, std::string_view subject);

// Ends the process as kill -9 does when the step, its parts joined by '.', is named: "crash:backup.file" at
// the first passing, "crash:backup.file@3" at the third. A step names what has just been done.
void CrashPoint(std::initializer_list<std::string_view> step);

}  // namespace kalam
