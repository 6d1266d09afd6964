#include "sql/parse/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace kalam::sql {
namespace {

// Takes the digits at the front.
std::string_view TakeDigits(std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const std::string_view digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool TakeOneOf(std::string_view& text, std::string_view characters, char* taken = nullptr) {
  if (text.empty() || characters.find(text.front()) == std::string_view::npos) return false;
  if (taken != nullptr) *taken = text.front();
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::optional<std::string> JsonNumber(std::string_view text) {
  std::string out;
  char sign = '+';
  TakeOneOf(text, "+-", &sign);
  if (sign == '-') out.push_back('-');
  std::string_view whole = TakeDigits(text);
  const bool has_whole = !whole.empty();
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  out.append(has_whole ? whole : "0");
  if (TakeOneOf(text, ".")) {
    const std::string_view fraction = TakeDigits(text);
    if (!has_whole && fraction.empty()) return std::nullopt;
    out.append(".").append(fraction.empty() ? "0" : fraction);
  } else if (!has_whole) {
    return std::nullopt;
  }
  if (TakeOneOf(text, "eE")) {
    out.push_back('e');
    char exponent_sign = '+';
    TakeOneOf(text, "+-", &exponent_sign);
    out.push_back(exponent_sign);
    const std::string_view exponent = TakeDigits(text);
    if (exponent.empty()) return std::nullopt;
    out.append(exponent);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

}  // namespace kalam::sql
