#include "base/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace kalam {
namespace {

std::string ReadFaults() {
  const char* faults = std::getenv("KALAMDB_FAULTS");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return faults == nullptr || *faults == '\0' ? std::string() : ";" + std::string(faults) + ";";
}

const std::string& Faults() {
  static const std::string kFaults = ReadFaults();
  return kFaults;
}

int Passings(const std::string& step) {
  static std::mutex mu;
  static std::map<std::string, int> passings;
  std::lock_guard lock(mu);
  return ++passings[step];
}

}  // namespace

bool FaultArmed(std::string_view point, std::string_view subject) {
  if (Faults().empty()) return false;
  return Faults().find(";" + std::string(point) + ":" + std::string(subject) + ";") != std::string::npos;
}

void CrashPoint(std::initializer_list<std::string_view> step) {
  if (Faults().empty()) return;
  std::string name;
  for (const std::string_view part : step) (name += name.empty() ? "" : ".") += part;
  const int passings = Passings(name);
  const bool named = passings == 1 && FaultArmed("crash", name);
  if (named || FaultArmed("crash", name + "@" + std::to_string(passings))) (void)kill(getpid(), SIGKILL);
}

}  // namespace kalam
