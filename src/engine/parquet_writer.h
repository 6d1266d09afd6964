// ParquetWriter: the rows of a Source as a Parquet file.
//
// Purpose: the write half of the cold tier. It has a DuckDB of its own that may touch the disk and never sees
//   a statement of a user; the one that runs statements cannot write files.
// Owner: main(). DuckDB is opened by the first file. Threads: thread-safe; files are written one at a time,
//   by the calling thread. Errors: of the source; kIo; kCancelled; kLimitExceeded: too little memory.
// Limits: memory_bytes_max is DuckDB's; a row group is in memory, it ends behind a batch: keep them small.
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "engine/object_files.h"
#include "engine/source.h"

namespace kalam::engine {

struct ParquetWrite {
  std::string path;  // a local file, replaced when it exists. Not synced
  std::shared_ptr<const Source> source;
  // Parallel to the source's columns: their field ids. Columns of kDeletedField and kRowNumberField are left
  // out.
  std::vector<FileColumn> columns;
  size_t row_group_rows = 8192;
  // Sort by this column; empty = as the source gives them.
  std::string order_by;
  std::stop_token stop;
};

class ParquetWriter {
 public:
  // `files`: what the files of sources are read from; outlives the writer, may be nullptr.
  ParquetWriter(Random& random, size_t memory_bytes_max, const ObjectFiles* files = nullptr);
  ~ParquetWriter();

  // Writes the rows of the source and of its files. After a failure the file's content means
  // nothing.
  Status Write(const ParquetWrite& write);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::engine
