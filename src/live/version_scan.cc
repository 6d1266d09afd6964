#include "live/version_scan.h"

#include <utility>

#include "hot/key_codec.h"
#include "hot/seq.h"

namespace kalam::live {
namespace {

std::string SeqKey(const std::string& prefix, Seq seq) {
  std::string key = prefix;
  hot::AppendSeq(seq, key);
  return key;
}

}  // namespace

Seq ExpiredBelow(const catalog::Table& table, int64_t now_micros) {
  if (table.type != TableType::kStream || !table.options.ttl_seconds) return Seq();
  const int64_t oldest = now_micros / 1000 - *table.options.ttl_seconds * 1000;
  return oldest <= hot::kSeqEpochMillis ? Seq() : hot::SeqFloor(oldest);
}

VersionScan::VersionScan(const hot::Store& store, const catalog::Table& table, std::string prefix,
                         const hot::Snapshot& snapshot, Seq after, Seq up_to, hot::Direction direction,
                         int64_t now_micros)
    : store_(store),
      table_(table),
      prefix_(std::move(prefix)),
      snapshot_(snapshot),
      stream_(table.type == TableType::kStream),
      expired_(ExpiredBelow(table, now_micros)) {
  if (stream_ && after < expired_) after = Seq(expired_.value - 1);
  if (up_to <= after) return;
  const auto space = stream_ ? hot::Space::kRows : hot::Space::kBySeq;
  const std::string end =
      up_to.value == INT64_MAX ? hot::PrefixEnd(prefix_) : SeqKey(prefix_, Seq(up_to.value + 1));
  cursor_ = store.Scan(space, SeqKey(prefix_, Seq(after.value + 1)), end, direction, &snapshot_);
}

Status VersionScan::Take(std::string_view bytes) {
  if (count_ == bytes_.size()) bytes_.emplace_back();
  bytes_[count_++] = bytes;
  return {};
}

Result<std::span<const hot::RowView>> VersionScan::Next() {
  count_ = 0;
  rows_.clear();
  if (cursor_ == nullptr) return std::span<const hot::RowView>();
  hot::PinnedBytes row;
  for (; count_ < kBatchRows && cursor_->Valid(); cursor_->Next()) {
    if (stream_) {
      KALAM_TRY(Take(cursor_->value()));
      continue;
    }
    key_ = prefix_;
    key_ += cursor_->value();
    KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kRows, key_, row, &snapshot_));
    if (!found) return Fail(ErrorCode::kCorruption, "an entry of the sequence index has no row");
    KALAM_TRY(Take(row.bytes()));
  }
  KALAM_TRY(cursor_->status());
  rows_.reserve(count_);
  for (size_t i = 0; i < count_; ++i) {
    KALAM_ASSIGN(const hot::RowView view, table_.codec->Open(bytes_[i]));
    rows_.push_back(view);
  }
  return std::span<const hot::RowView>(rows_);
}

}  // namespace kalam::live
