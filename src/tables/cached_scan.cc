#include "tables/cached_scan.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "hot/key_codec.h"
#include "hot/row_codec.h"
#include "tables/table_scope.h"

namespace kalam::tables {
namespace {

// A chunk with more changed keys is read anew by the next scan of everything: as many point reads cost about
// a quarter of that.
constexpr size_t kChangedMaxOfChunk = 64;
// More changes than this and a quarter of the rows: it is cheaper to start again.
constexpr size_t kChangesMin = 4096;
// Rows behind one range that several threads should read.
constexpr size_t kChangesToCut = 8192;
constexpr size_t kCutBytesMin = 512u << 10;
// Reading a chunk's rows from the hot tier, in units of passing on a cached chunk.
constexpr size_t kReadWeight = 16;
constexpr size_t kChangedPerWeight = 8;

// --- keeping cached rows up to date

size_t RowsOf(const CachedRows& rows) {
  size_t count = 0;
  for (const CachedChunkPtr& chunk : rows.chunks) count += chunk->rows->rows();
  return count;
}

// The keys, without prefix and ascending, of rows that changed after `rows`; nullopt when they are too many.
Result<std::optional<std::vector<std::string>>> ChangesSince(const ReadView& view, std::string_view prefix,
                                                             const CachedRows& rows) {
  std::string begin(prefix);
  hot::AppendSeq(Seq(rows.seq.value + 1), begin);
  const auto cursor = view.store->Scan(hot::Space::kBySeq, begin, hot::PrefixEnd(prefix),
                                       hot::Direction::kForward, view.snapshot.get());
  if (!cursor->Valid()) {
    KALAM_TRY(cursor->status());
    return std::vector<std::string>();
  }
  const size_t most = kChangesMin + RowsOf(rows) / 4;
  std::vector<std::string> keys;
  for (; cursor->Valid(); cursor->Next()) {
    if (keys.size() == most) return std::nullopt;
    keys.emplace_back(cursor->value());
  }
  KALAM_TRY(cursor->status());
  std::ranges::sort(keys);
  return keys;
}

CachedChunkPtr WithChanges(const CachedChunk& chunk, std::span<const std::string> keys) {
  auto changed = std::make_shared<CachedChunk>();
  changed->keys = chunk.keys;
  changed->rows = chunk.rows;
  changed->stale = chunk.stale;
  std::ranges::set_union(chunk.changed, keys, std::back_inserter(changed->changed));
  for (const std::string& key : keys) {
    if (std::ranges::binary_search(chunk.changed, key)) continue;
    if (const auto at = chunk.keys->Find(key)) changed->stale.push_back(*at);
  }
  std::ranges::sort(changed->stale);
  return changed;
}

// The chunk that is responsible for `key`.
size_t ChunkOf(const CachedRows& rows, std::string_view key) {
  const auto above = std::ranges::upper_bound(rows.chunks, key, {},
                                              [](const CachedChunkPtr& chunk) { return (*chunk->keys)[0]; });
  return above == rows.chunks.begin() ? 0 : static_cast<size_t>(above - rows.chunks.begin()) - 1;
}

// `rows` as of `snapshot`; `keys` have changed in between.
CachedRowsPtr AdvanceTo(const hot::Snapshot& snapshot, const CachedRows& rows,
                        std::span<const std::string> keys) {
  auto advanced = std::make_shared<CachedRows>(rows);
  advanced->seq = snapshot.seq();
  advanced->position = snapshot.position();
  while (!keys.empty()) {
    const size_t at = ChunkOf(rows, keys.front());
    size_t count = keys.size();
    if (at + 1 < rows.chunks.size()) {
      const std::string_view next = (*rows.chunks[at + 1]->keys)[0];
      count = static_cast<size_t>(std::ranges::lower_bound(keys, next) - keys.begin());
    }
    advanced->chunks[at] = WithChanges(*rows.chunks[at], keys.first(count));
    for (const std::string& key : keys.first(count)) advanced->bytes += sizeof(std::string) + key.size();
    keys = keys.subspan(count);
  }
  return advanced;
}

// What the cache has for the scan, as of its snapshot; nullptr when there is nothing or it does not fit.
Result<CachedRowsPtr> Renew(const CachedScanRequest& request) {
  ColumnCache& cache = *request.view.column_cache;
  const hot::Snapshot& snapshot = *request.view.snapshot;
  CachedRowsPtr rows = cache.Find(request.prefix);
  if (rows == nullptr) return nullptr;
  const bool usable = rows->schema_version == request.table->schema().version &&
                      request.view.store->TracelessChange(request.table->id) <= rows->position;
  if (!usable) {
    cache.Drop(request.prefix, rows);
    return nullptr;
  }
  if (snapshot.position() < rows->position) return nullptr;  // a statement that began earlier
  if (snapshot.position() == rows->position) return rows;
  KALAM_ASSIGN(const auto keys, ChangesSince(request.view, request.prefix, *rows));
  if (!keys) {
    cache.Drop(request.prefix, rows);
    return nullptr;
  }
  if (keys->empty()) return rows;
  CachedRowsPtr advanced = AdvanceTo(snapshot, *rows, *keys);
  cache.Advance(request.prefix, rows, advanced);
  return advanced;
}

// --- filling

// Collects the chunks of a scan of everything. Thread-safe.
class Fill {
 public:
  // `rows`: what the scan will give as cached rows, without chunks.
  Fill(std::unique_ptr<ColumnCache::Permit> permit, CachedRows rows, uint64_t estimate)
      : permit_(std::move(permit)), rows_(std::move(rows)), estimate_(estimate) {}

  std::span<const size_t> columns() const { return rows_.columns; }
  void SetParts(size_t count) {
    parts_.resize(count);
    left_ = count;
  }
  // False: give the rest of the rows only.
  bool wants() const { return !too_large_.load(std::memory_order_relaxed); }

  void Add(size_t part, CachedChunkPtr chunk) {
    size_t bytes = chunk->rows->bytes() + chunk->keys->memory() + sizeof(CachedChunk);
    for (const std::string& key : chunk->changed) bytes += sizeof(std::string) + key.size();
    std::lock_guard lock(mu_);
    rows_.bytes += bytes;
    parts_[part].push_back(std::move(chunk));
    if (rows_.bytes <= permit_->cache().bytes_max_of_one() || too_large_.exchange(true)) return;
    permit_->cache().NoteTooLarge(*permit_, estimate_);
    for (auto& chunks : parts_) chunks.clear();
  }

  // All of the part has been given.
  void Finish() {
    std::lock_guard lock(mu_);
    if (--left_ > 0 || !wants()) return;
    for (auto& chunks : parts_) std::ranges::move(chunks, std::back_inserter(rows_.chunks));
    if (rows_.chunks.empty()) return;
    permit_->cache().Put(*permit_, std::make_shared<const CachedRows>(std::move(rows_)));
  }

 private:
  const std::unique_ptr<ColumnCache::Permit> permit_;
  std::mutex mu_;
  CachedRows rows_;  // `columns` is constant; the rest guarded by mu_
  const uint64_t estimate_;
  std::vector<std::vector<CachedChunkPtr>> parts_;  // guarded by mu_
  size_t left_ = 0;                                 // guarded by mu_
  std::atomic<bool> too_large_ = false;
};

// --- scanning

// A cached chunk, or keys to be read from the hot tier.
struct Piece {
  CachedChunkPtr chunk;
  std::string begin;
  std::string end;
  size_t weight = 1;
};

class CachedScan final : public engine::SourceScan {
 public:
  // `columns`: of the blocks; `fill` has the same, or is nullptr.
  CachedScan(const CachedScanRequest& request, std::vector<size_t> columns, std::vector<Piece> pieces,
             std::shared_ptr<Fill> fill, size_t part)
      : view_(request.view),
        table_(request.table),
        prefix_(request.prefix),
        wanted_(request.scan.columns.begin(), request.scan.columns.end()),
        columns_(std::move(columns)),
        pieces_(std::move(pieces)),
        fill_(std::move(fill)),
        part_(part) {
    for (const size_t column : wanted_) {
      positions_.push_back(static_cast<size_t>(std::ranges::find(columns_, column) - columns_.begin()));
    }
  }

  Result<size_t> Next(engine::BatchWriter& out) override {
    for (; piece_ < pieces_.size(); ++piece_) {
      const Piece& piece = pieces_[piece_];
      if (piece.chunk != nullptr) {
        const size_t count = GiveChunk(piece.chunk, out);
        if (count == 0) continue;
        ++piece_;
        return count;
      }
      if (!cursor_) cursor_.emplace(view_.Scan(piece.begin, piece.end));
      KALAM_ASSIGN(const size_t count, fill_ && fill_->wants() ? ReadChunk(out) : ReadRows(out));
      if (count > 0) return count;
      cursor_.reset();
    }
    KALAM_ASSIGN(const size_t count, ReadChanged(out));
    if (count == 0 && fill_) std::exchange(fill_, nullptr)->Finish();
    return count;
  }

 private:
  size_t GiveChunk(const CachedChunkPtr& chunk, engine::BatchWriter& out) {
    if (fill_ && fill_->wants()) fill_->Add(part_, chunk);
    changed_.insert(changed_.end(), chunk->changed.begin(), chunk->changed.end());
    const size_t count = chunk->rows->rows() - chunk->stale.size();
    if (count > 0) out.SetBlock(*chunk->rows, positions_, chunk->stale);
    return count;
  }

  // The next live row under the cursor; nullopt at the end.
  Result<std::optional<hot::RowView>> NextRow() {
    for (; cursor_->Valid(); cursor_->Next()) {
      KALAM_ASSIGN(const hot::RowView row, table_->codec->Open(cursor_->value()));
      if (!row.deleted()) return row;
    }
    KALAM_TRY(cursor_->status());
    return std::nullopt;
  }

  void Write(const hot::RowView& row, std::span<const size_t> columns, size_t at, engine::BatchWriter& out) {
    for (size_t i = 0; i < columns.size(); ++i) out.Set(i, at, CellOf(row, table_->schema(), columns[i]));
  }

  Result<size_t> ReadRows(engine::BatchWriter& out) {
    size_t count = 0;
    for (; count < out.capacity(); ++count, cursor_->Next()) {
      KALAM_ASSIGN(const auto row, NextRow());
      if (!row) break;
      Write(*row, wanted_, count, out);
    }
    return count;
  }

  Result<size_t> ReadChunk(engine::BatchWriter& out) {
    if (builder_ == nullptr) {
      std::vector<DataType> types;
      types.reserve(columns_.size());
      for (const size_t column : columns_) types.push_back(ResultColumnOf(table_->schema(), column).type);
      builder_ = engine::MakeRowBlockBuilder(types);
    }
    auto keys = std::make_shared<ChunkKeys>();
    engine::BatchWriter& writer = builder_->writer();
    for (; keys->size() < writer.capacity(); cursor_->Next()) {
      KALAM_ASSIGN(const auto row, NextRow());
      if (!row) break;
      Write(*row, columns_, keys->size(), writer);
      keys->Add(cursor_->key().substr(prefix_.size()));
    }
    if (keys->size() == 0) return 0;
    auto chunk = std::make_shared<CachedChunk>();
    chunk->rows = builder_->Finish(keys->size());
    if (chunk->rows == nullptr) return Fail(ErrorCode::kInternal, "a row has a value of another type");
    out.SetBlock(*chunk->rows, positions_, {});
    chunk->keys = std::move(keys);
    const size_t count = chunk->rows->rows();
    fill_->Add(part_, std::move(chunk));
    return count;
  }

  Result<size_t> ReadChanged(engine::BatchWriter& out) {
    size_t count = 0;
    for (; count < out.capacity() && next_changed_ < changed_.size(); ++next_changed_) {
      key_ = prefix_;
      key_ += changed_[next_changed_];
      KALAM_ASSIGN(const bool found, view_.store->Get(hot::Space::kRows, key_, row_, view_.snapshot.get()));
      if (!found) continue;
      KALAM_ASSIGN(const hot::RowView row, table_->codec->Open(row_.bytes()));
      if (row.deleted()) continue;
      Write(row, wanted_, count, out);
      ++count;
    }
    return count;
  }

  const ReadView view_;  // keeps the snapshot, which outlives the cursor
  const catalog::TablePtr table_;
  const std::string prefix_;
  const std::vector<size_t> wanted_;
  const std::vector<size_t> columns_;
  std::vector<size_t> positions_;  // of wanted_ in columns_
  const std::vector<Piece> pieces_;
  std::shared_ptr<Fill> fill_;
  const size_t part_;

  size_t piece_ = 0;
  std::optional<RowCursor> cursor_;  // in pieces_[piece_]
  std::unique_ptr<engine::RowBlockBuilder> builder_;
  std::vector<std::string_view> changed_;  // of the chunks given so far, which pieces_ keeps
  size_t next_changed_ = 0;
  std::string key_;
  hot::PinnedBytes row_;
};

// --- planning

bool Covers(const KeyRange& range, std::string_view prefix) {
  return range.begin() == prefix && range.end() == hot::PrefixEnd(prefix);
}

class Planner {
 public:
  explicit Planner(const CachedScanRequest& request) : request_(request) {}

  Result<std::vector<std::unique_ptr<engine::SourceScan>>> Plan() {
    KALAM_ASSIGN(CachedRowsPtr rows, Renew(request_));
    const auto& wanted = request_.scan.columns;
    std::set<size_t> columns(wanted.begin(), wanted.end());
    if (rows != nullptr && !std::ranges::includes(rows->columns, columns)) {
      columns.insert(rows->columns.begin(), rows->columns.end());
      rows = nullptr;
    }
    const bool all = Covers(request_.range, request_.prefix);
    if (rows != nullptr) {
      columns_ = rows->columns;
      if (all) {
        TakeAll(*rows);
      } else if (!TakePart(*rows)) {
        return std::vector<std::unique_ptr<engine::SourceScan>>();
      }
    } else {
      auto permit = all ? request_.view.column_cache->AskToFill(request_.prefix, request_.rows) : nullptr;
      if (permit == nullptr) return std::vector<std::unique_ptr<engine::SourceScan>>();
      columns_.assign(columns.begin(), columns.end());
      StartFill(std::move(permit));
      AddRange(std::string(request_.range.begin()), std::string(request_.range.end()), kReadWeight, true);
    }
    return MakeParts();
  }

 private:
  void StartFill(std::unique_ptr<ColumnCache::Permit> permit) {
    CachedRows rows;
    rows.table = request_.table->id;
    rows.schema_version = request_.table->schema().version;
    rows.columns = columns_;
    rows.seq = request_.view.snapshot->seq();
    rows.position = request_.view.snapshot->position();
    fill_ = std::make_shared<Fill>(std::move(permit), std::move(rows), request_.rows);
  }

  void AddRange(std::string begin, std::string end, size_t weight, bool large) {
    std::vector<std::string> cuts;
    if (large && request_.parts_max > 1) {
      cuts = request_.view.store->Split(hot::Space::kRows, begin, end, request_.parts_max, kCutBytesMin);
    }
    weight = weight / (cuts.size() + 1) + 1;
    for (std::string& cut : cuts) {
      pieces_.push_back({nullptr, std::move(begin), cut, weight});
      begin = std::move(cut);
    }
    pieces_.push_back({nullptr, std::move(begin), std::move(end), weight});
  }

  void AddChunk(CachedChunkPtr chunk) {
    const size_t weight = 1 + chunk->changed.size() / kChangedPerWeight;
    pieces_.push_back({std::move(chunk), {}, {}, weight});
  }

  // Reads chunks with many changes anew when nobody else does.
  void TakeAll(const CachedRows& rows) {
    const auto worn = [](const CachedChunkPtr& chunk) { return chunk->changed.size() > kChangedMaxOfChunk; };
    if (std::ranges::any_of(rows.chunks, worn)) {
      auto permit = request_.view.column_cache->AskToFill(request_.prefix, request_.rows);
      if (permit != nullptr) StartFill(std::move(permit));
    }
    for (size_t i = 0; i < rows.chunks.size();) {
      if (fill_ == nullptr || !worn(rows.chunks[i])) {
        AddChunk(rows.chunks[i++]);
        continue;
      }
      std::string begin(i == 0 ? request_.range.begin() : KeyAt(rows, i));
      size_t weight = 0;
      size_t changes = 0;
      for (; i < rows.chunks.size() && worn(rows.chunks[i]); ++i) {
        changes += rows.chunks[i]->changed.size();
        weight += kReadWeight;
      }
      weight += changes / kChangedPerWeight;
      std::string end(i == rows.chunks.size() ? request_.range.end() : KeyAt(rows, i));
      AddRange(std::move(begin), std::move(end), weight, changes > kChangesToCut);
    }
  }

  // False when there is too little in the range, or too much has changed.
  bool TakePart(const CachedRows& rows) {
    const KeyRange& range = request_.range;
    if (range.empty() || range.point()) return false;
    const auto [begin, end] = std::pair(range.begin().substr(request_.prefix.size()), range.end());
    const size_t first = ChunkOf(rows, begin);
    size_t changes = 0;
    size_t last = first;
    for (; last < rows.chunks.size() && (last == first || KeyAt(rows, last) < end); ++last) {
      changes += rows.chunks[last]->changed.size();
    }
    if (last - first < 3 || changes > (last - first) * kChangedMaxOfChunk) return false;
    for (size_t i = first; i < last; ++i) AddChunk(rows.chunks[i]);
    return true;
  }

  std::string KeyAt(const CachedRows& rows, size_t chunk) const {
    return std::string(request_.prefix).append((*rows.chunks[chunk]->keys)[0]);
  }

  std::vector<std::unique_ptr<engine::SourceScan>> MakeParts() {
    size_t left = 0;
    for (const Piece& piece : pieces_) left += piece.weight;
    std::vector<std::vector<Piece>> parts;
    size_t in_part = 0;
    for (Piece& piece : pieces_) {
      const size_t parts_left = request_.parts_max - parts.size();
      if (parts.empty() || (parts_left > 0 && in_part >= left / (parts_left + 1))) {
        left -= in_part;
        in_part = 0;
        parts.emplace_back();
      }
      in_part += piece.weight;
      parts.back().push_back(std::move(piece));
    }
    if (fill_ != nullptr) fill_->SetParts(parts.size());
    std::vector<std::unique_ptr<engine::SourceScan>> scans;
    scans.reserve(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      scans.push_back(std::make_unique<CachedScan>(request_, columns_, std::move(parts[i]), fill_, i));
    }
    return scans;
  }

  const CachedScanRequest& request_;
  std::vector<size_t> columns_;
  std::shared_ptr<Fill> fill_;
  std::vector<Piece> pieces_;
};

}  // namespace

Result<std::vector<std::unique_ptr<engine::SourceScan>>> CachedScanParts(const CachedScanRequest& request) {
  return Planner(request).Plan();
}

}  // namespace kalam::tables
