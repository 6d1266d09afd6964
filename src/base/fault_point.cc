#include "base/fault_point.h"

#include <cstdlib>
#include <string>

namespace kalam {
namespace {

std::string ReadFaults() {
  const char* faults = std::getenv("KALAMDB_FAULTS");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return faults == nullptr || *faults == '\0' ? std::string() : ";" + std::string(faults) + ";";
}

}  // namespace

bool FaultArmed(std::string_view point, std::string_view subject) {
  static const std::string kFaults = ReadFaults();
  if (kFaults.empty()) return false;
  return kFaults.find(";" + std::string(point) + ":" + std::string(subject) + ";") != std::string::npos;
}

}  // namespace kalam
