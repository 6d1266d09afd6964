// Load: topics and the ends of their partitions, read once at start.
#include <fmt/format.h>

#include "hot/key_codec.h"
#include "topics/topics.h"

namespace kalam::topics {

Status Topics::Load() {
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kMeta, kNextNumberKey, stored));
  if (found) {
    KALAM_ASSIGN(const TopicNumber next, DecodeNumber(stored.bytes()));
    next_number_ = next.value;
  }
  auto topics = std::make_shared<TopicSet>();
  const auto cursor = store_.Scan(hot::Space::kMeta, kTopicPrefix, hot::PrefixEnd(kTopicPrefix));
  for (; cursor->Valid(); cursor->Next()) {
    auto topic = DecodeTopic(cursor->value());
    if (!topic) {
      return Fail(ErrorCode::kCorruption, fmt::format("{} ({})", topic.error().message, cursor->key()));
    }
    auto log = std::make_shared<TopicLog>(topic->number, topic->partitions);
    for (uint32_t i = 0; i < topic->partitions; ++i) KALAM_TRY(LoadPartition(*log, i));
    std::string name = topic->name;
    topics->emplace(std::move(name),
                    TopicEntry{std::make_shared<const Topic>(std::move(*topic)), std::move(log)});
  }
  KALAM_TRY(cursor->status());
  published_.Set(std::move(topics));
  return {};
}

// The end is behind the last message, or at the floor of a partition that has none left.
Status Topics::LoadPartition(TopicLog& log, uint32_t index) const {
  Floor floor;
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kMeta, FloorKey(log.number(), index), stored));
  if (found) {
    KALAM_ASSIGN(floor, DecodeFloor(stored.bytes()));
  }
  Partition& partition = log.partition(index);
  partition.next_offset = floor.offset;
  partition.next_position = floor.position;
  const auto last = store_.Scan(hot::Space::kMessages, MessageKey(log.number(), index, floor.offset),
                                MessageKey(log.number(), index, UINT64_MAX), hot::Direction::kBackward);
  if (last->Valid()) {
    KALAM_ASSIGN(const Message message, DecodeMessage(last->value()));
    partition.next_offset = OffsetOf(last->key()) + 1;
    partition.next_position = message.position + MessageBytes(message);
  }
  KALAM_TRY(last->status());
  partition.floor.store(floor.offset);
  partition.visible_end.store(partition.next_offset);
  partition.visible_position.store(partition.next_position);
  return {};
}

}  // namespace kalam::topics
