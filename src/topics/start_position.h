// StartPosition: where a consumer begins that has neither read nor acknowledged.
#pragma once

#include <cstdint>

namespace kalam::topics {

struct StartPosition {
  enum class Kind : uint8_t { kEarliest, kLatest, kOffset } kind = Kind::kLatest;
  uint64_t offset = 0;  // kOffset
};

}  // namespace kalam::topics
