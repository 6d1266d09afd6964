// TopicLog: what a topic's partitions hold, as far as it must be known without reading messages.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "topics/group.h"
#include "topics/message.h"
#include "topics/record.h"

namespace kalam::topics {

// One partition. Offsets are contiguous: [floor, visible_end) is what consumers can read.
struct Partition {
  // Of the committing thread only:
  uint64_t next_offset = 0;
  uint64_t next_position = 0;
  // Thread-safe. A commit moves the end when its messages can be read; retention and CLEAR move the floor.
  std::atomic<uint64_t> visible_end{0};
  std::atomic<uint64_t> visible_position{0};  // bytes of all messages before the end, removed ones too
  std::atomic<uint64_t> floor{0};
  std::atomic<uint64_t> erased{0};  // everything before it was erased since the start
  std::atomic<int64_t> waiting{0};  // consumers that wait for a later end

  OffsetRange readable() const {
    const uint64_t end = visible_end.load();
    return {std::min(floor.load(), end), end};
  }
};

// Shared by all versions of a topic's definition. Thread-safe but for what Partition says.
class TopicLog {
 public:
  TopicLog(TopicNumber number, uint32_t partitions) : number_(number), partitions_(partitions) {}

  TopicNumber number() const { return number_; }
  uint32_t partitions() const { return static_cast<uint32_t>(partitions_.size()); }
  Partition& partition(uint32_t index) { return partitions_[index]; }
  const Partition& partition(uint32_t index) const { return partitions_[index]; }

  // Made at its first use. nullptr when the topic has `groups_max` of them already.
  std::shared_ptr<Group> FindGroup(uint32_t partition, std::string_view name, size_t groups_max) {
    std::string key = std::to_string(partition).append("/").append(name);
    std::lock_guard lock(mu_);
    if (const auto it = groups_.find(key); it != groups_.end()) return it->second;
    if (groups_.size() >= groups_max) return nullptr;
    auto group = std::make_shared<Group>(partition, std::string(name));
    groups_.emplace(std::move(key), group);
    return group;
  }

  std::vector<std::shared_ptr<Group>> Groups() const {
    std::lock_guard lock(mu_);
    std::vector<std::shared_ptr<Group>> groups;
    groups.reserve(groups_.size());
    for (const auto& [key, group] : groups_) groups.push_back(group);
    return groups;
  }

 private:
  const TopicNumber number_;
  std::vector<Partition> partitions_;
  mutable std::mutex mu_;
  std::unordered_map<std::string, std::shared_ptr<Group>> groups_;  // guarded by mu_
};

}  // namespace kalam::topics
