#include "catalog/record.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catalog/value_json.h"

namespace kalam::catalog {
namespace {

TEST(ValueJsonTest, EveryConstantComesBackWithTheSameBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Int128 big = (static_cast<Int128>(1) << 126) + 12345;
  const std::string not_utf8("\xFF\x00\xC3", 3);
  const std::vector<Value> values = {
      Value::Null(TypeKind::kText),
      Value::Null(),
      Value::Boolean(true),
      Value::Integer(TypeKind::kSmallInt, -32768),
      Value::BigInt(std::numeric_limits<int64_t>::min()),
      Value::BigInt(std::numeric_limits<int64_t>::max()),
      Value::Integer(TypeKind::kTimestamp, -1),
      Value::Real(TypeKind::kDouble, 0.1),
      Value::Real(TypeKind::kDouble, -0.0),
      Value::Real(TypeKind::kDouble, nan),
      Value::Real(TypeKind::kFloat, std::numeric_limits<double>::infinity()),
      Value::Wide(TypeKind::kDecimal, big, 7),
      Value::Wide(TypeKind::kDecimal, -big, 38),
      Value::Wide(TypeKind::kUuid, -1),
      Value::Text("it's \"quoted\"\n\xC3\xA4 \x01"),
      Value::Text(""),
      Value::Text(not_utf8),
      Value::Bytes(TypeKind::kJson, "{\"a\": [1, 2]}"),
      Value::Bytes(TypeKind::kBytes, not_utf8),
      Value::Bytes(TypeKind::kBytes, "plain"),
      Value::Bytes(TypeKind::kEmbedding, std::string_view("\0\0\x80\x3f", 4)),
  };
  for (const Value& value : values) {
    const std::string text = boost::json::serialize(EncodeValue(value));
    const auto decoded = DecodeValue(boost::json::parse(text));
    ASSERT_TRUE(decoded.has_value()) << text << decoded.error().message;
    EXPECT_TRUE(Identical(decoded->view(), value)) << text;
    EXPECT_EQ(decoded->view().kind, value.kind);
  }
}

TEST(ValueJsonTest, BrokenConstantsAreRefused) {
  for (const char* text :
       {"5", "{}", R"({"type":999,"null":true})", R"({"type":3})", R"({"type":3,"int":"5"})",
        R"({"type":12,"hex":"abc"})", R"({"type":12,"hex":"zz"})", R"({"type":4,"bits":"12"})",
        R"({"type":15,"bits":"00000000000000000000000000000001","scale":99})", R"({"type":6})"}) {
    const auto decoded = DecodeValue(boost::json::parse(text));
    ASSERT_FALSE(decoded.has_value()) << text;
    EXPECT_EQ(decoded.error().code, ErrorCode::kCorruption);
  }
}

Column MakeColumn(uint32_t id, std::string name, DataType type) {
  Column column;
  column.id = ColumnId(id);
  column.name = std::move(name);
  column.type = type;
  return column;
}

TableSchema SampleSchema() {
  Column id = MakeColumn(1, "id", Type(TypeKind::kBigInt));
  id.nullable = false;
  id.primary_key = true;
  id.default_value = {DefaultKind::kSnowflakeId, {}, "SNOWFLAKE_ID()"};
  Column price = MakeColumn(7, "price", DataType{TypeKind::kDecimal, 10, 2, 0});
  price.default_value = {DefaultKind::kLiteral, OwnedValue(Value::Wide(TypeKind::kDecimal, 150, 2)), "1.5"};
  price.initial_default = OwnedValue(Value::Wide(TypeKind::kDecimal, 99, 2));
  price.comment = "with tax";
  Column vector = MakeColumn(8, "v", DataType{TypeKind::kEmbedding, 0, 0, 384});
  vector.default_value = {DefaultKind::kLiteral, OwnedValue(Value::Null(TypeKind::kEmbedding)), "NULL"};
  TableSchema schema;
  schema.version = 3;
  schema.created_at_ms = 1234;
  schema.columns = {id, price, vector};
  return schema;
}

TEST(RecordTest, SchemaRoundTrip) {
  const TableSchema schema = SampleSchema();
  const auto decoded = DecodeSchema(EncodeSchema(TableId(5), schema));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(decoded->table, TableId(5));
  EXPECT_EQ(decoded->schema.version, 3U);
  EXPECT_EQ(decoded->schema.created_at_ms, 1234);
  ASSERT_EQ(decoded->schema.columns.size(), schema.columns.size());
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const Column& want = schema.columns[i];
    const Column& got = decoded->schema.columns[i];
    EXPECT_EQ(got.id, want.id);
    EXPECT_EQ(got.name, want.name);
    EXPECT_EQ(got.type, want.type);
    EXPECT_EQ(got.nullable, want.nullable);
    EXPECT_EQ(got.primary_key, want.primary_key);
    EXPECT_EQ(got.comment, want.comment);
    EXPECT_EQ(got.default_value.kind, want.default_value.kind);
    EXPECT_EQ(got.default_value.sql, want.default_value.sql);
    EXPECT_TRUE(Identical(got.default_value.literal.view(), want.default_value.literal.view()));
    EXPECT_TRUE(Identical(got.initial_default.view(), want.initial_default.view()));
  }
}

TEST(RecordTest, TableAndNamespaceRoundTrip) {
  Table table;
  table.id = TableId(9);
  table.ns = "app";
  table.name = "t";
  table.type = TableType::kStream;
  table.access_level = AccessLevel::kDba;
  table.options = {.storage_id = "s3-main",
                   .use_user_storage = true,
                   .flush_rows = 10,
                   .flush_interval_seconds = std::nullopt,
                   .deleted_retention_hours = 0,
                   .ttl_seconds = 60};
  table.versions = {SampleSchema()};
  table.next_column_id = 9;
  table.comment = "c";
  table.created_at_ms = 1;
  table.updated_at_ms = 2;
  const auto decoded = DecodeTable(EncodeTable(table));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(decoded->last_version, 3U);
  const Table& got = decoded->table;
  EXPECT_EQ(got.id, table.id);
  EXPECT_EQ(got.full_name(), "app.t");
  EXPECT_EQ(got.type, table.type);
  EXPECT_EQ(got.access_level, table.access_level);
  EXPECT_EQ(got.options.storage_id, "s3-main");
  EXPECT_TRUE(got.options.use_user_storage);
  EXPECT_EQ(got.options.flush_rows, 10);
  EXPECT_EQ(got.options.flush_interval_seconds, std::nullopt);
  EXPECT_EQ(got.options.deleted_retention_hours, 0);
  EXPECT_EQ(got.options.ttl_seconds, 60);
  EXPECT_EQ(got.next_column_id, 9U);
  EXPECT_EQ(got.comment, "c");
  EXPECT_EQ(got.created_at_ms, 1);
  EXPECT_EQ(got.updated_at_ms, 2);

  const Namespace ns{.name = "app", .created_at_ms = 5, .options_json = R"({"a":"b"})"};
  const auto decoded_ns = DecodeNamespace(EncodeNamespace(ns));
  ASSERT_TRUE(decoded_ns.has_value());
  EXPECT_EQ(decoded_ns->name, "app");
  EXPECT_EQ(decoded_ns->created_at_ms, 5);
  EXPECT_EQ(decoded_ns->options_json, R"({"a":"b"})");
}

TEST(RecordTest, BrokenRecordsAreRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"format":2,"name":"a"})", R"({"format":1})", "{\"format\":1"}) {
    EXPECT_EQ(DecodeNamespace(text).error().code, ErrorCode::kCorruption) << text;
    EXPECT_EQ(DecodeTable(text).error().code, ErrorCode::kCorruption) << text;
    EXPECT_EQ(DecodeSchema(text).error().code, ErrorCode::kCorruption) << text;
  }
  std::string schema = EncodeSchema(TableId(1), SampleSchema());
  schema.replace(schema.find("\"kind\":3"), 8, "\"kind\":99");
  EXPECT_EQ(DecodeSchema(schema).error().message, "type member kind is missing or out of range");
}

}  // namespace
}  // namespace kalam::catalog
