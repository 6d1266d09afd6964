#include "engine/bytes_literal.h"

#include <fmt/format.h>

#include <optional>
#include <string>

namespace kalam::engine {
namespace {

constexpr size_t kShownMax = 32;

std::optional<unsigned> Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return std::nullopt;
}

std::optional<std::string> BytesOf(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const auto high = Digit(digits[i]);
    const auto low = Digit(digits[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes += static_cast<char>(*high << 4 | *low);
  }
  return bytes;
}

}  // namespace

Status ReadBytesLiteral(duckdb::ConstantExpression& constant, std::string_view text) {
  if (constant.value.type().id() != duckdb::LogicalTypeId::VARCHAR || constant.value.IsNull() ||
      !constant.GetQueryLocation().IsValid()) {
    return {};
  }
  const size_t offset = constant.GetQueryLocation().GetIndex();
  if (offset + 1 >= text.size() || text[offset + 1] != '\'') return {};
  const char letter = static_cast<char>(text[offset] | 0x20);
  if (letter == 'b')
    return Fail(ErrorCode::kInvalidSql,
                "B'...' is not supported: there are no bit strings; write X'...' for bytes");
  if (letter != 'x') return {};
  // The parser gives the letter and the digits.
  const std::string written = duckdb::StringValue::Get(constant.value).substr(1);
  auto bytes = BytesOf(written);
  if (!bytes) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("X'{}' is no bytes: it needs two hexadecimal digits for each",
                            std::string_view(written).substr(0, kShownMax)));
  }
  constant.value = duckdb::Value::BLOB_RAW(*bytes);
  return {};
}

}  // namespace kalam::engine
