#include "hot/key_codec.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/limits.h"

namespace kalam::hot {
namespace {

// Scope: the user id with 0x00 -> 0x00 0xFF, closed by 0x00 0x01. The terminator is below every continuation,
// so "a" sorts before "ab" and no scope is a prefix of another.
constexpr char kEscape = '\0';
constexpr char kEscapedZero = '\xFF';
constexpr char kTerminator = '\x01';
constexpr size_t kTableBytes = 4;

template <typename Unsigned>
void AppendBigEndian(Unsigned value, std::string& out) {
  std::array<char, sizeof(Unsigned)> bytes;
  for (size_t i = bytes.size(); i-- > 0; value = static_cast<Unsigned>(value >> 8))
    bytes[i] = static_cast<char>(value);
  out.append(bytes.data(), bytes.size());
}

template <typename Unsigned>
Unsigned ReadBigEndian(std::string_view bytes) {
  Unsigned value = 0;
  for (size_t i = 0; i < sizeof(Unsigned); ++i)
    value = static_cast<Unsigned>((value << 8) | static_cast<uint8_t>(bytes[i]));
  return value;
}

// Order-preserving bits of a double: negative numbers inverted, positive ones with the sign bit set. -0 is
// stored as 0, since they are equal.
uint64_t OrderedBits(double value) {
  const auto bits = std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

double FromOrderedBits(uint64_t bits) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return std::bit_cast<double>((bits & kSign) != 0 ? bits & ~kSign : ~bits);
}

constexpr unsigned __int128 kSign128 = static_cast<unsigned __int128>(1) << 127;
constexpr uint64_t kSign64 = uint64_t{1} << 63;

std::unexpected<Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("stored key is malformed: {}", what));
}

bool InRange(TypeKind kind, int64_t number) {
  switch (kind) {
    case TypeKind::kSmallInt:
      return std::in_range<int16_t>(number);
    case TypeKind::kInt:
    case TypeKind::kDate:
      return std::in_range<int32_t>(number);
    default:
      return true;
  }
}

Status AppendBytesKey(std::string_view bytes, std::string& out) {
  if (bytes.size() > limits::kPrimaryKeyBytesMax) {
    return Fail(ErrorCode::kConstraint,
                fmt::format("Primary key value is {} bytes long; the limit is {} bytes", bytes.size(),
                            limits::kPrimaryKeyBytesMax));
  }
  out.append(bytes);
  return {};
}

}  // namespace

void AppendTablePrefix(TableId table, std::string& out) { AppendBigEndian(table.value, out); }

void AppendScope(std::string_view user_id, std::string& out) {
  for (const char c : user_id) {
    out.push_back(c);
    if (c == kEscape) out.push_back(kEscapedZero);
  }
  out.push_back(kEscape);
  out.push_back(kTerminator);
}

std::string SharedPrefix(TableId table) {
  std::string out;
  AppendTablePrefix(table, out);
  return out;
}

std::string UserPrefix(TableId table, std::string_view user_id) {
  std::string out;
  out.reserve(kTableBytes + user_id.size() + 2);
  AppendTablePrefix(table, out);
  AppendScope(user_id, out);
  return out;
}

TableId TableOf(std::string_view key) {
  return TableId(key.size() < kTableBytes ? 0 : ReadBigEndian<uint32_t>(key.substr(0, kTableBytes)));
}

size_t PrefixSize(std::string_view key, bool has_scope) {
  if (key.size() < kTableBytes) return 0;
  if (!has_scope) return kTableBytes;
  for (size_t i = kTableBytes; i + 1 < key.size(); ++i) {
    if (key[i] != kEscape) continue;
    if (key[i + 1] == kTerminator) return i + 2;
    if (key[i + 1] != kEscapedZero) return 0;
    ++i;
  }
  return 0;
}

Result<std::string> DecodeScope(std::string_view key) {
  const size_t end = PrefixSize(key, true);
  if (end == 0) return Malformed("scope without end");
  std::string user_id;
  for (size_t i = kTableBytes; i < end - 2; ++i) {
    user_id.push_back(key[i]);
    if (key[i] == kEscape) ++i;
  }
  return user_id;
}

Status AppendPrimaryKey(const Value& value, std::string& out) {
  if (value.is_null) return Fail(ErrorCode::kConstraint, "A primary key value cannot be NULL");
  switch (value.kind) {
    case TypeKind::kBoolean:
      out.push_back(value.integer != 0 ? '\x01' : '\0');
      return {};
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime:
      AppendBigEndian(static_cast<uint64_t>(value.integer) ^ kSign64, out);
      return {};
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      if (std::isnan(value.real)) return Fail(ErrorCode::kConstraint, "A primary key value cannot be NaN");
      AppendBigEndian(OrderedBits(value.real), out);
      return {};
    case TypeKind::kDecimal:
      AppendBigEndian(static_cast<unsigned __int128>(value.wide) ^ kSign128, out);
      return {};
    case TypeKind::kUuid:
      AppendBigEndian(static_cast<unsigned __int128>(value.wide), out);
      return {};
    case TypeKind::kText:
    case TypeKind::kFile:
    case TypeKind::kBytes:
      return AppendBytesKey(value.text(), out);
    default:
      break;
  }
  return Fail(ErrorCode::kConstraint,
              fmt::format("A value of type {} cannot be a primary key", SqlName(Type(value.kind))));
}

Result<Value> DecodePrimaryKey(const DataType& type, std::string_view bytes) {
  const auto sized = [&](size_t size) { return bytes.size() == size; };
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (!sized(1) || static_cast<uint8_t>(bytes[0]) > 1) return Malformed("not a boolean");
      return Value::Boolean(bytes[0] != 0);
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kDateTime: {
      if (!sized(8)) return Malformed("number of another size");
      const auto number = static_cast<int64_t>(ReadBigEndian<uint64_t>(bytes) ^ kSign64);
      if (!InRange(type.kind, number)) return Malformed("number out of range");
      return Value::Integer(type.kind, number);
    }
    case TypeKind::kFloat:
    case TypeKind::kDouble: {
      if (!sized(8)) return Malformed("number of another size");
      const double real = FromOrderedBits(ReadBigEndian<uint64_t>(bytes));
      if (std::isnan(real) || (real == 0 && std::signbit(real))) return Malformed("number without key form");
      return Value::Real(type.kind, real);
    }
    case TypeKind::kDecimal:
      if (!sized(16)) return Malformed("decimal of another size");
      return Value::Wide(type.kind, static_cast<Int128>(ReadBigEndian<unsigned __int128>(bytes) ^ kSign128),
                         type.scale);
    case TypeKind::kUuid:
      if (!sized(16)) return Malformed("UUID of another size");
      return Value::Wide(type.kind, static_cast<Int128>(ReadBigEndian<unsigned __int128>(bytes)));
    case TypeKind::kText:
    case TypeKind::kFile:
    case TypeKind::kBytes:
      return Value::Bytes(type.kind, bytes);
    default:
      break;
  }
  return Malformed("type without key form");
}

void AppendSeq(Seq seq, std::string& out) { AppendBigEndian(static_cast<uint64_t>(seq.value), out); }

Result<Seq> DecodeSeq(std::string_view bytes) {
  if (bytes.size() != 8) return Malformed("sequence of another size");
  return Seq(static_cast<int64_t>(ReadBigEndian<uint64_t>(bytes)));
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    if (static_cast<uint8_t>(end.back()) != 0xFF) {
      end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

}  // namespace kalam::hot
