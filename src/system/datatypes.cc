// system.datatypes: the column types, each with the names that programs and people know it by.
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 4> kColumns = {{{"arrow_type", Type(TypeKind::kText), false, true},
                                                        {"kalam_type", Type(TypeKind::kText), false, true},
                                                        {"sql_name", Type(TypeKind::kText), true, true},
                                                        {"description", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

struct TypeRow {
  std::string_view arrow_type;
  std::string_view kalam_type;
  std::string_view sql_name;
  std::string_view description;
};
// One row per spelling that DDL accepts.
constexpr auto kTypes = std::to_array<TypeRow>({
    {"Boolean", "Boolean", "BOOLEAN", "true or false"},
    {"Boolean", "Boolean", "BOOL", "same as BOOLEAN"},
    {"Int16", "SmallInt", "SMALLINT", "whole number of 16 bits"},
    {"Int16", "SmallInt", "INT2", "same as SMALLINT"},
    {"Int32", "Int", "INT", "whole number of 32 bits"},
    {"Int32", "Int", "INTEGER", "same as INT"},
    {"Int32", "Int", "INT4", "same as INT"},
    {"Int64", "BigInt", "BIGINT", "whole number of 64 bits; text in JSON"},
    {"Int64", "BigInt", "INT8", "same as BIGINT"},
    {"Int64", "BigInt", "BIGSERIAL", "BIGINT DEFAULT SNOWFLAKE_ID()"},
    {"Float32", "Float", "FLOAT", "floating point number of 32 bits"},
    {"Float32", "Float", "REAL", "same as FLOAT"},
    {"Float64", "Double", "DOUBLE", "floating point number of 64 bits"},
    {"Float64", "Double", "DOUBLE PRECISION", "same as DOUBLE"},
    {"Decimal128", "Decimal", "DECIMAL(p, s)", "exact number of up to 38 digits; text in JSON"},
    {"Utf8", "Text", "TEXT", "text in UTF-8"},
    {"Utf8", "Text", "VARCHAR", "same as TEXT"},
    {"Utf8", "Text", "CHAR", "same as TEXT"},
    {"Utf8", "Text", "STRING", "same as TEXT"},
    {"Binary", "Bytes", "BYTES", "bytes; an array of numbers in JSON"},
    {"Binary", "Bytes", "BLOB", "same as BYTES"},
    {"Utf8", "Json", "JSON", "text that holds JSON"},
    {"Timestamp(Microsecond, None)", "Timestamp", "TIMESTAMP",
     "microseconds since 1970-01-01, without a zone"},
    {"Timestamp(Microsecond, UTC)", "DateTime", "DATETIME", "microseconds since 1970-01-01 UTC"},
    {"Date32", "Date", "DATE", "days since 1970-01-01"},
    {"Time64(Microsecond)", "Time", "TIME", "microseconds since midnight"},
    {"FixedSizeBinary(16)", "Uuid", "UUID", "128 bits; canonical text in JSON"},
    {"FixedSizeList(Float32)", "Embedding", "EMBEDDING(n)", "n floating point numbers of 32 bits, 1 to 8192"},
    {"Utf8", "File", "FILE", "reference to a stored file"},
});

Status Rows(const SystemContext&, RowSink& out) {
  for (const TypeRow& type : kTypes) {
    const std::array<Value, 4> row = {Value::Text(type.arrow_type), Value::Text(type.kalam_type),
                                      Value::Text(type.sql_name), Value::Text(type.description)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable DatatypesTable() { return {"system", "datatypes", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
