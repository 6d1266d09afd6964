#include "wire/value_json.h"

#include <array>
#include <bit>
#include <cstring>

#include "wire/json_text.h"

namespace kalam::wire {
namespace {

void AppendDataType(const DataType& type, std::string& out) {
  if (type.kind == TypeKind::kEmbedding) {
    out += R"({"Embedding":)";
    AppendUnsigned(type.dimension, out);
    out.push_back('}');
  } else if (type.kind == TypeKind::kDecimal) {
    out += R"({"Decimal":{"precision":)";
    AppendUnsigned(type.precision, out);
    out += R"(,"scale":)";
    AppendUnsigned(type.scale, out);
    out += "}}";
  } else {
    out.push_back('"');
    out += DataTypeName(type.kind);
    out.push_back('"');
  }
}

void AppendByteArray(std::string_view bytes, std::string& out) {
  out.push_back('[');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out.push_back(',');
    AppendUnsigned(static_cast<unsigned char>(bytes[i]), out);
  }
  out.push_back(']');
}

bool AppendEmbedding(std::string_view bytes, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  out.push_back('[');
  for (size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    if (i != 0) out.push_back(',');
    float element = 0;
    std::memcpy(&element, bytes.data() + i, sizeof element);
    if (!AppendDouble(static_cast<double>(element), out)) return false;
  }
  out.push_back(']');
  return true;
}

}  // namespace

std::string_view DataTypeName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
      return "Boolean";
    case TypeKind::kSmallInt:
      return "SmallInt";
    case TypeKind::kInt:
      return "Int";
    case TypeKind::kBigInt:
    case TypeKind::kHugeInt:
      return "BigInt";
    case TypeKind::kFloat:
      return "Float";
    case TypeKind::kDouble:
      return "Double";
    case TypeKind::kTimestamp:
      return "Timestamp";
    case TypeKind::kDate:
      return "Date";
    case TypeKind::kDateTime:
      return "DateTime";
    case TypeKind::kTime:
      return "Time";
    case TypeKind::kJson:
      return "Json";
    case TypeKind::kBytes:
      return "Bytes";
    case TypeKind::kUuid:
      return "Uuid";
    case TypeKind::kFile:
      return "File";
    case TypeKind::kText:
    case TypeKind::kNull:
    case TypeKind::kUBigInt:
    case TypeKind::kList:
    case TypeKind::kEmbedding:
    case TypeKind::kDecimal:
      return "Text";
  }
  return "Text";
}

void AppendDecimalText(Int128 number, uint8_t scale, std::string& out) {
  __extension__ using UInt128 = unsigned __int128;
  UInt128 size = number < 0 ? UInt128{0} - static_cast<UInt128>(number) : static_cast<UInt128>(number);
  std::array<char, 300> text;  // 39 digits, or a zero before `scale` (at most 255) of them
  size_t start = text.size();
  for (size_t digits = 0; size != 0 || digits <= scale; ++digits) {
    if (digits == scale && scale != 0) text[--start] = '.';
    text[--start] = static_cast<char>('0' + static_cast<int>(size % 10));
    size /= 10;
  }
  if (number < 0) out.push_back('-');
  out.append(text.data() + start, text.size() - start);
}

void AppendUuidText(Int128 number, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  __extension__ using UInt128 = unsigned __int128;
  const auto bits = static_cast<UInt128>(number);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    const auto byte = static_cast<uint8_t>(bits >> (120 - 8 * i));
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
}

bool AppendJsonValue(const Value& value, std::string& out) {
  if (value.is_null) {
    out += "null";
    return true;
  }
  switch (value.kind) {
    case TypeKind::kNull:
      out += "null";
      return true;
    case TypeKind::kBoolean:
      out += value.integer != 0 ? "true" : "false";
      return true;
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
      AppendInteger(value.integer, out);
      return true;
    case TypeKind::kBigInt:
      out.push_back('"');
      AppendInteger(value.integer, out);
      out.push_back('"');
      return true;
    case TypeKind::kUBigInt:
      out.push_back('"');
      AppendUnsigned(static_cast<uint64_t>(value.integer), out);
      out.push_back('"');
      return true;
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return AppendDouble(value.real, out);
    case TypeKind::kDecimal:
    case TypeKind::kHugeInt:
      out.push_back('"');
      AppendDecimalText(value.wide, value.kind == TypeKind::kDecimal ? value.scale : 0, out);
      out.push_back('"');
      return true;
    case TypeKind::kUuid:
      out.push_back('"');
      AppendUuidText(value.wide, out);
      out.push_back('"');
      return true;
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kFile:
      AppendJsonString(value.text(), out);
      return true;
    case TypeKind::kBytes:
      AppendByteArray(value.text(), out);
      return true;
    case TypeKind::kEmbedding:
      return AppendEmbedding(value.text(), out);
    case TypeKind::kList:
      out += value.text();  // JSON text already
      return true;
  }
  out += "null";
  return true;
}

Status AppendValueJson(const Value& value, std::string& out) {
  const size_t start = out.size();
  if (AppendJsonValue(value, out)) return {};
  out.resize(start);
  return Fail(ErrorCode::kInvalidOperation, "NaN and infinity cannot be given as JSON");
}

void AppendResultColumnJson(const ResultColumn& column, size_t index, std::string& out) {
  out += R"({"name":)";
  AppendJsonString(column.name, out);
  out += R"(,"data_type":)";
  AppendDataType(column.type, out);
  out += R"(,"index":)";
  AppendUnsigned(index, out);
  if (column.primary_key) {
    out += column.not_null ? R"(,"flags":["pk","nn","uq"])" : R"(,"flags":["pk","uq"])";
  } else if (column.not_null) {
    out += R"(,"flags":["nn"])";
  }
  out.push_back('}');
}

}  // namespace kalam::wire
