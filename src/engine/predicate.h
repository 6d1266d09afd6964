// BoundPredicate: the WHERE of a SELECT over one table, bound once and evaluated for rows that are at hand.
// So a live filter, a topic's filter and a query agree on every function, cast and NULL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/source.h"

namespace kalam::engine {

// Made by Engine::BindPredicate; the engine outlives it. Thread-safe: evaluations take turns.
class BoundPredicate {
 public:
  virtual ~BoundPredicate() = default;

  // Positions in the columns that it was bound to of those that it reads, ascending.
  virtual std::span<const size_t> columns() const = 0;

  // Writes the cells of all rows: column i of the writer is columns()[i]. Bytes are copied.
  using FillRows = std::function<void(BatchWriter& out)>;
  // Sets matches[row] to 1 where the condition is true, to 0 where it is false or NULL. At most
  // rows_max rows at once. `now_micros`: NOW(). kExecution when the condition fails for one of the rows
  // (a cast, a division): then nothing is known of any of them, and the caller may ask row by row.
  virtual Status Evaluate(size_t rows, const FillRows& fill, int64_t now_micros,
                          std::vector<uint8_t>& matches) const = 0;
  static constexpr size_t kRowsMax = 2048;
};

}  // namespace kalam::engine
