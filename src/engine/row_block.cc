#include "engine/row_block.h"

#include <utility>
#include <vector>

#include "engine/chunk_writer.h"

namespace kalam::engine {
namespace {

size_t BytesOf(duckdb::Vector& vector, size_t rows) {
  const size_t width = duckdb::GetTypeIdSize(vector.GetType().InternalType());
  size_t bytes = sizeof(duckdb::Vector) + STANDARD_VECTOR_SIZE * width;
  if (vector.GetType().InternalType() == duckdb::PhysicalType::ARRAY) {
    bytes += STANDARD_VECTOR_SIZE * sizeof(float) * duckdb::ArrayType::GetSize(vector.GetType());
  }
  if (vector.GetType().InternalType() != duckdb::PhysicalType::VARCHAR) return bytes;
  const auto* texts = duckdb::FlatVector::GetData<duckdb::string_t>(vector);
  for (size_t row = 0; row < rows; ++row) {
    if (!duckdb::FlatVector::IsNull(vector, row) && !texts[row].IsInlined()) bytes += texts[row].GetSize();
  }
  return bytes;
}

class Builder final : public RowBlockBuilder {
 public:
  explicit Builder(std::span<const DataType> types)
      : types_(types.begin(), types.end()), writer_(types.size()) {
    Start();
  }

  BatchWriter& writer() override { return writer_; }

  RowBlockPtr Finish(size_t rows) override {
    block_->SetRows(rows);
    for (duckdb::Vector& column : block_->columns()) block_->AddBytes(BytesOf(column, rows));
    RowBlockPtr made = writer_.kind_mismatch() ? nullptr : std::move(block_);
    Start();
    return made;
  }

 private:
  void Start() {
    block_ = std::make_shared<DuckRowBlock>();
    writer_ = ChunkWriter(types_.size());
    block_->columns().reserve(types_.size());
    for (const DataType& type : types_) {
      writer_.Add(block_->columns().emplace_back(ToDuck(type)), type.kind);
    }
  }

  std::vector<DataType> types_;
  std::shared_ptr<DuckRowBlock> block_;
  ChunkWriter writer_;
};

}  // namespace

std::unique_ptr<RowBlockBuilder> MakeRowBlockBuilder(std::span<const DataType> types) {
  return std::make_unique<Builder>(types);
}

}  // namespace kalam::engine
