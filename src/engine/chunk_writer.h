// ChunkWriter: the BatchWriter that fills DuckDB's vectors. Not for other modules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/row_block.h"
#include "engine/source.h"
#include "engine/translate.h"

namespace kalam::engine {

// What RowBlockBuilder makes.
class DuckRowBlock final : public RowBlock {
 public:
  size_t rows() const override { return rows_; }
  size_t bytes() const override { return bytes_; }
  void SetRows(size_t rows) { rows_ = rows; }
  void AddBytes(size_t bytes) { bytes_ += bytes; }
  std::vector<duckdb::Vector>& columns() { return columns_; }
  const std::vector<duckdb::Vector>& columns() const { return columns_; }

 private:
  std::vector<duckdb::Vector> columns_;
  size_t rows_ = 0;
  size_t bytes_ = sizeof(DuckRowBlock);
};

class ChunkWriter final : public BatchWriter {
 public:
  explicit ChunkWriter(size_t columns) {
    vectors_.reserve(columns);
    writers_.reserve(columns);
  }
  void Clear() {
    vectors_.clear();
    writers_.clear();
  }
  void Add(duckdb::Vector& vector, TypeKind kind) {
    vectors_.push_back(&vector);
    writers_.emplace_back(vector, kind);
  }
  size_t capacity() const override { return STANDARD_VECTOR_SIZE; }
  void Set(size_t column, size_t row, const Value& value) override {
    if (!writers_[column].Set(row, value)) kind_mismatch_ = true;
  }
  // The vectors share the block's memory.
  void SetBlock(const RowBlock& block, std::span<const size_t> columns,
                std::span<const uint16_t> without) override {
    const auto& from = static_cast<const DuckRowBlock&>(block).columns();
    if (without.empty()) {
      for (size_t i = 0; i < vectors_.size(); ++i) vectors_[i]->Reference(from[columns[i]]);
      return;
    }
    duckdb::SelectionVector kept(block.rows());
    size_t count = 0;
    for (size_t row = 0; row < block.rows(); ++row) {
      if (!without.empty() && without.front() == row) {
        without = without.subspan(1);
      } else {
        kept.set_index(count++, row);
      }
    }
    for (size_t i = 0; i < vectors_.size(); ++i) vectors_[i]->Slice(from[columns[i]], kept, count);
  }
  bool kind_mismatch() const { return kind_mismatch_; }

 private:
  std::vector<duckdb::Vector*> vectors_;
  std::vector<ColumnWriter> writers_;
  bool kind_mismatch_ = false;
};

}  // namespace kalam::engine
