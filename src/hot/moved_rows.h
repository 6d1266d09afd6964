// MovedRows: takes rows that have moved to the cold tier out of `rows` and `by_seq`.
//
// Rows move in runs of neighbours. Where the database holds nothing but them, one range deletion takes out
// the run, which costs a fraction of a deletion per row: in the write, in the log, in the files that are
// written from memory, and for every scan that comes across it later. Owner: a commit group while it is
// collected. Threads: the committer's. Errors: none; what cannot be proved to be a run is deleted row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "hot/database.h"

namespace rocksdb {
class WriteBatch;
}  // namespace rocksdb

namespace kalam::hot {

class MovedRows {
 public:
  // `rewritten`: the group gives the key another value, which follows in the write batch.
  MovedRows(const Database& database, std::function<bool(std::string_view key)> rewritten)
      : database_(database), rewritten_(std::move(rewritten)) {}

  // The row's entry in `rows`, and the one in `by_seq` for `stored_seq`, are in the database and go. `key` is
  // referred to.
  void Add(std::string_view key, uint32_t prefix_size, Seq stored_seq) {
    rows_.push_back({key, prefix_size, stored_seq});
  }
  // Before the group's other writes to the two families.
  void Collect(rocksdb::WriteBatch& out) const;

 private:
  struct Row {
    std::string_view key;
    uint32_t prefix_size = 0;
    Seq seq;
  };
  // `rows`: of one scope, ascending by key.
  void CollectRun(std::span<const Row> rows, rocksdb::WriteBatch& out) const;

  const Database& database_;
  const std::function<bool(std::string_view key)> rewritten_;
  std::vector<Row> rows_;
};

}  // namespace kalam::hot
