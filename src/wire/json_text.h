// Pieces of JSON text, appended to a string. The one place where escaping and number formats are decided.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kalam::wire {

// Appends `text` as a JSON string with quotes and escapes; invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string_view text, std::string& out);

// True when `text` is valid UTF-8.
bool IsUtf8(std::string_view text);
// Appends `text`; invalid UTF-8 becomes U+FFFD.
void AppendUtf8(std::string_view text, std::string& out);

// `"name":`, for names that need no escape.
void AppendJsonKey(std::string_view name, std::string& out);

void AppendInteger(int64_t number, std::string& out);
void AppendUnsigned(uint64_t number, std::string& out);

// The shortest text that reads back as the same double, always with a fraction or an exponent so that readers
// see a double. False for NaN and infinity, which JSON has no text for; nothing is appended then.
bool AppendDouble(double number, std::string& out);

// Milliseconds with three decimals.
void AppendMillis(double millis, std::string& out);

}  // namespace kalam::wire
