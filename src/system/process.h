// Process: what the operating system tells about this process and its machine. Linux; what cannot be read is
// 0.
#pragma once

#include <cstdint>
#include <string>

namespace kalam::system {

struct ProcessFacts {
  int64_t pid = 0;
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t threads = 0;
  int64_t open_files = 0;
  int64_t open_sockets = 0;
  int64_t cores = 0;
  int64_t machine_memory_bytes = 0;
  int64_t machine_free_bytes = 0;
};
// Reads /proc; some tens of microseconds.
ProcessFacts ReadProcess();

std::string HostName();
// "2d 3h 4m 5s"
std::string HumanDuration(int64_t seconds);

}  // namespace kalam::system
