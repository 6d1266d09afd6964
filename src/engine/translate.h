// Between DuckDB's types, values and errors and ours. Not for other modules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "duckdb/common/error_data.hpp"
#include "duckdb/common/types.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/types/vector.hpp"
#include "model/types.h"
#include "model/value.h"

namespace kalam::engine {

// --- types
duckdb::LogicalType ToDuck(const DataType& type);
// The type that clients see for a result of DuckDB's type. Fails for types that have no JSON form (INTERVAL,
// ...).
Result<DataType> FromDuck(const duckdb::LogicalType& type);
// A type as written in CAST(x AS ...): names of ours that DuckDB does not know (BYTES, EMBEDDING(3), FILE)
// become what they stand for; everything that is not plain data is refused.
Result<duckdb::LogicalType> ResolveType(const duckdb::LogicalType& written);
// --- values
duckdb::Value ToDuck(const Value& value, const DataType& type);
// The type that a value shows by itself: decimals of 38 digits, embeddings of their length.
DataType TypeOf(const Value& value);
// The value's type must be ToDuck(type). Text is copied to `arena`.
Value FromDuck(const duckdb::Value& value, const DataType& type, Arena& arena);

// Reads the cells of one result column. The values are valid while the vector and this object live.
class ColumnReader {
 public:
  explicit ColumnReader(const DataType& type) : type_(type) {}
  // `context` is for the cast to JSON that LIST, STRUCT and MAP columns need.
  void Bind(duckdb::ClientContext& context, duckdb::Vector& vector, size_t count);
  Value Read(size_t row) const;
  const DataType& type() const { return type_; }

 private:
  Value ReadInteger(size_t index) const;
  Int128 ReadWide(size_t index) const;

  DataType type_;
  duckdb::unique_ptr<duckdb::Vector> converted_;  // when DuckDB's type has another layout than ours
  duckdb::UnifiedVectorFormat format_;
  duckdb::PhysicalType physical_ = duckdb::PhysicalType::INVALID;
  const float* floats_ = nullptr;  // EMBEDDING
};

// The numbers that DuckDB can work with. Its texts of other times of day read past a table of digits, so that
// none may reach it: what is written is refused (CastValue), and what is stored already is cut to the range.
inline constexpr int64_t kTimeMicrosMax = 86'400'000'000;  // 24:00:00, from 0
inline constexpr int64_t kTimestampMicrosMin = -9'223'372'022'400'000'000;
int64_t TimeWithinRange(int64_t micros);

// Writes cells of one kind into one vector.
class ColumnWriter {
 public:
  ColumnWriter(duckdb::Vector& vector, TypeKind kind);
  // False when the kind of `value` is not the column's: a bug of the giver; the cell is NULL then.
  bool Set(size_t row, const Value& value);

 private:
  duckdb::Vector* vector_;
  duckdb::data_ptr_t data_;
  TypeKind kind_;
  duckdb::PhysicalType physical_;
  size_t dimension_ = 0;
};

duckdb::hugeint_t ToHuge(Int128 wide);
Int128 FromHuge(duckdb::hugeint_t huge);

// --- casts
// A JSON array of finite numbers; false for anything else.
bool ParseEmbedding(std::string_view json, std::vector<float>& out);
// See Engine::Cast. `column` names the column in the error message, when not empty.
Result<Value> CastValue(const Value& value, const DataType& from, const DataType& to, std::string_view column,
                        Arena& arena);

// --- errors
// Where an error of DuckDB comes from decides its code.
enum class Stage : uint8_t { kParse, kBind, kRun };
// The one place where DuckDB's errors become ours. `sql` is for the line and column of syntax errors.
Error Translate(const duckdb::ErrorData& error, Stage stage, std::string_view sql = {});
// The engine instance refuses all further work after such an error.
bool IsFatal(const duckdb::ErrorData& error);

}  // namespace kalam::engine
