// Memory for values that live as long as one request or one plan.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory_resource>
#include <string_view>

namespace kalam {

// Owns bytes until it is destroyed; hands out stable views. Not thread-safe.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Copies `bytes` into the arena. The view is valid until the arena dies.
  std::string_view Copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* p = Allocate(bytes.size());
    std::memcpy(p, bytes.data(), bytes.size());
    return {p, bytes.size()};
  }
  char* Allocate(size_t size) { return static_cast<char*>(resource_.allocate(size, 1)); }

 private:
  std::pmr::monotonic_buffer_resource resource_{512};
};

}  // namespace kalam
