// A hard limit on the memory of all DuckDB databases of the process. Not for other modules.
#pragma once

#include <cstddef>
#include <memory>

#include "duckdb/common/allocator.hpp"

namespace kalam::engine {

// DuckDB's own limit covers what its buffer manager hands out, but not strings and lists inside a running
// expression: repeat('x', 2000000000) or range(1000000000) would take all memory of the machine. This guard
// counts every allocation and refuses those beyond the limit, which ends the query with an out-of-memory
// error.
class MemoryGuard {
 public:
  // Puts the guard before DuckDB's default allocator, once per process; later calls only change the limit.
  static void Install(size_t bytes_max);
  // For DBConfig::allocator: counted by the same guard.
  static duckdb::unique_ptr<duckdb::Allocator> MakeAllocator();
  // Gives freed memory back to the operating system when much has been freed since the last time. For idle
  // moments: what is given back must be asked for again, page by page, by the next query.
  static void ReleaseFreed();
  static size_t used_bytes();
};

}  // namespace kalam::engine
