// ServerFacts: what the process knows of itself, for system.stats, system.cluster and messages.
//
// Owner: the instance fills it; modules above add gauges before statements run. Immutable afterwards, so
// thread-safe; the functions must be thread-safe, too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace kalam::system {

struct ServerFacts {
  std::string version;
  std::string build_date;
  int64_t started_at_micros = 0;  // wall clock
  // More rows of system.stats, asked when somebody reads it: {"active_connections", ...}.
  std::vector<std::pair<std::string, std::function<int64_t()>>> gauges;
};

}  // namespace kalam::system
