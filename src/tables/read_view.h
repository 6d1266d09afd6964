// ReadView: what the statements of one principal read rows from. The one read path of direct plans, engine
// scans and transactions.
//
// Hot rows at a snapshot, under the pending rows of the transaction that reads, if any. Threads: a view is an
// immutable value; a cursor belongs to one thread at a time. Errors: kIo, kCorruption.
#pragma once

#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "hot/store.h"
#include "tables/overlay.h"

namespace kalam::tables {

class ColumnCache;

// Rows of a key range in key order, forwards or backwards, each key once. Deleted rows are among them.
//   for (; cursor.Valid(); cursor.Next()) use(cursor.key(), cursor.value()); KALAM_TRY(cursor.status());
class RowCursor {
 public:
  RowCursor(std::unique_ptr<hot::Cursor> stored, const Overlay* overlay, std::string_view begin,
            std::string_view end, hot::Direction direction);

  bool Valid() const { return pending_ || stored_->Valid(); }
  void Next();
  std::string_view key() const { return pending_ ? std::string_view(Front()->first) : stored_->key(); }
  // Stored bytes; valid until Next. A pending row has _seq 0.
  std::string_view value() const {
    return pending_ ? std::string_view(Front()->second.image) : stored_->value();
  }
  Status status() const { return stored_->status(); }

 private:
  // The next pending row in direction; there is one.
  Overlay::Rows::const_iterator Front() const { return forward_ ? first_ : std::prev(last_); }
  // Decides whose row is the current one.
  void Choose();

  std::unique_ptr<hot::Cursor> stored_;
  bool overlaid_;
  bool forward_;
  Overlay::Rows::const_iterator first_;  // pending rows that are left: [first_, last_)
  Overlay::Rows::const_iterator last_;
  bool pending_ = false;  // the current row is the overlay's
  bool hides_ = false;    // and the stored cursor stands on the same key
};

// What a point read's bytes live in; reusable.
struct RowBuffer {
  hot::PinnedBytes hot;
  std::string cold;
  bool is_cold = false;  // the row came from the cold tier
};

inline cold::TableShape ShapeOf(const catalog::Table& table) {
  return {table.id, table.ns, table.name, table.type, table.codec};
}

struct ReadView {
  const hot::Store* store = nullptr;
  std::shared_ptr<const hot::Snapshot> snapshot = nullptr;  // nullptr = the newest durable state
  const Overlay* overlay = nullptr;                         // of a transaction; nullptr = none
  cold::ColdTier* cold = nullptr;                           // nullptr = hot rows only
  cold::PinPtr pin = nullptr;                               // older than the snapshot; set when that is
  ColumnCache* column_cache = nullptr;                      // nullptr = scans read every row

  // Stored bytes of a key, live or tombstone; nullopt when there is no entry. They are valid until the next
  // use of `buffer` and until the transaction writes. Reads a file when the row is cold: not on I/O threads,
  // unless IsCold() just said that it is not.
  Result<std::optional<std::string_view>> Get(const catalog::Table& table, std::string_view key,
                                              size_t prefix_size, RowBuffer& buffer) const;
  // True when Get would read a file now. Cheap.
  Result<bool> IsCold(const catalog::Table& table, std::string_view key) const;
  // The table may have rows that Scan does not give. Asked after the cursor was made, it is never false for a
  // table some row of which had moved by then.
  bool MayHaveColdRows(const catalog::Table& table) const {
    return cold != nullptr && store->HasColdRows(table.id);
  }
  // This view at a snapshot of now, when it has none.
  ReadView AtSnapshot() const;
  // Hot rows and the overlay. The cursor must not outlive the snapshot or a write of the transaction. `end`
  // empty = no upper bound.
  RowCursor Scan(std::string_view begin, std::string_view end,
                 hot::Direction direction = hot::Direction::kForward) const;
};

}  // namespace kalam::tables
