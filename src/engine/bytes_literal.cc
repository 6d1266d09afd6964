#include "engine/bytes_literal.h"

#include <fmt/format.h>

#include <string>

#include "base/hex.h"

namespace kalam::engine {
namespace {

constexpr size_t kShownMax = 32;

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
  const auto bytes = FromHex(written, HexCase::kAny);
  if (!bytes) {
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("X'{}' is no bytes: it needs two hexadecimal digits for each",
                            std::string_view(written).substr(0, kShownMax)));
  }
  constant.value = duckdb::Value::BLOB_RAW(*bytes);
  return {};
}

}  // namespace kalam::engine
