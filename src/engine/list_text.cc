#include "engine/list_text.h"

#include <algorithm>
#include <string>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "engine/translate.h"
#include "wire/value_json.h"

namespace kalam::engine {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Vector;

bool IsStructure(const LogicalType& type) {
  return type.id() == LogicalTypeId::STRUCT || type.id() == LogicalTypeId::MAP ||
         type.id() == LogicalTypeId::UNION;
}

// The elements of all lists of a vector.
class Elements {
 public:
  Elements(duckdb::ClientContext& context, Vector& elements, size_t count)
      : raw_(IsStructure(elements.GetType())), reader_(Type(TypeKind::kText)) {
    Vector* source = &elements;
    if (const Result<DataType> type = FromDuck(elements.GetType())) {
      reader_ = ColumnReader(*type);
    } else {
      texts_ = duckdb::make_uniq<Vector>(LogicalType::VARCHAR, std::max<size_t>(count, STANDARD_VECTOR_SIZE));
      duckdb::VectorOperations::Cast(context, elements, *texts_, count);
      source = texts_.get();
    }
    reader_.Bind(context, *source, count);
  }

  void Append(size_t index, std::string& out) const {
    const Value value = reader_.Read(index);
    if (raw_ && !value.is_null) {
      out.append(value.text());
    } else if (!wire::AppendJsonValue(value, out)) {
      throw duckdb::InvalidInputException(
          "A list holds NaN or infinity, which cannot be given as JSON; cast it to TEXT");
    }
  }

 private:
  bool raw_;
  duckdb::unique_ptr<Vector> texts_;
  ColumnReader reader_;
};

}  // namespace

duckdb::unique_ptr<Vector> ListTexts(duckdb::ClientContext& context, Vector& lists, size_t count) {
  const LogicalType& type = lists.GetType();
  if (type.id() == LogicalTypeId::ARRAY) {
    Vector as_lists(LogicalType::LIST(duckdb::ArrayType::GetChildType(type)),
                    std::max<size_t>(count, STANDARD_VECTOR_SIZE));
    duckdb::VectorOperations::Cast(context, lists, as_lists, count);
    return ListTexts(context, as_lists, count);
  }
  const Elements elements(context, duckdb::ListVector::GetEntry(lists),
                          duckdb::ListVector::GetListSize(lists));
  duckdb::UnifiedVectorFormat format;
  lists.ToUnifiedFormat(count, format);
  auto out = duckdb::make_uniq<Vector>(LogicalType::VARCHAR, std::max<size_t>(count, STANDARD_VECTOR_SIZE));
  std::string text;
  for (size_t row = 0; row < count; ++row) {
    const size_t index = format.sel->get_index(row);
    if (!format.validity.RowIsValid(index)) {
      duckdb::FlatVector::SetNull(*out, row, true);
      continue;
    }
    const auto& entry = duckdb::UnifiedVectorFormat::GetData<duckdb::list_entry_t>(format)[index];
    text = "[";
    for (size_t i = 0; i < entry.length; ++i) {
      if (i != 0) text.push_back(',');
      elements.Append(entry.offset + i, text);
    }
    text.push_back(']');
    duckdb::FlatVector::GetData<duckdb::string_t>(*out)[row] =
        duckdb::StringVector::AddString(*out, text.data(), text.size());
  }
  return out;
}

}  // namespace kalam::engine
