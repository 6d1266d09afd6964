// Marks: the dead rows of segments, kept in memory while they are in use.
//
// Threads: MarkCache is thread-safe, sets are immutable. A set belongs to a number of marks: marks are
// only ever added, one by one, so two snapshots with equal numbers see the same rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/file_set.h"
#include "hot/store.h"

namespace kalam::cold {

class MarkSet final : public engine::DeadRows {
 public:
  // `rows` ascending.
  explicit MarkSet(std::vector<uint32_t> rows) : rows_(std::move(rows)) {}
  size_t Alive(uint32_t start, size_t count, uint32_t* out) const override;

  bool Contains(uint32_t row) const { return std::binary_search(rows_.begin(), rows_.end(), row); }
  uint32_t size() const { return static_cast<uint32_t>(rows_.size()); }
  size_t bytes() const { return rows_.capacity() * sizeof(uint32_t) + sizeof(MarkSet); }
  const std::vector<uint32_t>& rows() const { return rows_; }

 private:
  const std::vector<uint32_t> rows_;
};
using MarkSetPtr = std::shared_ptr<const MarkSet>;

class MarkCache {
 public:
  MarkCache(const hot::Store& store, size_t bytes_max) : store_(store), bytes_max_(bytes_max) {}

  // The dead rows of a segment as of the snapshot; nullptr when there are none.
  Result<MarkSetPtr> Get(uint64_t segment, const hot::Snapshot& snapshot);
  // How many there are, without their places.
  Result<uint32_t> Count(uint64_t segment, const hot::Snapshot* snapshot) const;
  void Forget(uint64_t segment);

 private:
  using Order = std::list<std::pair<uint64_t, MarkSetPtr>>;  // most recently used first
  Result<MarkSetPtr> Load(uint64_t segment, const hot::Snapshot& snapshot) const;

  const hot::Store& store_;
  const size_t bytes_max_;
  std::mutex mu_;
  Order order_;                                             // guarded by mu_
  std::unordered_map<uint64_t, Order::iterator> segments_;  // guarded by mu_
  size_t bytes_ = 0;                                        // guarded by mu_
};

}  // namespace kalam::cold
