// ColumnCache: columns of hot rows, decoded, kept between the queries that scan them.
//
// Reading rows out of the hot tier costs about 100 ns each; a query over many of them is that, mostly. The
// cache holds the columns that such queries asked for, in chunks of neighbours, as of one moment of the
// database. A later query asks `by_seq` which keys have changed since, reads those one by one and takes the
// rest as it is (cached_scan.h): its answer is exactly that of a scan at its own snapshot.
//
// Unit: the rows of one key prefix, that is of one SHARED table or of one user's part of a USER table, so
// what belongs to one user is never looked at for another. Owner: the instance. Threads: all methods are
// thread-safe, everything handed out is immutable. Limits: `bytes_max` for all, half of it for one prefix;
// what was not used for longest goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "engine/row_block.h"

namespace kalam::tables {

// The keys of a chunk, without their common prefix; ascending.
class ChunkKeys {
 public:
  void Add(std::string_view key) {
    bytes_.append(key);
    ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  std::optional<uint16_t> Find(std::string_view key) const;
  size_t memory() const { return bytes_.capacity() + ends_.capacity() * sizeof(uint32_t); }

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;
};

// Live rows, neighbours in key order. A chunk is responsible for the keys from its first one to that of the
// next chunk; the first one also for those below.
struct CachedChunk {
  std::shared_ptr<const ChunkKeys> keys;  // of `rows`, at least one
  engine::RowBlockPtr rows;
  std::vector<uint16_t> stale;       // positions in `rows` whose keys are in `changed`; ascending
  std::vector<std::string> changed;  // keys to be read from the hot tier instead, without prefix; ascending
};
using CachedChunkPtr = std::shared_ptr<const CachedChunk>;

// The live rows below a prefix as of one snapshot.
struct CachedRows {
  TableId table;
  uint32_t schema_version = 0;
  std::vector<size_t> columns;         // of the SELECT * row, ascending; what the blocks have, in this order
  Seq seq;                             // every change up to it is taken into account
  uint64_t position = 0;               // of the snapshot
  std::vector<CachedChunkPtr> chunks;  // ascending, never empty
  size_t bytes = 0;
};
using CachedRowsPtr = std::shared_ptr<const CachedRows>;

class ColumnCache {
 public:
  explicit ColumnCache(size_t bytes_max) : bytes_max_(bytes_max) {}
  ColumnCache(const ColumnCache&) = delete;
  ColumnCache& operator=(const ColumnCache&) = delete;

  bool enabled() const { return bytes_max_ > 0; }
  size_t bytes_max_of_one() const { return bytes_max_ / 2; }

  // nullptr when there is nothing.
  CachedRowsPtr Find(std::string_view prefix);

  // The right to Put rows for a prefix, held by one at a time; given back by its death.
  class Permit {
   public:
    Permit(ColumnCache& cache, std::string prefix) : cache_(cache), prefix_(std::move(prefix)) {}
    ~Permit() { cache_.GiveBack(prefix_); }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ColumnCache& cache() const { return cache_; }
    const std::string& prefix() const { return prefix_; }

   private:
    ColumnCache& cache_;
    std::string prefix_;
  };
  // For who is about to scan all rows below the prefix. The first scan of a while gets none, nor does one of
  // rows that were found to be too many, as long as they are about as many.
  std::unique_ptr<Permit> AskToFill(std::string_view prefix, uint64_t rows);
  // Replaces what is there.
  void Put(const Permit& permit, CachedRowsPtr rows);
  // The rows do not fit: see AskToFill.
  void NoteTooLarge(const Permit& permit, uint64_t rows);
  // `from`, if it is still there, becomes `to`.
  void Advance(std::string_view prefix, const CachedRowsPtr& from, CachedRowsPtr to);
  // Forgets `rows`, which are of no use any more, if they are still there.
  void Drop(std::string_view prefix, const CachedRowsPtr& rows);

  size_t bytes() const;
  // Scans that found rows here, since the start.
  uint64_t hits() const;

 private:
  struct Entry {
    CachedRowsPtr rows;
    uint64_t last_used = 0;
    uint64_t too_many_rows = 0;  // as many did not fit; 0 = not known
    uint32_t scans = 0;          // since there were rows here last
    bool filling = false;
  };

  void GiveBack(const std::string& prefix);
  // `mu_` is held by the callers of these.
  Entry* Use(std::string_view prefix);
  void SetRows(Entry& entry, CachedRowsPtr rows);
  void MakeRoom(const Entry& spared);
  void ForgetOldest();

  const size_t bytes_max_;
  mutable std::mutex mu_;
  // Guarded by mu_:
  std::map<std::string, Entry, std::less<>> entries_;
  size_t bytes_ = 0;
  uint64_t clock_ = 0;
  uint64_t hits_ = 0;
};

}  // namespace kalam::tables
