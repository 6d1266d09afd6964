// RowBlock: rows of a source in the engine's own form.
//
// Filled once, cell by cell, and then given to any number of scans as a whole (BatchWriter::SetBlock), which
// costs next to nothing. Threads: a block is immutable and thread-safe; a builder belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/source.h"
#include "model/types.h"

namespace kalam::engine {

class RowBlock {
 public:
  virtual ~RowBlock() = default;
  virtual size_t rows() const = 0;
  virtual size_t bytes() const = 0;  // of memory
};
using RowBlockPtr = std::shared_ptr<const RowBlock>;

class RowBlockBuilder {
 public:
  virtual ~RowBlockBuilder() = default;
  // Takes the cells of the next block, at most capacity() rows.
  virtual BatchWriter& writer() = 0;
  // The first `rows` rows, every cell of which has been set; nullptr when some value was not of its column's
  // kind. The builder starts anew.
  virtual RowBlockPtr Finish(size_t rows) = 0;
};

std::unique_ptr<RowBlockBuilder> MakeRowBlockBuilder(std::span<const DataType> types);

}  // namespace kalam::engine
