// Option values as JSON text. Internal to sql/parse.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kalam::sql {

// "..." with what JSON wants escaped.
std::string JsonString(std::string_view text);
// A number as SQL writes it (007, +1, .5, 1., -2e3) as JSON writes it; nullopt when it is none.
std::optional<std::string> JsonNumber(std::string_view text);

}  // namespace kalam::sql
