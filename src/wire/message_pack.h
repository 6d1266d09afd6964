// MessagePack (the public specification of msgpack): pieces appended to a string, and the way of a whole
// message to JSON text.
//
// Threads: pure functions. Errors: PackToJson alone fails. Limits: nesting and the size of the JSON text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/value.h"

namespace kalam::wire {

// Each number in its shortest form.
void AppendPackNil(std::string& out);
void AppendPackBoolean(bool value, std::string& out);
void AppendPackInteger(int64_t number, std::string& out);
void AppendPackDouble(double number, std::string& out);
// Invalid UTF-8 becomes U+FFFD, as in JSON: readers refuse strings that are none.
void AppendPackString(std::string_view text, std::string& out);
void AppendPackMap(uint32_t fields, std::string& out);
void AppendPackArray(uint32_t elements, std::string& out);

// One value with the same logical encoding as AppendJsonValue: what is a string, a number or an array there
// is one here. False for NaN and infinity, so that both encodings of a row exist or neither does; what was
// appended then is worthless.
bool AppendPackValue(const Value& value, std::string& out);

// Headers whose count is written when it is known: append, remember the position, set later.
inline constexpr size_t kPackCountedMapBytes = 3;    // up to 65,535 fields
inline constexpr size_t kPackCountedArrayBytes = 5;  // up to 2^32 - 1 elements
void SetPackMap(size_t at, uint16_t fields, std::string& out);
void SetPackArray(size_t at, uint32_t elements, std::string& out);

// A message with string keys as the JSON text that means the same: 64-bit integers stay exact, bin is read as
// a string, ext is refused. kInvalidInput for anything that is not exactly one well-formed value, nests
// deeper than 32, holds text that is no UTF-8, or becomes longer than `json_bytes_max`.
Result<std::string> PackToJson(std::string_view bytes, size_t json_bytes_max);

}  // namespace kalam::wire
