// Batch: one atomic change of the database, before it is committed.
//
// A batch is a plain value: what to write and under which preconditions. The committer validates it against
// the newest state, assigns every row its _seq and applies the whole batch or nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "hot/row_history.h"

namespace kalam::hot {

// Computes a row's next version from its newest one. Lets many writers of one hot row share a commit group:
// the committer applies the transform to the version that it is about to write instead of refusing a stale
// one. Pure, fast (microseconds), thread-safe.
class RowTransform {
 public:
  virtual ~RowTransform() = default;
  enum class Effect : uint8_t {
    kWrite,      // `next` holds the new row image (deleted flag set for a delete); _seq is assigned later
    kUnchanged,  // nothing to do: no live row, or the values are the same; the operation does not count
  };
  // `current`: stored bytes of the newest version, live or deleted, or nullopt when the key has no entry.
  virtual Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const = 0;
  // False: only whether there is a live row counts, not what is in it. Then a cold row, whose bytes the
  // committer does not have, is given as a bare header; otherwise it is a conflict.
  virtual bool needs_current() const { return true; }
};

// Where a row stands in the cold tier: a segment and the position of the row in its file. Segment 0 is none.
struct ColdPlace {
  uint64_t segment = 0;
  uint32_t row = 0;
  explicit operator bool() const { return segment != 0; }
  friend bool operator==(const ColdPlace&, const ColdPlace&) = default;
};

enum class RowOpKind : uint8_t {
  kInsert,  // the key must have no live row; refused with kAlreadyExists otherwise
  kUpdate,  // the newest version must be `seen`; otherwise `transform` decides, or kConflict
  kDelete,  // as kUpdate; `value` is the tombstone (RowDeleted is set)
  // STREAM tables, whose keys end with the row's own _seq and which have no by_seq entries:
  kAppend,  // `key` is the prefix alone; the committer appends the _seq. Never refused
  kErase,   // removes the row without a tombstone; counts when there was one. `value` is ignored
  // Removes a tombstone whose _seq is still `seen`; anything else stays as it is. Not a change: nobody is
  // told.
  kPurge,
  // Moves the live version `seen` to `to`, out of `rows` or of another segment. It stays the same version: no
  // new _seq, nobody is told. When the row is another version by now, or gone, `to` is marked as dead
  // instead; that is no failure. `value` is ignored.
  kMove,
};

struct RowOp {
  RowOpKind kind = RowOpKind::kInsert;
  uint32_t prefix_size = 0;  // bytes of `key` before the primary key
  std::string key;           // key in `rows`
  std::string value;  // row image; ignored and computed by `transform` when that is set and `seen` is stale
  Seq seen;           // _seq of the entry (live or tombstone) that the writer saw; 0 = it saw none
  // Of kUpdate and kDelete. May be set with an empty `value`: then the committer always computes the row with
  // it, whatever was seen. A second operation of one batch on the same key needs it: the first one's version
  // is never the one seen.
  std::shared_ptr<const RowTransform> transform;
  ColdPlace to;  // kMove
  // kMove: the writer saw the live version in `rows`. With Batch::read_at it saves the committer a read.
  bool from_hot = false;
  // kMove with from_hot: of the version seen. kUpdate with `value`: `changed` has the columns that differ
  // from the version seen, 0 = not known.
  RowHistory history;
  // Of kUpdate and kDelete: the stored bytes of the version `seen`, for tables that have cold rows: the
  // committer cannot read those. For Change::before: where somebody needs that, an operation that finds its
  // row cold without them is refused with kConflict, whatever its transform needs.
  std::string cold_before;
};

// Catalog, users and everything else that is not a row: an ordered key space of its own (column family
// `meta`). Keys that start with "hot/" belong to the store.
struct MetaOp {
  std::string key;
  std::optional<std::string> value = std::nullopt;  // nullopt = delete
  // When set: gives `value` once the batch is accepted, from the number of its row operations that wrote
  // something. Pure, fast.
  std::function<std::optional<std::string>(int64_t applied)> of_applied = nullptr;
};

// Entries of append-only logs: an ordered key space of its own (column family `messages`) for what is written
// once, read in order and removed in ranges.
struct MessageOp {
  std::string key;
  std::string value;      // put under `key`, when `erase_end` is empty
  std::string erase_end;  // else everything from `key` to before this key is removed
};

// The batch is refused with kConflict unless the table's schema version is still this one (0 = dropped).
struct SchemaGuard {
  TableId table;
  uint32_t version = 0;
};

struct KeySpan {
  std::string begin;
  std::string end;
};

struct Batch {
  std::vector<RowOp> rows;
  std::vector<MetaOp> meta;
  std::vector<MessageOp> messages;
  std::vector<SchemaGuard> guards;
  // What this batch makes of table versions (DDL). Later batches are checked against it.
  std::vector<SchemaGuard> new_versions;
  // Tables whose rows disappear with this batch.
  std::vector<TableId> dropped_tables;
  // Prefixes (table and scope) whose rows disappear with this batch, tombstones too. Nobody is told.
  std::vector<std::string> dropped_hot_rows;
  // Rows of STREAM tables with begin <= key < end, which have expired: nobody can see them, nobody is told.
  std::vector<KeySpan> expired_rows;
  // Prefixes of keys whose cold rows disappear with this batch. The caller removes their segments with it.
  std::vector<std::string> dropped_cold_rows;
  // Segments whose marks are forgotten. Nothing reads them any more.
  std::vector<uint64_t> dropped_segments;
  // Store::last_seq() as the writer noted it before it read the versions that it gives as `seen`; 0 = not
  // noted. Saves the committer a read per update or delete, mostly. A value noted after those reads loses
  // updates. Inserts and operations with `seen` 0 do not use it.
  Seq read_at;
  // The batch moves rows and records that: it changes nothing that anybody was promised, so it needs no sync
  // of its own. A power cut may take it back as long as no later batch was made durable; then the rows stand
  // where they stood.
  bool moves_only = false;

  size_t ApproximateBytes() const;
};

struct CommitResult {
  Status status;
  // The row operation that was refused (kAlreadyExists, kConflict or the transform's error).
  std::optional<size_t> failed_op;
  std::string failed_key;  // its key, when failed_op is set
  // Row operations that wrote something; kUnchanged ones do not count.
  int64_t applied = 0;
  Seq last_seq;  // of the last row written, 0 when none
};

// Called exactly once, after the batch is durable as configured or refused: on the committer thread, or, with
// os durability and for a batch that is refused at the door, on any thread inside its Store::Submit. So it
// must be short, must not call Store::Commit or Stop, and must not need a lock that a caller of Submit holds.
// Calling Submit is fine.
using CommitDone = std::move_only_function<void(CommitResult)>;

}  // namespace kalam::hot
