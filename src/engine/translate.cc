#include "engine/translate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "duckdb/common/types/decimal.hpp"
#include "duckdb/common/types/uuid.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/main/client_context.hpp"
#include "engine/list_text.h"

namespace kalam::engine {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::PhysicalType;

constexpr size_t kEmbeddingDimensionMax = 8192;

bool IsFloatArray(const LogicalType& type) {
  return type.id() == LogicalTypeId::ARRAY &&
         duckdb::ArrayType::GetChildType(type).id() == LogicalTypeId::FLOAT &&
         duckdb::ArrayType::GetSize(type) <= kEmbeddingDimensionMax;
}

// The type with one of our layouts that a result column is converted to before it is read.
LogicalType LayoutOf(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
    case LogicalTypeId::TIMESTAMP_NS:
      return LogicalType::TIMESTAMP;
    case LogicalTypeId::TIME_NS:
      return LogicalType::TIME;
    case LogicalTypeId::ENUM:
    case LogicalTypeId::UHUGEINT:
    case LogicalTypeId::BIGNUM:
      return LogicalType::VARCHAR;
    case LogicalTypeId::ARRAY:
      if (IsFloatArray(type)) return type;
      [[fallthrough]];
    case LogicalTypeId::LIST:
    case LogicalTypeId::STRUCT:
    case LogicalTypeId::MAP:
    case LogicalTypeId::UNION:
      return LogicalType::JSON();
    default:
      return type;
  }
}

// A nested type whose numbers beyond 53 bits are text, since that is how clients get them everywhere else.
LogicalType WithExactNumbers(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::UBIGINT:
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT:
    case LogicalTypeId::DECIMAL:
      return LogicalType::VARCHAR;
    case LogicalTypeId::LIST:
      return LogicalType::LIST(WithExactNumbers(duckdb::ListType::GetChildType(type)));
    case LogicalTypeId::STRUCT: {
      duckdb::child_list_t<LogicalType> children;
      for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type))
        children.emplace_back(name, WithExactNumbers(child));
      return LogicalType::STRUCT(std::move(children));
    }
    default:
      return type;
  }
}

// UUIDs are kept with the top bit flipped, so that they sort as numbers.
constexpr uint64_t kTopBit = 1ULL << 63;

Int128 UuidFromHuge(duckdb::hugeint_t huge) {
  const auto upper = static_cast<uint64_t>(huge.upper) ^ kTopBit;
  return static_cast<Int128>((static_cast<unsigned __int128>(upper) << 64) | huge.lower);
}
duckdb::hugeint_t UuidToHuge(Int128 wide) {
  duckdb::hugeint_t huge = ToHuge(wide);
  huge.upper = static_cast<int64_t>(static_cast<uint64_t>(huge.upper) ^ kTopBit);
  return huge;
}

std::string_view ViewOf(const duckdb::string_t& text) { return {text.GetData(), text.GetSize()}; }

std::expected<LogicalType, Error> RefuseType(const LogicalType& type) {
  return Fail(ErrorCode::kInvalidSql, fmt::format("Type {} is not supported", type.ToString()));
}

Result<LogicalType> ResolveUserType(const LogicalType& written) {
  const std::string& name = duckdb::UserType::GetTypeName(written);
  const auto& modifiers = duckdb::UserType::GetTypeModifiers(written);
  if (!duckdb::UserType::GetSchema(written).empty() || !duckdb::UserType::GetCatalog(written).empty() ||
      modifiers.size() > 2) {
    return RefuseType(written);
  }
  int64_t arguments[2] = {};
  for (size_t i = 0; i < modifiers.size(); ++i) {
    if (!modifiers[i].type().IsIntegral() || modifiers[i].IsNull()) return RefuseType(written);
    arguments[i] = modifiers[i].GetValue<int64_t>();
  }
  KALAM_ASSIGN(const DataType type, ParseSqlType(name, arguments, modifiers.size()));
  return ToDuck(type);
}

}  // namespace

duckdb::hugeint_t ToHuge(Int128 wide) {
  return duckdb::hugeint_t(static_cast<int64_t>(wide >> 64), static_cast<uint64_t>(wide));
}
Int128 FromHuge(duckdb::hugeint_t huge) {
  return static_cast<Int128>((static_cast<unsigned __int128>(static_cast<uint64_t>(huge.upper)) << 64) |
                             huge.lower);
}

LogicalType ToDuck(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kNull:
      return LogicalType::SQLNULL;
    case TypeKind::kBoolean:
      return LogicalType::BOOLEAN;
    case TypeKind::kSmallInt:
      return LogicalType::SMALLINT;
    case TypeKind::kInt:
      return LogicalType::INTEGER;
    case TypeKind::kBigInt:
      return LogicalType::BIGINT;
    case TypeKind::kDouble:
      return LogicalType::DOUBLE;
    case TypeKind::kFloat:
      return LogicalType::FLOAT;
    case TypeKind::kText:
    case TypeKind::kFile:
      return LogicalType::VARCHAR;
    case TypeKind::kJson:
    case TypeKind::kList:
      return LogicalType::JSON();
    case TypeKind::kTimestamp:
      return LogicalType::TIMESTAMP;
    case TypeKind::kDateTime:
      return LogicalType::TIMESTAMP_TZ;
    case TypeKind::kDate:
      return LogicalType::DATE;
    case TypeKind::kTime:
      return LogicalType::TIME;
    case TypeKind::kBytes:
      return LogicalType::BLOB;
    case TypeKind::kUuid:
      return LogicalType::UUID;
    case TypeKind::kDecimal:
      return LogicalType::DECIMAL(type.precision == 0 ? 38 : type.precision, type.scale);
    case TypeKind::kEmbedding:
      return LogicalType::ARRAY(LogicalType::FLOAT, type.dimension);
    case TypeKind::kUBigInt:
      return LogicalType::UBIGINT;
    case TypeKind::kHugeInt:
      return LogicalType::HUGEINT;
  }
  return LogicalType::SQLNULL;
}

Result<DataType> FromDuck(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::SQLNULL:
      return Type(TypeKind::kNull);
    case LogicalTypeId::BOOLEAN:
      return Type(TypeKind::kBoolean);
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::SMALLINT:
      return Type(TypeKind::kSmallInt);
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::INTEGER:
      return Type(TypeKind::kInt);
    case LogicalTypeId::UINTEGER:
    case LogicalTypeId::BIGINT:
      return Type(TypeKind::kBigInt);
    case LogicalTypeId::UBIGINT:
      return Type(TypeKind::kUBigInt);
    case LogicalTypeId::HUGEINT:
      return Type(TypeKind::kHugeInt);
    case LogicalTypeId::FLOAT:
      return Type(TypeKind::kFloat);
    case LogicalTypeId::DOUBLE:
      return Type(TypeKind::kDouble);
    case LogicalTypeId::DECIMAL:
      return DataType{TypeKind::kDecimal, duckdb::DecimalType::GetWidth(type),
                      duckdb::DecimalType::GetScale(type), 0};
    case LogicalTypeId::VARCHAR:
      return Type(type.IsJSONType() ? TypeKind::kJson : TypeKind::kText);
    case LogicalTypeId::ENUM:
    case LogicalTypeId::UHUGEINT:
    case LogicalTypeId::BIGNUM:
      return Type(TypeKind::kText);
    case LogicalTypeId::BLOB:
      return Type(TypeKind::kBytes);
    case LogicalTypeId::DATE:
      return Type(TypeKind::kDate);
    case LogicalTypeId::TIME:
    case LogicalTypeId::TIME_NS:
      return Type(TypeKind::kTime);
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
    case LogicalTypeId::TIMESTAMP_NS:
      return Type(TypeKind::kTimestamp);
    case LogicalTypeId::TIMESTAMP_TZ:
      return Type(TypeKind::kDateTime);
    case LogicalTypeId::UUID:
      return Type(TypeKind::kUuid);
    case LogicalTypeId::ARRAY:
      if (IsFloatArray(type))
        return DataType{TypeKind::kEmbedding, 0, 0, static_cast<uint16_t>(duckdb::ArrayType::GetSize(type))};
      return Type(TypeKind::kList);
    case LogicalTypeId::LIST:
      return Type(TypeKind::kList);
    case LogicalTypeId::STRUCT:
    case LogicalTypeId::MAP:
    case LogicalTypeId::UNION:
      return Type(TypeKind::kJson);  // clients know no other type for objects
    default:
      return Fail(ErrorCode::kUnsupported,
                  fmt::format("Unsupported type {} in result; cast it to TEXT", type.ToString()));
  }
}

Result<LogicalType> ResolveType(const LogicalType& written) {
  switch (written.id()) {
    case LogicalTypeId::USER:
      return ResolveUserType(written);
    case LogicalTypeId::LIST: {
      KALAM_ASSIGN(LogicalType child, ResolveType(duckdb::ListType::GetChildType(written)));
      return LogicalType::LIST(child);
    }
    case LogicalTypeId::ARRAY: {
      KALAM_ASSIGN(LogicalType child, ResolveType(duckdb::ArrayType::GetChildType(written)));
      return LogicalType::ARRAY(child, duckdb::ArrayType::GetSize(written));
    }
    case LogicalTypeId::MAP: {
      KALAM_ASSIGN(LogicalType key, ResolveType(duckdb::MapType::KeyType(written)));
      KALAM_ASSIGN(LogicalType value, ResolveType(duckdb::MapType::ValueType(written)));
      return LogicalType::MAP(key, value);
    }
    case LogicalTypeId::STRUCT: {
      duckdb::child_list_t<LogicalType> children;
      for (const auto& [name, type] : duckdb::StructType::GetChildTypes(written)) {
        KALAM_ASSIGN(LogicalType child, ResolveType(type));
        children.emplace_back(name, child);
      }
      return LogicalType::STRUCT(children);
    }
    case LogicalTypeId::SQLNULL:
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::UINTEGER:
    case LogicalTypeId::UBIGINT:
    case LogicalTypeId::UHUGEINT:
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
    case LogicalTypeId::DECIMAL:
    case LogicalTypeId::VARCHAR:
    case LogicalTypeId::CHAR:
    case LogicalTypeId::BLOB:
    case LogicalTypeId::BIT:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIME:
    case LogicalTypeId::TIME_TZ:
    case LogicalTypeId::TIME_NS:
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
    case LogicalTypeId::TIMESTAMP_NS:
    case LogicalTypeId::TIMESTAMP_TZ:
    case LogicalTypeId::INTERVAL:
    case LogicalTypeId::UUID:
      return written;
    default:
      return RefuseType(written);
  }
}

// --- values

duckdb::Value ToDuck(const Value& value, const DataType& type) {
  if (value.is_null) return duckdb::Value(ToDuck(type));
  switch (type.kind) {
    case TypeKind::kNull:
      return duckdb::Value(LogicalType::SQLNULL);
    case TypeKind::kBoolean:
      return duckdb::Value::BOOLEAN(value.integer != 0);
    case TypeKind::kSmallInt:
      return duckdb::Value::SMALLINT(static_cast<int16_t>(value.integer));
    case TypeKind::kInt:
      return duckdb::Value::INTEGER(static_cast<int32_t>(value.integer));
    case TypeKind::kBigInt:
      return duckdb::Value::BIGINT(value.integer);
    case TypeKind::kDouble:
      return duckdb::Value::DOUBLE(value.real);
    case TypeKind::kFloat:
      return duckdb::Value::FLOAT(static_cast<float>(value.real));
    case TypeKind::kText:
    case TypeKind::kFile:
      return duckdb::Value(std::string(value.text()));
    case TypeKind::kJson:
    case TypeKind::kList: {
      duckdb::Value json{std::string(value.text())};
      json.Reinterpret(LogicalType::JSON());
      return json;
    }
    case TypeKind::kTimestamp:
      return duckdb::Value::TIMESTAMP(duckdb::timestamp_t(value.integer));
    case TypeKind::kDateTime:
      return duckdb::Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(value.integer));
    case TypeKind::kDate:
      return duckdb::Value::DATE(duckdb::date_t(static_cast<int32_t>(value.integer)));
    case TypeKind::kTime:
      return duckdb::Value::TIME(duckdb::dtime_t(TimeWithinRange(value.integer)));
    case TypeKind::kBytes:
      return duckdb::Value::BLOB(reinterpret_cast<duckdb::const_data_ptr_t>(value.bytes.data),
                                 value.bytes.size);
    case TypeKind::kUuid:
      return duckdb::Value::UUID(UuidToHuge(value.wide));
    case TypeKind::kDecimal: {
      const uint8_t width = type.precision == 0 ? 38 : type.precision;
      if (width <= 4) return duckdb::Value::DECIMAL(static_cast<int16_t>(value.wide), width, type.scale);
      if (width <= 9) return duckdb::Value::DECIMAL(static_cast<int32_t>(value.wide), width, type.scale);
      if (width <= 18) return duckdb::Value::DECIMAL(static_cast<int64_t>(value.wide), width, type.scale);
      return duckdb::Value::DECIMAL(ToHuge(value.wide), width, type.scale);
    }
    case TypeKind::kEmbedding: {
      duckdb::vector<duckdb::Value> floats;
      for (size_t i = 0; i + sizeof(float) <= value.bytes.size; i += sizeof(float)) {
        float f = 0;
        std::memcpy(&f, value.bytes.data + i, sizeof f);
        floats.push_back(duckdb::Value::FLOAT(f));
      }
      return duckdb::Value::ARRAY(LogicalType::FLOAT, std::move(floats));
    }
    case TypeKind::kUBigInt:
      return duckdb::Value::UBIGINT(static_cast<uint64_t>(value.integer));
    case TypeKind::kHugeInt:
      return duckdb::Value::HUGEINT(ToHuge(value.wide));
  }
  return duckdb::Value(LogicalType::SQLNULL);
}

DataType TypeOf(const Value& value) {
  DataType type = Type(value.kind);
  if (value.kind == TypeKind::kDecimal) {
    type.precision = 38;
    type.scale = value.scale;
  }
  if (value.kind == TypeKind::kEmbedding && !value.is_null)
    type.dimension = static_cast<uint16_t>(value.bytes.size / sizeof(float));
  return type;
}

Value FromDuck(const duckdb::Value& value, const DataType& type, Arena& arena) {
  if (value.IsNull()) return Value::Null(type.kind);
  switch (type.kind) {
    case TypeKind::kBoolean:
      return Value::Boolean(duckdb::BooleanValue::Get(value));
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
      return Value::Integer(type.kind, value.GetValue<int64_t>());
    case TypeKind::kUBigInt:
      return Value::Integer(type.kind, static_cast<int64_t>(value.GetValue<uint64_t>()));
    case TypeKind::kFloat:
      return Value::Real(type.kind, static_cast<double>(duckdb::FloatValue::Get(value)));
    case TypeKind::kDouble:
      return Value::Real(type.kind, duckdb::DoubleValue::Get(value));
    case TypeKind::kDate:
      return Value::Integer(type.kind, duckdb::DateValue::Get(value).days);
    case TypeKind::kTime:
      return Value::Integer(type.kind, duckdb::TimeValue::Get(value).micros);
    case TypeKind::kTimestamp:
      return Value::Integer(type.kind, duckdb::TimestampValue::Get(value).value);
    case TypeKind::kDateTime:
      return Value::Integer(type.kind, duckdb::TimestampTZValue::Get(value).value);
    case TypeKind::kUuid:
      return Value::Wide(type.kind, UuidFromHuge(value.GetValueUnsafe<duckdb::hugeint_t>()));
    case TypeKind::kHugeInt:
      return Value::Wide(type.kind, FromHuge(duckdb::HugeIntValue::Get(value)));
    case TypeKind::kDecimal:
      return Value::Wide(type.kind, FromHuge(duckdb::IntegralValue::Get(value)), type.scale);
    case TypeKind::kEmbedding: {
      const auto& children = duckdb::ArrayValue::GetChildren(value);
      char* bytes = arena.Allocate(children.size() * sizeof(float));
      for (size_t i = 0; i < children.size(); ++i) {
        const float f = children[i].IsNull() ? 0.0F : duckdb::FloatValue::Get(children[i]);
        std::memcpy(bytes + i * sizeof f, &f, sizeof f);
      }
      return Value::Bytes(type.kind, {bytes, children.size() * sizeof(float)});
    }
    case TypeKind::kNull:
      return Value::Null();
    default:
      return Value::Bytes(type.kind, arena.Copy(duckdb::StringValue::Get(value)));
  }
}

// --- reading

void ColumnReader::Bind(duckdb::ClientContext& context, duckdb::Vector& vector, size_t count) {
  duckdb::Vector* source = &vector;
  const LogicalType layout = LayoutOf(vector.GetType());
  const bool list = vector.GetType().id() == LogicalTypeId::LIST ||
                    (vector.GetType().id() == LogicalTypeId::ARRAY && !IsFloatArray(vector.GetType()));
  if (list) {
    converted_ = ListTexts(context, vector, count);
    source = converted_.get();
  } else if (layout.id() != vector.GetType().id()) {
    converted_ = duckdb::make_uniq<duckdb::Vector>(layout, std::max<size_t>(count, STANDARD_VECTOR_SIZE));
    const LogicalType exact = WithExactNumbers(vector.GetType());
    if (converted_->GetType().IsJSONType() && exact != vector.GetType()) {
      duckdb::Vector texts(exact, count);
      duckdb::VectorOperations::Cast(context, vector, texts, count);
      duckdb::VectorOperations::Cast(context, texts, *converted_, count);
    } else {
      duckdb::VectorOperations::Cast(context, vector, *converted_, count);
    }
    source = converted_.get();
  }
  physical_ = layout.InternalType();
  if (type_.kind == TypeKind::kEmbedding) {
    source->Flatten(count);
    duckdb::Vector& child = duckdb::ArrayVector::GetEntry(*source);
    child.Flatten(count * type_.dimension);
    floats_ = duckdb::FlatVector::GetData<float>(child);
  }
  source->ToUnifiedFormat(count, format_);
}

Value ColumnReader::ReadInteger(size_t index) const {
  const auto at = [&]<typename T>(T) {
    return static_cast<int64_t>(duckdb::UnifiedVectorFormat::GetData<T>(format_)[index]);
  };
  int64_t n = 0;
  switch (physical_) {
    case PhysicalType::BOOL:
      n = at(bool()) != 0 ? 1 : 0;
      break;
    case PhysicalType::INT8:
      n = at(int8_t());
      break;
    case PhysicalType::UINT8:
      n = at(uint8_t());
      break;
    case PhysicalType::INT16:
      n = at(int16_t());
      break;
    case PhysicalType::UINT16:
      n = at(uint16_t());
      break;
    case PhysicalType::INT32:
      n = at(int32_t());
      break;
    case PhysicalType::UINT32:
      n = at(uint32_t());
      break;
    case PhysicalType::UINT64:
      n = at(uint64_t());
      break;
    default:
      n = at(int64_t());
      break;
  }
  return Value::Integer(type_.kind, n);
}

Int128 ColumnReader::ReadWide(size_t index) const {
  switch (physical_) {
    case PhysicalType::INT16:
      return duckdb::UnifiedVectorFormat::GetData<int16_t>(format_)[index];
    case PhysicalType::INT32:
      return duckdb::UnifiedVectorFormat::GetData<int32_t>(format_)[index];
    case PhysicalType::INT64:
      return duckdb::UnifiedVectorFormat::GetData<int64_t>(format_)[index];
    default:
      return FromHuge(duckdb::UnifiedVectorFormat::GetData<duckdb::hugeint_t>(format_)[index]);
  }
}

Value ColumnReader::Read(size_t row) const {
  const size_t index = format_.sel->get_index(row);
  if (!format_.validity.RowIsValid(index)) return Value::Null(type_.kind);
  switch (type_.kind) {
    case TypeKind::kFloat:
      return Value::Real(type_.kind,
                         static_cast<double>(duckdb::UnifiedVectorFormat::GetData<float>(format_)[index]));
    case TypeKind::kDouble:
      return Value::Real(type_.kind, duckdb::UnifiedVectorFormat::GetData<double>(format_)[index]);
    case TypeKind::kDecimal:
      return Value::Wide(type_.kind, ReadWide(index), type_.scale);
    case TypeKind::kHugeInt:
      return Value::Wide(type_.kind, ReadWide(index));
    case TypeKind::kUuid:
      return Value::Wide(
          type_.kind, UuidFromHuge(duckdb::UnifiedVectorFormat::GetData<duckdb::hugeint_t>(format_)[index]));
    case TypeKind::kEmbedding:
      return Value::Bytes(type_.kind, {reinterpret_cast<const char*>(floats_ + index * type_.dimension),
                                       type_.dimension * sizeof(float)});
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kFile:
    case TypeKind::kBytes:
    case TypeKind::kList: {
      // The reference into the vector, not a copy: short strings live inside it.
      return Value::Bytes(type_.kind,
                          ViewOf(duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format_)[index]));
    }
    case TypeKind::kNull:
      return Value::Null();
    default:
      return ReadInteger(index);
  }
}

// --- writing

int64_t TimeWithinRange(int64_t micros) { return std::clamp<int64_t>(micros, 0, kTimeMicrosMax); }

ColumnWriter::ColumnWriter(duckdb::Vector& vector, TypeKind kind)
    : vector_(&vector),
      data_(duckdb::FlatVector::GetData(vector)),
      kind_(kind),
      physical_(vector.GetType().InternalType()) {
  if (kind == TypeKind::kEmbedding) {
    dimension_ = duckdb::ArrayType::GetSize(vector.GetType());
    data_ = duckdb::FlatVector::GetData(duckdb::ArrayVector::GetEntry(vector));
  }
}

bool ColumnWriter::Set(size_t row, const Value& value) {
  const bool matches = value.is_null || value.kind == kind_;
  if (value.is_null || !matches) {
    duckdb::FlatVector::SetNull(*vector_, row, true);
    return matches;
  }
  const auto put = [&]<typename T>(T cell) { reinterpret_cast<T*>(data_)[row] = cell; };
  switch (kind_) {
    case TypeKind::kBoolean:
      put(value.integer != 0);
      break;
    case TypeKind::kSmallInt:
      put(static_cast<int16_t>(value.integer));
      break;
    case TypeKind::kInt:
    case TypeKind::kDate:
      put(static_cast<int32_t>(value.integer));
      break;
    case TypeKind::kTime:
      put(TimeWithinRange(value.integer));
      break;
    case TypeKind::kFloat:
      put(static_cast<float>(value.real));
      break;
    case TypeKind::kDouble:
      put(value.real);
      break;
    case TypeKind::kUuid:
      put(UuidToHuge(value.wide));
      break;
    case TypeKind::kHugeInt:
      put(ToHuge(value.wide));
      break;
    case TypeKind::kDecimal:
      switch (physical_) {
        case PhysicalType::INT16:
          put(static_cast<int16_t>(value.wide));
          break;
        case PhysicalType::INT32:
          put(static_cast<int32_t>(value.wide));
          break;
        case PhysicalType::INT64:
          put(static_cast<int64_t>(value.wide));
          break;
        default:
          put(ToHuge(value.wide));
          break;
      }
      break;
    case TypeKind::kText:
    case TypeKind::kJson:
    case TypeKind::kFile:
    case TypeKind::kBytes:
    case TypeKind::kList:
      put(duckdb::StringVector::AddStringOrBlob(*vector_, value.bytes.data, value.bytes.size));
      break;
    case TypeKind::kEmbedding:
      if (value.bytes.size != dimension_ * sizeof(float)) {
        duckdb::FlatVector::SetNull(*vector_, row, true);
        return false;
      }
      std::memcpy(data_ + row * value.bytes.size, value.bytes.data, value.bytes.size);
      break;
    case TypeKind::kNull:
      duckdb::FlatVector::SetNull(*vector_, row, true);
      break;
    default:
      put(value.integer);
      break;
  }
  return true;
}

}  // namespace kalam::engine
