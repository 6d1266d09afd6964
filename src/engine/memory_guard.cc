#include "engine/memory_guard.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace kalam::engine {
namespace {

using duckdb::data_ptr_t;
using duckdb::idx_t;
using duckdb::PrivateAllocatorData;

constexpr size_t kReleaseAfterBytes = 32u << 20;

// One process has one default allocator, so these are process-wide too. Signed: a block may be freed on
// another thread before its allocation has been counted.
constinit std::atomic<int64_t> used{0};
constinit std::atomic<int64_t> limit{INT64_MAX};
constinit std::atomic<int64_t> freed{0};

bool Reserve(idx_t bytes) {
  const auto size = static_cast<int64_t>(bytes);
  if (used.fetch_add(size, std::memory_order_relaxed) + size <= limit.load(std::memory_order_relaxed))
    return true;
  used.fetch_sub(size, std::memory_order_relaxed);
  return false;
}

void Unreserve(idx_t bytes) {
  used.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  freed.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

// A null pointer becomes DuckDB's out-of-memory error.
data_ptr_t Allocate(PrivateAllocatorData* data, idx_t size) {
  if (!Reserve(size)) return nullptr;
  data_ptr_t pointer = duckdb::Allocator::DefaultAllocate(data, size);
  if (pointer == nullptr) Unreserve(size);
  return pointer;
}

void Free(PrivateAllocatorData* data, data_ptr_t pointer, idx_t size) {
  duckdb::Allocator::DefaultFree(data, pointer, size);
  Unreserve(size);
}

data_ptr_t Reallocate(PrivateAllocatorData* data, data_ptr_t pointer, idx_t old_size, idx_t size) {
  if (!Reserve(size)) return nullptr;
  data_ptr_t moved = duckdb::Allocator::DefaultReallocate(data, pointer, old_size, size);
  Unreserve(moved == nullptr ? size : old_size);
  return moved;
}

}  // namespace

void MemoryGuard::Install(size_t bytes_max) {
  static std::once_flag once;
  std::call_once(once, [] {
    auto& current = duckdb::Allocator::DefaultAllocatorReference();
    // Blocks that exist already keep a pointer to the allocator they come from.
    static duckdb::shared_ptr<duckdb::Allocator>* kept = new duckdb::shared_ptr<duckdb::Allocator>(current);
    (void)kept;
    current = duckdb::make_shared_ptr<duckdb::Allocator>(Allocate, Free, Reallocate,
                                                         duckdb::make_uniq<PrivateAllocatorData>());
  });
  limit.store(static_cast<int64_t>(bytes_max), std::memory_order_relaxed);
}

duckdb::unique_ptr<duckdb::Allocator> MemoryGuard::MakeAllocator() {
  return duckdb::make_uniq<duckdb::Allocator>(Allocate, Free, Reallocate,
                                              duckdb::make_uniq<PrivateAllocatorData>());
}

void MemoryGuard::ReleaseFreed() {
  if (freed.load(std::memory_order_relaxed) < static_cast<int64_t>(kReleaseAfterBytes)) return;
  freed.store(0, std::memory_order_relaxed);
  duckdb::Allocator::FlushAll();
}

size_t MemoryGuard::used_bytes() {
  return static_cast<size_t>(std::max<int64_t>(0, used.load(std::memory_order_relaxed)));
}

}  // namespace kalam::engine
