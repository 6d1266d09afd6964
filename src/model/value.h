// One SQL value, and rows of them.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/types.h"

namespace kalam {

__extension__ typedef __int128 Int128;

// A typed view: small, trivially copyable, does not own its bytes. Text, JSON, BYTES, FILE and EMBEDDING
// point into memory that the giver keeps alive (a row buffer, an Arena, a request body); the function that
// hands out a Value says for how long. EMBEDDING bytes are n little-endian 32-bit floats. UUID is a 128-bit
// big-endian number. DECIMAL is the unscaled integer.
struct Value {
  TypeKind kind = TypeKind::kNull;
  bool is_null = true;
  uint8_t scale = 0;  // kDecimal only

  union {
    int64_t integer = 0;  // BOOLEAN 0/1, SMALLINT, INT, BIGINT, DATE days, TIME/TIMESTAMP/DATETIME
                          // microseconds, UBIGINT bits
    double real;          // FLOAT (widened) and DOUBLE
    Int128 wide;          // DECIMAL, UUID, HUGEINT
    struct {
      const char* data;
      size_t size;
    } bytes;
  };

  static Value Null(TypeKind kind = TypeKind::kNull) {
    Value v;
    v.kind = kind;
    return v;
  }
  static Value Integer(TypeKind kind, int64_t n) {
    Value v;
    v.kind = kind;
    v.is_null = false;
    v.integer = n;
    return v;
  }
  static Value BigInt(int64_t n) { return Integer(TypeKind::kBigInt, n); }
  static Value Boolean(bool b) { return Integer(TypeKind::kBoolean, b ? 1 : 0); }
  static Value Real(TypeKind kind, double d) {
    Value v;
    v.kind = kind;
    v.is_null = false;
    v.real = d;
    return v;
  }
  static Value Wide(TypeKind kind, Int128 n, uint8_t scale = 0) {
    Value v;
    v.kind = kind;
    v.is_null = false;
    v.scale = scale;
    v.wide = n;
    return v;
  }
  static Value Bytes(TypeKind kind, std::string_view s) {
    Value v;
    v.kind = kind;
    v.is_null = false;
    v.bytes = {s.data(), s.size()};
    return v;
  }
  static Value Text(std::string_view s) { return Bytes(TypeKind::kText, s); }

  std::string_view text() const { return {bytes.data, bytes.size}; }
};

// A Value that owns its bytes; copy and move freely.
class OwnedValue {
 public:
  OwnedValue() = default;
  explicit OwnedValue(const Value& value) : value_(value) {
    if (!value.is_null && IsVariable(value.kind)) bytes_ = value.text();
  }
  // Valid while this object lives and is not assigned to.
  Value view() const {
    Value v = value_;
    if (!v.is_null && IsVariable(v.kind)) v.bytes = {bytes_.data(), bytes_.size()};
    return v;
  }

 private:
  Value value_;
  std::string bytes_;
};

// True when both are NULL of any kind, or the same kind with the same bits (DOUBLE: same bit pattern). This
// is "did the stored value change", not SQL equality.
bool Identical(const Value& a, const Value& b);

// For messages: 42, 'abc', NULL. Long text is cut at 64 bytes.
std::string ToDisplay(const Value& value);

}  // namespace kalam
