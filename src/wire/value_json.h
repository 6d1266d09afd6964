// Values and columns as JSON: the one place where the encoding of each type is decided, for SQL answers and
// live messages alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/result.h"
#include "model/value.h"

namespace kalam::wire {

// Appends one value as clients expect it (64-bit integers and decimals as text, bytes as an array of numbers,
// ...). False for NaN and infinity, which JSON has no text for; what was appended then is worthless.
bool AppendJsonValue(const Value& value, std::string& out);
// The same; kInvalidOperation (whose text every role may see), and nothing appended, for NaN and infinity.
Status AppendValueJson(const Value& value, std::string& out);
// The name of a type that closed-enum clients know, for every kind but DECIMAL and EMBEDDING. Types of
// results only are shown as the nearest one.
std::string_view DataTypeName(TypeKind kind);
// {"name":..,"data_type":..,"index":..,"flags":[..]}
void AppendResultColumnJson(const ResultColumn& column, size_t index, std::string& out);

// The texts behind DECIMAL and UUID, without quotes. `scale` digits stand after the point; the sign of -0.5
// is kept.
void AppendDecimalText(Int128 number, uint8_t scale, std::string& out);
void AppendUuidText(Int128 number, std::string& out);

}  // namespace kalam::wire
