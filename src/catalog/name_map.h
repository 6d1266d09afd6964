// NameMap: an immutable-by-sharing hash map from a qualified name to a shared object.
//
// Purpose: a catalog snapshot is copied for every change while readers keep the old one. The map is cut into
// shards that copies share, so a copy costs a fixed number of pointers and a change copies one shard, not
// 10,000 entries. Threads: a value; const methods are thread-safe. Lifetime: keys are views into the objects,
// which the map keeps alive.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kalam::catalog {

// A namespace is (name, ""), a table (namespace, name).
struct QualifiedName {
  std::string_view ns;
  std::string_view name;
  friend bool operator==(const QualifiedName&, const QualifiedName&) = default;
};

struct QualifiedNameHash {
  size_t operator()(const QualifiedName& key) const {
    const size_t first = std::hash<std::string_view>{}(key.ns);
    return key.name.empty() ? first : first * 31 + std::hash<std::string_view>{}(key.name);
  }
};

template <typename Ptr>  // a std::shared_ptr<const T>
class NameMap {
 public:
  Ptr Find(const QualifiedName& key) const {
    const Shard* shard = shards_[ShardOf(key)].get();
    if (shard == nullptr) return nullptr;
    const auto it = shard->find(key);
    return it == shard->end() ? nullptr : it->second;
  }

  // For loading: many objects without copying a shard for each.
  void Fill(const std::vector<std::pair<QualifiedName, Ptr>>& objects) {
    std::array<std::shared_ptr<Shard>, kShards> next;
    for (const auto& [key, object] : objects) {
      auto& shard = next[ShardOf(key)];
      if (shard == nullptr) shard = CopyShard(key);
      shard->emplace(key, object);
    }
    for (size_t i = 0; i < kShards; ++i) {
      if (next[i] != nullptr) shards_[i] = std::move(next[i]);
    }
  }

  // Adds or replaces. `key` must point into `*object`.
  void Set(const QualifiedName& key, Ptr object) {
    auto next = CopyShard(key);
    next->erase(key);  // the old key points into the old object
    next->emplace(key, std::move(object));
    shards_[ShardOf(key)] = std::move(next);
  }

  void Erase(const QualifiedName& key) {
    auto next = CopyShard(key);
    next->erase(key);
    shards_[ShardOf(key)] = std::move(next);
  }

  size_t size() const {
    size_t objects = 0;
    for (const auto& shard : shards_) objects += shard == nullptr ? 0 : shard->size();
    return objects;
  }

  void ForEach(const auto& visit) const {
    for (const auto& shard : shards_) {
      if (shard == nullptr) continue;
      for (const auto& [key, object] : *shard) visit(object);
    }
  }

 private:
  using Shard = std::unordered_map<QualifiedName, Ptr, QualifiedNameHash>;
  static constexpr size_t kShards = 256;

  // The bits that the map inside a shard uses least.
  static size_t ShardOf(const QualifiedName& key) {
    return QualifiedNameHash{}(key) >> (sizeof(size_t) * 8 - 8);
  }

  std::shared_ptr<Shard> CopyShard(const QualifiedName& key) const {
    const auto& shard = shards_[ShardOf(key)];
    return shard == nullptr ? std::make_shared<Shard>() : std::make_shared<Shard>(*shard);
  }

  static_assert(kShards == 256, "ShardOf takes 8 bits");
  std::array<std::shared_ptr<const Shard>, kShards> shards_;
};

}  // namespace kalam::catalog
