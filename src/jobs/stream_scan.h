// StreamScan: the rows of a STREAM table, of all users, whose _seq is below a cutoff; or its deletes
// (Space::kBySeq), likewise. Within a user they come first, so a scan jumps from user to user and reads
// nothing that lives.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "hot/store.h"

namespace kalam::jobs {

// One thread. `store` outlives it.
class StreamScan {
 public:
  // From the first such key at or behind `from` on.
  StreamScan(const hot::Store& store, TableId table, std::string_view from, Seq cutoff,
             hot::Space space = hot::Space::kRows);

  bool Valid() const { return cursor_->Valid(); }
  void Next();
  std::string_view key() const { return cursor_->key(); }
  std::string_view value() const { return cursor_->value(); }
  Status status() const { return cursor_->status(); }

 private:
  void SkipLiving();

  std::unique_ptr<hot::Cursor> cursor_;
  Seq cutoff_;
};

// The smallest _seq of a row that lives at `now_ms`.
Seq FirstLiving(int64_t ttl_seconds, int64_t now_ms);

// The _seq below which the oldest rows must go when a table holds more than `bytes_max`, so that the others
// hold at most nine tenths of it: a full stream must not be read anew for each row. 0 when all fit. Reads the
// whole table. The cut is made between seconds, and between rows when not even the newest second fits.
Result<Seq> CutoffBySize(const hot::Store& store, TableId table, int64_t bytes_max);

}  // namespace kalam::jobs
