// Reading an error's details, for programs that go by them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"

namespace kalam {

// True when there is a detail `key`.
inline bool HasDetail(const Error& error, std::string_view key) {
  return std::ranges::any_of(error.details, [&](const Detail& detail) { return detail.key == key; });
}

// True when the detail `key` is this text.
inline bool HasDetail(const Error& error, std::string_view key, std::string_view text) {
  return std::ranges::any_of(error.details, [&](const Detail& detail) {
    const auto* value = std::get_if<std::string>(&detail.value);
    return detail.key == key && value != nullptr && *value == text;
  });
}

}  // namespace kalam
