#include "live/version_scan.h"

#include <algorithm>
#include <utility>

#include "hot/cold_keys.h"
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
                         int64_t now_micros, std::unique_ptr<ColdVersions> cold, bool histories)
    : store_(store),
      table_(table),
      prefix_(std::move(prefix)),
      snapshot_(snapshot),
      stream_(table.type == TableType::kStream),
      after_(after),
      up_to_(up_to),
      direction_(direction),
      expired_(ExpiredBelow(table, now_micros)),
      histories_(histories),
      cold_(std::move(cold)) {
  if (stream_ && after < expired_) after_ = Seq(expired_.value - 1);
}

void VersionScan::OpenCursor() {
  const auto space = stream_ ? hot::Space::kRows : hot::Space::kBySeq;
  const std::string end =
      up_to_.value == INT64_MAX ? hot::PrefixEnd(prefix_) : SeqKey(prefix_, Seq(up_to_.value + 1));
  const std::string begin = SeqKey(prefix_, Seq(after_.value + 1));
  cursor_ = store_.Scan(space, begin, end, direction_, &snapshot_);
  if (stream_ && histories_) {
    erasures_ = store_.Scan(hot::Space::kBySeq, begin, end, direction_, &snapshot_);
  }
}

Result<bool> VersionScan::Preload(const tables::KeyRange& range) {
  if (stream_ || cold_ != nullptr) return false;  // a stream's keys are in this order already
  std::vector<std::string> found;
  size_t seen = 0;
  size_t bytes = 0;
  if (!range.empty()) {
    auto cursor =
        store_.Scan(hot::Space::kRows, range.begin(), range.end(), hot::Direction::kForward, &snapshot_);
    for (; cursor->Valid(); cursor->Next()) {
      const std::string_view row = cursor->value();
      if (++seen > kPreloadRows || bytes > kPreloadBytes) return false;
      if (row.size() < hot::kRowHeaderSize) return Fail(ErrorCode::kCorruption, "a stored row is cut");
      const Seq seq = hot::RowSeq(row);
      if (hot::RowDeleted(row) || seq <= after_ || seq > up_to_) continue;
      bytes += row.size();
      found.emplace_back(row);
    }
    KALAM_TRY(cursor->status());
  }
  const bool forward = direction_ == hot::Direction::kForward;
  std::ranges::sort(found, [&](const std::string& a, const std::string& b) {
    return forward ? hot::RowSeq(a) < hot::RowSeq(b) : hot::RowSeq(a) > hot::RowSeq(b);
  });
  preloaded_ = std::move(found);
  return true;
}

std::string& VersionScan::Slot() {
  if (count_ == bytes_.size()) bytes_.emplace_back();
  return bytes_[count_++];
}

Status VersionScan::TakeHot() {
  if (stream_) {
    Slot() = cursor_->value();
    return {};
  }
  key_ = prefix_;
  key_ += cursor_->value();
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kRows, key_, pinned_, &snapshot_));
  if (!found) return Fail(ErrorCode::kCorruption, "an entry of the sequence index has no row");
  Slot() = pinned_.bytes();
  return {};
}

// The row under erasures_, which left with `seq`. One that has expired since is not worth a word.
void VersionScan::TakeErased(Seq seq) {
  const std::string_view row = erasures_->value();
  if (row.size() < hot::kRowHeaderSize || hot::RowSeq(row) < expired_) return;
  std::string& slot = Slot();
  slot = row;
  erased_.resize(count_);
  erased_.back() = hot::RowSeq(row);
  hot::PatchDeleted(true, slot);
  hot::PatchSeq(seq, slot);
}

Status VersionScan::TakeCold() {
  std::string& row = Slot();
  row = cold_->Take();
  if (!histories_) return {};
  KALAM_ASSIGN(const hot::RowView view, table_.codec->Open(row));
  key_ = prefix_;
  KALAM_TRY(hot::AppendPrimaryKey(view.Get(*table_.schema().primary_key()), key_));
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kColdKeys, key_, pinned_, &snapshot_));
  if (!found) return Fail(ErrorCode::kCorruption, "a row in a file has no entry among the cold keys");
  KALAM_ASSIGN(const hot::ColdEntry entry, hot::DecodeColdEntry(pinned_.bytes()));
  if (entry.seq == view.seq()) hot::PatchHistory(entry.history, row);
  return {};
}

Result<std::span<const hot::RowView>> VersionScan::Next() {
  count_ = 0;
  rows_.clear();
  erased_.clear();
  if (preloaded_) {
    for (; rows_.size() < kBatchRows && preloaded_next_ < preloaded_->size(); ++preloaded_next_) {
      KALAM_ASSIGN(const hot::RowView view, table_.codec->Open((*preloaded_)[preloaded_next_]));
      rows_.push_back(view);
    }
    return std::span<const hot::RowView>(rows_);
  }
  if (up_to_ <= after_) return std::span<const hot::RowView>();
  if (cursor_ == nullptr) OpenCursor();
  while (count_ < kBatchRows) {
    std::optional<Seq> hot_seq;
    if (cursor_->Valid()) {
      KALAM_ASSIGN(hot_seq, hot::DecodeSeq(cursor_->key().substr(prefix_.size())));
    }
    if (erasures_ != nullptr && erasures_->Valid()) {
      KALAM_ASSIGN(const Seq erased, hot::DecodeSeq(erasures_->key().substr(prefix_.size())));
      if (!hot_seq || (erased < *hot_seq) == (direction_ == hot::Direction::kForward)) {
        TakeErased(erased);
        erasures_->Next();
        continue;
      }
    }
    std::optional<Seq> cold_seq;
    if (cold_ != nullptr) {
      KALAM_ASSIGN(cold_seq, cold_->Peek());
    }
    if (!hot_seq && !cold_seq) break;
    const bool forward = direction_ == hot::Direction::kForward;
    if (cold_seq && (!hot_seq || (forward ? *cold_seq < *hot_seq : *cold_seq > *hot_seq))) {
      KALAM_TRY(TakeCold());
    } else {
      KALAM_TRY(TakeHot());
      cursor_->Next();
    }
  }
  KALAM_TRY(cursor_->status());
  if (erasures_ != nullptr) KALAM_TRY(erasures_->status());
  erased_.resize(count_);
  rows_.reserve(count_);
  for (size_t i = 0; i < count_; ++i) {
    KALAM_ASSIGN(const hot::RowView view, table_.codec->Open(bytes_[i]));
    rows_.push_back(view);
  }
  return std::span<const hot::RowView>(rows_);
}

}  // namespace kalam::live
