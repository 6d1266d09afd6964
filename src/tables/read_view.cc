#include "tables/read_view.h"

#include <tuple>
#include <utility>

namespace kalam::tables {

RowCursor::RowCursor(std::unique_ptr<hot::Cursor> stored, const Overlay* overlay, std::string_view begin,
                     std::string_view end, hot::Direction direction)
    : stored_(std::move(stored)),
      overlaid_(overlay != nullptr && !overlay->empty()),
      forward_(direction == hot::Direction::kForward) {
  if (!overlaid_) return;
  std::tie(first_, last_) = overlay->Range(begin, end);
  Choose();
}

void RowCursor::Choose() {
  pending_ = hides_ = false;
  if (first_ == last_) return;
  if (!stored_->Valid()) {
    pending_ = true;
    return;
  }
  const int order = std::string_view(Front()->first).compare(stored_->key());
  pending_ = forward_ ? order <= 0 : order >= 0;
  hides_ = order == 0;
}

void RowCursor::Next() {
  if (pending_) {
    if (forward_) {
      ++first_;
    } else {
      --last_;
    }
    if (hides_) stored_->Next();
  } else {
    stored_->Next();
  }
  if (overlaid_) Choose();
}

ReadView ReadView::AtSnapshot() const {
  if (snapshot) return *this;
  ReadView view = *this;
  if (cold != nullptr) view.pin = cold->Pin();
  view.snapshot = std::make_shared<const hot::Snapshot>(store->TakeSnapshot());
  return view;
}

Result<std::optional<std::string_view>> ReadView::Get(const catalog::Table& table, std::string_view key,
                                                      size_t prefix_size, RowBuffer& buffer) const {
  buffer.is_cold = false;
  if (overlay != nullptr) {
    if (const Overlay::Row* row = overlay->Find(key)) return std::string_view(row->image);
  }
  KALAM_ASSIGN(const bool found, store->Get(hot::Space::kRows, key, buffer.hot, snapshot.get()));
  if (found) return buffer.hot.bytes();
  if (!MayHaveColdRows(table)) return std::nullopt;
  // Both places at one moment: the row may have moved between the two looks.
  if (!snapshot) return AtSnapshot().Get(table, key, prefix_size, buffer);
  KALAM_ASSIGN(const auto entry, cold->Find(key, snapshot.get()));
  if (!entry) return std::nullopt;
  KALAM_ASSIGN(buffer.cold, cold->Row(ShapeOf(table), key, prefix_size, *entry, *snapshot));
  buffer.is_cold = true;
  return std::string_view(buffer.cold);
}

Result<bool> ReadView::IsCold(const catalog::Table& table, std::string_view key) const {
  if (!MayHaveColdRows(table) || (overlay != nullptr && overlay->Find(key) != nullptr)) return false;
  KALAM_ASSIGN(const auto entry, cold->Find(key, snapshot.get()));
  return entry.has_value();
}

RowCursor ReadView::Scan(std::string_view begin, std::string_view end, hot::Direction direction) const {
  // An empty range given as [x, y) with x >= y has no rows in the overlay either.
  if (!end.empty() && begin > end) end = begin;
  return RowCursor(store->Scan(hot::Space::kRows, begin, end, direction, snapshot.get()), overlay, begin, end,
                   direction);
}

}  // namespace kalam::tables
