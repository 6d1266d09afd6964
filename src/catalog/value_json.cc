#include "catalog/value_json.h"

#include <fmt/format.h>

#include <bit>
#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/hex.h"

namespace kalam::catalog {
namespace {

namespace json = boost::json;

using UInt128 = unsigned __int128;

std::optional<uint64_t> ParseHexNumber(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return number;
}

// JSON text must be UTF-8; whatever is not goes as hexadecimal. The parser is the judge, since it is the one
// that reads it again.
bool IsJsonText(std::string_view bytes) {
  std::error_code error;
  const json::value parsed = json::parse(json::serialize(json::string(bytes)), error);
  return !error && parsed.is_string() && std::string_view(parsed.get_string()) == bytes;
}

bool IsReal(TypeKind kind) { return kind == TypeKind::kFloat || kind == TypeKind::kDouble; }
bool IsWide(TypeKind kind) {
  return kind == TypeKind::kDecimal || kind == TypeKind::kUuid || kind == TypeKind::kHugeInt;
}

std::unexpected<Error> Bad(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("constant: {}", what));
}

Result<OwnedValue> DecodeBytes(TypeKind kind, const json::object& object) {
  if (const json::value* text = object.if_contains("text"); text != nullptr && text->is_string()) {
    return OwnedValue(Value::Bytes(kind, text->get_string()));
  }
  const json::value* hex = object.if_contains("hex");
  if (hex == nullptr || !hex->is_string()) return Bad("no text and no hex");
  const auto bytes = FromHex(hex->get_string(), HexCase::kAny);
  if (!bytes.has_value()) return Bad("hex does not decode");
  return OwnedValue(Value::Bytes(kind, *bytes));
}

Result<OwnedValue> DecodeBits(TypeKind kind, const json::object& object) {
  const json::value* bits = object.if_contains("bits");
  if (bits == nullptr || !bits->is_string()) return Bad("no bits");
  const std::string_view digits = bits->get_string();
  if (IsReal(kind)) {
    const auto number = ParseHexNumber(digits);
    if (digits.size() != 16 || !number.has_value()) return Bad("bits do not decode");
    return OwnedValue(Value::Real(kind, std::bit_cast<double>(*number)));
  }
  if (digits.size() != 32) return Bad("bits do not decode");
  const auto high = ParseHexNumber(digits.substr(0, 16));
  const auto low = ParseHexNumber(digits.substr(16));
  if (!high.has_value() || !low.has_value()) return Bad("bits do not decode");
  int64_t scale = 0;
  if (const json::value* s = object.if_contains("scale"); s != nullptr && s->is_int64())
    scale = s->get_int64();
  if (scale < 0 || scale > 38) return Bad("scale is out of range");
  const auto wide = static_cast<Int128>((static_cast<UInt128>(*high) << 64) | *low);
  return OwnedValue(Value::Wide(kind, wide, static_cast<uint8_t>(scale)));
}

}  // namespace

json::value EncodeValue(const Value& value) {
  json::object object;
  object["type"] = static_cast<int64_t>(value.kind);
  if (value.is_null) {
    object["null"] = true;
  } else if (IsVariable(value.kind)) {
    const bool is_text =
        value.kind != TypeKind::kBytes && value.kind != TypeKind::kEmbedding && IsJsonText(value.text());
    object[is_text ? "text" : "hex"] = is_text ? std::string(value.text()) : ToHex(value.text());
  } else if (IsReal(value.kind)) {
    object["bits"] = fmt::format("{:016x}", std::bit_cast<uint64_t>(value.real));
  } else if (IsWide(value.kind)) {
    const auto bits = static_cast<UInt128>(value.wide);
    object["bits"] =
        fmt::format("{:016x}{:016x}", static_cast<uint64_t>(bits >> 64), static_cast<uint64_t>(bits));
    if (value.kind == TypeKind::kDecimal) object["scale"] = static_cast<int64_t>(value.scale);
  } else {
    object["int"] = value.integer;
  }
  return object;
}

Result<OwnedValue> DecodeValue(const json::value& source) {
  if (!source.is_object()) return Bad("not an object");
  const json::object& object = source.get_object();
  const json::value* type = object.if_contains("type");
  if (type == nullptr || !type->is_int64()) return Bad("no type");
  const int64_t number = type->get_int64();
  if (number < 0 || number > static_cast<int64_t>(TypeKind::kList)) return Bad("unknown type");
  const auto kind = static_cast<TypeKind>(number);
  if (object.contains("null")) return OwnedValue(Value::Null(kind));
  if (IsVariable(kind)) return DecodeBytes(kind, object);
  if (IsReal(kind) || IsWide(kind)) return DecodeBits(kind, object);
  const json::value* integer = object.if_contains("int");
  if (integer == nullptr || !integer->is_int64()) return Bad("no int");
  return OwnedValue(Value::Integer(kind, integer->get_int64()));
}

}  // namespace kalam::catalog
