// Rows: any bytes either do not open, or every column of every schema version reads inside them; what opens
// under the newest version encodes again to a row with the same values.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "hot/row_codec.h"

namespace {

using kalam::Column;
using kalam::ColumnId;
using kalam::DataType;
using kalam::OwnedValue;
using kalam::TableSchema;
using kalam::TypeKind;
using kalam::Value;

void Require(bool holds) {
  if (!holds) std::abort();
}

Column MakeColumn(uint32_t id, DataType type) {
  Column column;
  column.id = ColumnId(id);
  column.name = "c" + std::to_string(id);
  column.type = type;
  return column;
}

// Three versions with a widened, an added, a dropped and a re-typed text column.
std::vector<TableSchema> MakeVersions() {
  TableSchema v1;
  v1.columns = {MakeColumn(1, Type(TypeKind::kInt)),       MakeColumn(2, Type(TypeKind::kText)),
                MakeColumn(3, Type(TypeKind::kDate)),      MakeColumn(4, Type(TypeKind::kBoolean)),
                MakeColumn(5, Type(TypeKind::kEmbedding)), MakeColumn(6, Type(TypeKind::kSmallInt))};
  v1.columns[4].type.dimension = 2;
  TableSchema v2 = v1;
  v2.version = 2;
  v2.columns[0].type = Type(TypeKind::kBigInt);
  v2.columns[1].type = Type(TypeKind::kJson);
  v2.columns[2].type = Type(TypeKind::kTimestamp);
  v2.columns[5].type = DataType{TypeKind::kDecimal, 9, 3, 0};
  v2.columns.push_back(MakeColumn(7, Type(TypeKind::kFloat)));
  v2.columns.back().initial_default = OwnedValue(Value::Real(TypeKind::kFloat, 1.5));
  TableSchema v3 = v2;
  v3.version = 3;
  v3.columns.erase(v3.columns.begin() + 3);
  v3.columns.push_back(MakeColumn(8, Type(TypeKind::kUuid)));
  v3.columns.push_back(MakeColumn(9, Type(TypeKind::kBytes)));
  return {v1, v2, v3};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const kalam::hot::RowCodec kCodec(MakeVersions());
  const std::string row(reinterpret_cast<const char*>(data),
                        size);  // its own allocation: a read beyond it is found
  const auto view = kCodec.Open(row);
  if (!view) return 0;
  std::vector<Value> values;
  uint64_t sum = 0;
  for (size_t i = 0; i < kCodec.schema().columns.size(); ++i) {
    values.push_back(view->Get(i));
    Require(values.back().kind == kCodec.schema().columns[i].type.kind);
    if (values.back().is_null || !IsVariable(values.back().kind)) continue;
    for (const char c : values.back().text()) sum += static_cast<uint8_t>(c);
  }
  if (sum == UINT64_MAX) return 1;  // keeps the reads
  std::string again;
  if (!kCodec.Encode(values, again)) return 0;  // an embedding of another size
  const auto second = kCodec.Open(again);
  Require(second.has_value());
  for (size_t i = 0; i < values.size(); ++i) Require(Identical(second->Get(i), values[i]));
  return 0;
}
