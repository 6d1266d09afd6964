#include "tables/row_source.h"

#include <fmt/format.h>

#include <utility>

#include "tables/cached_scan.h"
#include "tables/column_cache.h"
#include "tables/key_range.h"
#include "tables/table_scope.h"

namespace kalam::tables {
namespace {

using engine::CompareOp;
using engine::ScanBound;

// Less is scanned by one thread in a few milliseconds.
constexpr size_t kPartBytesMin = 512u << 10;
// Of a narrow row with its key, compressed.
constexpr uint64_t kRowBytesGuess = 40;
// Fewer are read anew by each query: it takes a fraction of a millisecond.
constexpr uint64_t kCachedRowsMin = 2048;

CompareOp ToCompareOp(ScanBound::Op op) {
  switch (op) {
    case ScanBound::Op::kEqual:
      return CompareOp::kEqual;
    case ScanBound::Op::kLess:
      return CompareOp::kLess;
    case ScanBound::Op::kLessEqual:
      return CompareOp::kLessEqual;
    case ScanBound::Op::kGreater:
      return CompareOp::kGreater;
    case ScanBound::Op::kGreaterEqual:
      return CompareOp::kGreaterEqual;
  }
  return CompareOp::kIsNotNull;
}

class RowScan final : public engine::SourceScan {
 public:
  RowScan(catalog::TablePtr table, std::shared_ptr<const hot::Snapshot> snapshot, RowCursor cursor,
          std::vector<size_t> columns, bool include_deleted)
      : table_(std::move(table)),
        snapshot_(std::move(snapshot)),
        cursor_(std::move(cursor)),
        columns_(std::move(columns)),
        include_deleted_(include_deleted) {}

  Result<size_t> Next(engine::BatchWriter& out) override {
    size_t rows = 0;
    const TableSchema& schema = table_->schema();
    for (; rows < out.capacity() && cursor_.Valid(); cursor_.Next()) {
      KALAM_ASSIGN(const hot::RowView row, table_->codec->Open(cursor_.value()));
      if (row.deleted() && !include_deleted_) continue;
      for (size_t i = 0; i < columns_.size(); ++i) out.Set(i, rows, CellOf(row, schema, columns_[i]));
      ++rows;
    }
    KALAM_TRY(cursor_.status());
    return rows;
  }

 private:
  catalog::TablePtr table_;
  std::shared_ptr<const hot::Snapshot> snapshot_;  // outlives the cursor
  RowCursor cursor_;
  std::vector<size_t> columns_;
  bool include_deleted_;
};

}  // namespace

RowSource::RowSource(ReadView view, catalog::TablePtr table, std::string_view user_id, bool include_deleted,
                     int64_t now_ms)
    : view_(std::move(view)),
      table_(std::move(table)),
      prefix_(ScopePrefix(*table_, user_id)),
      range_(ScopeRange(*table_, user_id, now_ms)),
      include_deleted_(include_deleted) {
  const TableSchema& schema = table_->schema();
  for (size_t i = 0; i < WidthOf(*table_); ++i) columns_.push_back(ResultColumnOf(schema, i));
}

Result<std::shared_ptr<const RowSource>> RowSource::Make(ReadView view, catalog::TablePtr table,
                                                         std::string_view user_id, bool include_deleted,
                                                         int64_t now_ms) {
  std::shared_ptr<RowSource> source(
      new RowSource(std::move(view), std::move(table), user_id, include_deleted, now_ms));
  KALAM_TRY(source->FindFiles());
  return std::shared_ptr<const RowSource>(std::move(source));
}

Status RowSource::FindFiles() {
  if (!view_.MayHaveColdRows(*table_)) return {};
  // What a transaction has written hides the row below it, wherever that is.
  std::vector<hot::ColdPlace> hidden;
  if (view_.overlay != nullptr && !view_.overlay->empty()) {
    auto [at, end] = view_.overlay->Range(prefix_, hot::PrefixEnd(prefix_));
    for (; at != end; ++at) {
      KALAM_ASSIGN(const auto entry, view_.cold->Find(at->first, view_.snapshot.get()));
      if (entry) hidden.push_back(entry->place);
    }
  }
  KALAM_ASSIGN(files_, view_.cold->Files(ShapeOf(*table_), prefix_, *view_.snapshot, hidden));
  return {};
}

KeyRange RowSource::RangeOf(const engine::ScanRequest& request) const {
  KeyRange range = range_;
  const auto key = KeyOrdinal(*table_);
  for (const ScanBound& bound : request.bounds) {
    // A bound that has no key form (an over-long text) only means that the engine filters alone.
    if (key && bound.column == *key && !bound.value.is_null) {
      const Status narrowed = range.Narrow(ToCompareOp(bound.op), bound.value);
      if (!narrowed) continue;
    }
  }
  return range;
}

std::unique_ptr<engine::SourceScan> RowSource::ScanRange(const engine::ScanRequest& request,
                                                         std::string_view begin, std::string_view end) const {
  return std::make_unique<RowScan>(table_, view_.snapshot, view_.Scan(begin, end),
                                   std::vector<size_t>(request.columns.begin(), request.columns.end()),
                                   include_deleted_);
}

Result<std::unique_ptr<engine::SourceScan>> RowSource::Scan(const engine::ScanRequest& request) const {
  const KeyRange range = RangeOf(request);
  return ScanRange(request, range.begin(), range.empty() ? range.begin() : range.end());
}

Result<std::vector<std::unique_ptr<engine::SourceScan>>> RowSource::ScanParts(
    const engine::ScanRequest& request, size_t parts_max) const {
  const KeyRange range = RangeOf(request);
  if (MayUseCache()) {
    const uint64_t rows = EstimatedRows().value_or(0);
    if (rows >= kCachedRowsMin) {
      KALAM_ASSIGN(auto parts, CachedScanParts({view_, table_, prefix_, range, request, parts_max, rows}));
      if (!parts.empty()) return parts;
    }
  }
  std::vector<std::string> cuts;
  // Where the order of the scan is the order of the answer, a second thread would only wait.
  if (!range.empty() && !range.point() && parts_max > 1 && !SortedBy()) {
    cuts = view_.store->Split(hot::Space::kRows, range.begin(), range.end(), parts_max, kPartBytesMin);
  }
  std::vector<std::unique_ptr<engine::SourceScan>> parts;
  std::string_view begin = range.begin();
  for (const std::string& cut : cuts) {
    parts.push_back(ScanRange(request, begin, cut));
    begin = cut;
  }
  parts.push_back(ScanRange(request, begin, range.empty() ? begin : range.end()));
  return parts;
}

bool RowSource::MayUseCache() const {
  return view_.column_cache != nullptr && view_.column_cache->enabled() && !include_deleted_ &&
         table_->type != TableType::kStream && (view_.overlay == nullptr || view_.overlay->empty());
}

std::optional<uint64_t> RowSource::EstimatedRows() const {
  if (range_.empty() || range_.end().empty()) return std::nullopt;
  return view_.store->ApproximateBytes(hot::Space::kRows, range_.begin(), range_.end()) / kRowBytesGuess;
}

std::string RowSource::Describe() const {
  return fmt::format("{} table {} ({})", TableTypeName(table_->type), table_->full_name(),
                     files_ ? "hot and cold" : "hot");
}

}  // namespace kalam::tables
