#include "wire/json_text.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace kalam::wire {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

enum : uint8_t { kPlain = 0, kEscape = 1, kWide = 2 };

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (size_t c = 0; c < 0x20; ++c) classes[c] = kEscape;
  classes['"'] = classes['\\'] = kEscape;
  for (size_t c = 0x80; c < 256; ++c) classes[c] = kWide;
  return classes;
}();

// Eight bytes at once: true when none of them is a quote, a backslash, a control or a non-ASCII byte.
bool AllPlain(const char* p) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  uint64_t word = 0;
  std::memcpy(&word, p, 8);
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t slash = word ^ (kOnes * '\\');
  const uint64_t low = word - kOnes * 0x20;
  const uint64_t hits = (quote - kOnes) | (slash - kOnes) | low | word;
  return (hits & kHighs) == 0;
}

// Length of the UTF-8 sequence at `p` (2 to 4), or 0 when it is not valid (RFC 3629: no surrogates, no
// overlong forms).
size_t SequenceLength(const unsigned char* p, size_t left) {
  const auto continues = [&](size_t i, unsigned from = 0x80, unsigned to = 0xBF) {
    return p[i] >= from && p[i] <= to;
  };
  const unsigned first = p[0];
  if (first >= 0xC2 && first <= 0xDF) return left >= 2 && continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned from = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned to = first == 0xED ? 0x9F : 0xBF;
    return left >= 3 && continues(1, from, to) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned from = first == 0xF0 ? 0x90 : 0x80;
    const unsigned to = first == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && continues(1, from, to) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void AppendEscape(unsigned char c, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
  }
}

// Index of the first byte at or after `i` that is not plain.
size_t PlainEnd(std::string_view text, size_t i) {
  while (i + 8 <= text.size() && AllPlain(text.data() + i)) i += 8;
  while (i < text.size() && kClasses[static_cast<unsigned char>(text[i])] == kPlain) ++i;
  return i;
}

// Appends what `write` puts at the address that it gets, at most `size_max` bytes; `write` answers how many.
template <typename Write>
void AppendInPlace(std::string& out, size_t size_max, const Write& write) {
  const size_t old = out.size();
  out.resize_and_overwrite(old + size_max, [&](char* data, size_t) { return old + write(data + old); });
}

template <typename Number>
void AppendDigits(Number number, std::string& out) {
  constexpr size_t kDigitsMax = 20;  // of 64 bits, with the sign
  AppendInPlace(out, kDigitsMax, [number](char* to) {
    return static_cast<size_t>(std::to_chars(to, to + kDigitsMax, number).ptr - to);
  });
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  size_t i = PlainEnd(text, 0);
  if (i == text.size()) {
    AppendInPlace(out, i + 2, [text](char* to) {
      to[0] = '"';
      std::memcpy(to + 1, text.data(), text.size());
      to[text.size() + 1] = '"';
      return text.size() + 2;
    });
    return;
  }
  out.push_back('"');
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t copied = 0;  // everything before it is in `out`
  while ((i = PlainEnd(text, i)) < text.size()) {
    if (kClasses[bytes[i]] == kWide) {
      if (const size_t length = SequenceLength(bytes + i, text.size() - i)) {
        i += length;
        continue;
      }
    }
    out.append(text, copied, i - copied);
    if (kClasses[bytes[i]] == kWide) {
      out += kReplacement;
    } else {
      AppendEscape(bytes[i], out);
    }
    copied = ++i;
  }
  out.append(text, copied, text.size() - copied);
  out.push_back('"');
}

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void AppendUtf8(std::string_view text, std::string& out) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  for (size_t i = 0; i < text.size();) {
    const size_t length = bytes[i] < 0x80 ? 1 : SequenceLength(bytes + i, text.size() - i);
    if (length == 0) {
      out += kReplacement;
      ++i;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
}

void AppendJsonKey(std::string_view name, std::string& out) {
  out.push_back('"');
  out += name;
  out += "\":";
}

void AppendInteger(int64_t number, std::string& out) { AppendDigits(number, out); }

void AppendUnsigned(uint64_t number, std::string& out) { AppendDigits(number, out); }

bool AppendDouble(double number, std::string& out) {
  if (!std::isfinite(number)) return false;
  char text[64];
  const double size = std::fabs(number);
  const bool fixed = size == 0 || (size >= 1e-5 && size < 1e16);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(text, text + sizeof text, number, format);
  const std::string_view digits(text, static_cast<size_t>(end.ptr - text));
  out += digits;
  if (fixed && digits.find('.') == std::string_view::npos) out += ".0";
  return true;
}

void AppendMillis(double millis, std::string& out) {
  const int64_t micros = millis > 0 ? std::llround(millis * 1000) : 0;
  AppendInteger(micros / 1000, out);
  const int64_t rest = micros % 1000;
  const char text[4] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                        static_cast<char>('0' + rest % 10)};
  out.append(text, 4);
}

}  // namespace kalam::wire
