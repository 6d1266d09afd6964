#include "system/process.h"

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

namespace kalam::system {
namespace {

constexpr int64_t kKiB = 1024;

// Calls `use(name, number)` for each "Name:   123 kB" line.
void ForEachLine(const char* path, const auto& use) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t digits = line.find_first_of("0123456789", colon);
    if (digits == std::string::npos) continue;
    int64_t number = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), number);
    use(std::string_view(line).substr(0, colon), number);
  }
}

void CountFiles(ProcessFacts& facts) {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    std::error_code gone;  // a file may be closed while we look
    const std::string target = std::filesystem::read_symlink(files->path(), gone).string();
    ++facts.open_files;
    if (target.starts_with("socket:")) ++facts.open_sockets;
  }
}

}  // namespace

ProcessFacts ReadProcess() {
  ProcessFacts facts;
  facts.pid = getpid();
  facts.cores = std::thread::hardware_concurrency();
  ForEachLine("/proc/self/status", [&](std::string_view name, int64_t number) {
    if (name == "VmRSS") facts.resident_bytes = number * kKiB;
    if (name == "VmSize") facts.virtual_bytes = number * kKiB;
    if (name == "Threads") facts.threads = number;
  });
  ForEachLine("/proc/meminfo", [&](std::string_view name, int64_t number) {
    if (name == "MemTotal") facts.machine_memory_bytes = number * kKiB;
    if (name == "MemAvailable") facts.machine_free_bytes = number * kKiB;
  });
  CountFiles(facts);
  return facts;
}

std::string HostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string HumanDuration(int64_t seconds) {
  const int64_t days = seconds / 86'400;
  const int64_t hours = seconds / 3'600 % 24;
  const int64_t minutes = seconds / 60 % 60;
  if (days > 0) return fmt::format("{}d {}h {}m {}s", days, hours, minutes, seconds % 60);
  if (hours > 0) return fmt::format("{}h {}m {}s", hours, minutes, seconds % 60);
  if (minutes > 0) return fmt::format("{}m {}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

}  // namespace kalam::system
