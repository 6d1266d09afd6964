#include "tables/column_cache.h"

#include <algorithm>
#include <utility>

namespace kalam::tables {
namespace {

// Prefixes that are remembered, with rows or without.
constexpr size_t kEntriesMax = 1024;
// A query that nobody repeats leaves nothing behind.
constexpr uint32_t kScansBefore = 1;

}  // namespace

std::optional<uint16_t> ChunkKeys::Find(std::string_view key) const {
  size_t low = 0;
  size_t high = size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if ((*this)[middle] < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == size() || (*this)[low] != key) return std::nullopt;
  return static_cast<uint16_t>(low);
}

ColumnCache::Entry* ColumnCache::Use(std::string_view prefix) {
  const auto it = entries_.find(prefix);
  if (it == entries_.end()) return nullptr;
  it->second.last_used = ++clock_;
  return &it->second;
}

CachedRowsPtr ColumnCache::Find(std::string_view prefix) {
  std::lock_guard lock(mu_);
  const Entry* entry = Use(prefix);
  if (entry == nullptr || entry->rows == nullptr) return nullptr;
  ++hits_;
  return entry->rows;
}

std::unique_ptr<ColumnCache::Permit> ColumnCache::AskToFill(std::string_view prefix, uint64_t rows) {
  std::lock_guard lock(mu_);
  Entry* entry = Use(prefix);
  if (entry == nullptr) {
    if (entries_.size() >= kEntriesMax) ForgetOldest();
    entry = &entries_[std::string(prefix)];
    entry->last_used = ++clock_;
  }
  if (entry->filling || (entry->rows == nullptr && entry->scans++ < kScansBefore)) return nullptr;
  if (entry->too_many_rows != 0 && rows > entry->too_many_rows / 4 * 3) return nullptr;
  entry->filling = true;
  return std::make_unique<Permit>(*this, std::string(prefix));
}

void ColumnCache::Put(const Permit& permit, CachedRowsPtr rows) {
  std::lock_guard lock(mu_);
  // An entry that is being filled is not forgotten.
  SetRows(entries_.at(permit.prefix()), std::move(rows));
}

void ColumnCache::NoteTooLarge(const Permit& permit, uint64_t rows) {
  std::lock_guard lock(mu_);
  Entry& entry = entries_.at(permit.prefix());
  SetRows(entry, nullptr);
  entry.too_many_rows = rows;
}

void ColumnCache::GiveBack(const std::string& prefix) {
  std::lock_guard lock(mu_);
  entries_.at(prefix).filling = false;
}

void ColumnCache::Advance(std::string_view prefix, const CachedRowsPtr& from, CachedRowsPtr to) {
  std::lock_guard lock(mu_);
  Entry* entry = Use(prefix);
  if (entry != nullptr && entry->rows == from) SetRows(*entry, std::move(to));
}

void ColumnCache::Drop(std::string_view prefix, const CachedRowsPtr& rows) {
  std::lock_guard lock(mu_);
  Entry* entry = Use(prefix);
  if (entry != nullptr && entry->rows == rows) SetRows(*entry, nullptr);
}

void ColumnCache::SetRows(Entry& entry, CachedRowsPtr rows) {
  if (entry.rows != nullptr) bytes_ -= entry.rows->bytes;
  if (rows != nullptr) bytes_ += rows->bytes;
  if (rows == nullptr) entry.scans = 0;
  entry.too_many_rows = 0;
  entry.rows = std::move(rows);
  MakeRoom(entry);
}

void ColumnCache::MakeRoom(const Entry& spared) {
  while (bytes_ > bytes_max_) {
    Entry* oldest = nullptr;
    for (auto& [prefix, entry] : entries_) {
      if (entry.rows == nullptr || &entry == &spared) continue;
      if (oldest == nullptr || entry.last_used < oldest->last_used) oldest = &entry;
    }
    if (oldest == nullptr) return;
    bytes_ -= oldest->rows->bytes;
    oldest->rows = nullptr;
    oldest->scans = 0;
  }
}

void ColumnCache::ForgetOldest() {
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->second.filling) continue;
    if (oldest == entries_.end() || it->second.last_used < oldest->second.last_used) oldest = it;
  }
  if (oldest == entries_.end()) return;
  if (oldest->second.rows != nullptr) bytes_ -= oldest->second.rows->bytes;
  entries_.erase(oldest);
}

size_t ColumnCache::bytes() const {
  std::lock_guard lock(mu_);
  return bytes_;
}

uint64_t ColumnCache::hits() const {
  std::lock_guard lock(mu_);
  return hits_;
}

}  // namespace kalam::tables
