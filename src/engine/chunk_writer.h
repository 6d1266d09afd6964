// ChunkWriter: the BatchWriter that fills DuckDB's vectors. Not for other modules.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/source.h"
#include "engine/translate.h"

namespace kalam::engine {

class ChunkWriter final : public BatchWriter {
 public:
  explicit ChunkWriter(size_t columns) { writers_.reserve(columns); }
  void Clear() { writers_.clear(); }
  void Add(duckdb::Vector& vector, TypeKind kind) { writers_.emplace_back(vector, kind); }
  size_t capacity() const override { return STANDARD_VECTOR_SIZE; }
  void Set(size_t column, size_t row, const Value& value) override {
    if (!writers_[column].Set(row, value)) kind_mismatch_ = true;
  }
  bool kind_mismatch() const { return kind_mismatch_; }

 private:
  std::vector<ColumnWriter> writers_;
  bool kind_mismatch_ = false;
};

}  // namespace kalam::engine
