// Column types of KalamDB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam {

// Stored on disk (schema definitions). Never change a number. The numbers are the protocol's type tags.
enum class TypeKind : uint8_t {
  kNull = 0x00,  // type of a bare NULL; never a column's type
  kBoolean = 0x01,
  kInt = 0x02,     // 32 bits
  kBigInt = 0x03,  // 64 bits
  kDouble = 0x04,
  kFloat = 0x05,
  kText = 0x06,
  kTimestamp = 0x07,  // microseconds since 1970-01-01, no zone
  kDate = 0x08,       // days since 1970-01-01
  kDateTime = 0x09,   // microseconds since 1970-01-01 UTC
  kTime = 0x0A,       // microseconds since midnight
  kJson = 0x0B,       // text holding JSON
  kBytes = 0x0C,
  kEmbedding = 0x0D,  // fixed number of 32-bit floats
  kUuid = 0x0E,
  kDecimal = 0x0F,
  kSmallInt = 0x10,
  kFile = 0x11,  // text holding a FileRef
  // Result columns only:
  kUBigInt = 0x40,  // unsigned 64 bits; shown to clients as text
  kHugeInt = 0x41,  // 128 bits, e.g. SUM of integers; shown to clients as DECIMAL(38,0)
  kList = 0x42,     // already encoded as JSON text by the engine
};

struct DataType {
  TypeKind kind = TypeKind::kNull;
  uint8_t precision = 0;   // kDecimal: 1..38
  uint8_t scale = 0;       // kDecimal: 0..precision
  uint16_t dimension = 0;  // kEmbedding: 1..8192

  friend bool operator==(const DataType&, const DataType&) = default;
};

inline constexpr DataType Type(TypeKind kind) { return DataType{kind, 0, 0, 0}; }

// Bytes in the fixed area of a stored row: 1, 2, 4, 8, 16, or 4 (an offset) for variable-length types.
size_t FixedWidth(TypeKind kind);
// True for TEXT, JSON, BYTES, FILE, EMBEDDING: kept in the variable area.
bool IsVariable(TypeKind kind);
bool IsInteger(TypeKind kind);  // SMALLINT, INT, BIGINT

// SQL name for DESCRIBE and messages: "BIGINT", "DECIMAL(10, 2)", "EMBEDDING(384)".
std::string SqlName(const DataType& type);

// Parses a type as written in DDL: the word(s) before the parentheses and the numbers inside them, in any
// case
// ("varchar", "double precision", "timestamp with time zone"). `argument_count` of `arguments` are set (at
// most 2). Errors name the type and the limit broken.
Result<DataType> ParseSqlType(std::string_view name, const int64_t* arguments, size_t argument_count);

}  // namespace kalam
