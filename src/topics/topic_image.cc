#include "topics/topic_image.h"

#include <fmt/format.h>

#include <utility>

#include "hot/key_codec.h"
#include "topics/record.h"
#include "topics/topics.h"

namespace kalam::topics {
namespace {

std::unexpected<Error> Damaged(std::string_view topic, std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("The backup of topic '{}' is damaged: {}", topic, what));
}

// As Topics::LoadPartition, of the past.
Result<TopicImage::End> ReadEnd(const hot::Store& store, const hot::Snapshot& snapshot, TopicNumber number,
                                uint32_t partition) {
  Floor floor;
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found,
               store.Get(hot::Space::kMeta, FloorKey(number, partition), stored, &snapshot));
  if (found) {
    KALAM_ASSIGN(floor, DecodeFloor(stored.bytes()));
  }
  TopicImage::End end{static_cast<int64_t>(floor.offset), static_cast<int64_t>(floor.position)};
  const auto last =
      store.Scan(hot::Space::kMessages, MessageKey(number, partition, floor.offset),
                 MessageKey(number, partition, UINT64_MAX), hot::Direction::kBackward, &snapshot);
  if (last->Valid()) {
    KALAM_ASSIGN(const Message message, DecodeMessage(last->value()));
    end.offset = static_cast<int64_t>(OffsetOf(last->key()) + 1);
    end.position = static_cast<int64_t>(message.position + MessageBytes(message));
  }
  KALAM_TRY(last->status());
  return end;
}

Result<std::vector<TopicImage::Group>> ReadGroups(const hot::Store& store, const hot::Snapshot& snapshot,
                                                  TopicNumber number) {
  std::vector<TopicImage::Group> groups;
  const std::string prefix = GroupsPrefix(number);
  const auto cursor =
      store.Scan(hot::Space::kMeta, prefix, hot::PrefixEnd(prefix), hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(GroupId id, DecodeGroupKey(cursor->key()));
    KALAM_ASSIGN(const GroupOffset offset, DecodeGroupOffset(cursor->value()));
    groups.push_back(
        {id.partition, std::move(id.group), static_cast<int64_t>(offset.acknowledged), offset.updated_at_ms});
  }
  KALAM_TRY(cursor->status());
  return groups;
}

// The topic of an image, checked against it.
Result<Topic> TopicOf(const TopicImage& image) {
  auto topic = DecodeTopic(image.record);
  if (!topic) return Damaged(image.name, topic.error().message);
  if (topic->name != image.name || topic->partitions == 0 || topic->partitions > kPartitionsMax)
    return Damaged(image.name, "the definition is another topic's");
  if (image.ends.size() != topic->partitions) return Damaged(image.name, "its partitions do not fit");
  for (const TopicImage::Group& group : image.groups) {
    if (group.partition >= static_cast<int64_t>(topic->partitions) || group.name.empty() ||
        group.name.size() > kGroupNameBytesMax)
      return Damaged(image.name, "a consumer group does not fit");
    // Nobody can have read what was not there.
    if (group.acknowledged >= image.ends[static_cast<size_t>(group.partition)].offset)
      return Damaged(image.name, fmt::format("group '{}' is ahead of its partition", group.name));
  }
  return topic;
}

}  // namespace

Result<std::vector<TopicImage>> ReadTopics(const hot::Store& store, const hot::Snapshot& snapshot,
                                           std::string_view ns) {
  std::vector<TopicImage> images;
  const auto cursor = store.Scan(hot::Space::kMeta, kTopicPrefix, hot::PrefixEnd(kTopicPrefix),
                                 hot::Direction::kForward, &snapshot);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const Topic topic, DecodeTopic(cursor->value()));
    if (!ns.empty() && topic.ns() != ns) continue;
    TopicImage& image = images.emplace_back();
    image.name = topic.name;
    image.record = cursor->value();
    for (uint32_t i = 0; i < topic.partitions; ++i) {
      KALAM_ASSIGN(image.ends.emplace_back(), ReadEnd(store, snapshot, topic.number, i));
    }
    KALAM_ASSIGN(image.groups, ReadGroups(store, snapshot, topic.number));
  }
  KALAM_TRY(cursor->status());
  return images;
}

Status Topics::Import(const std::vector<TopicImage>& images, int64_t& added,
                      const hot::ImportCommit& commit) {
  std::lock_guard lock(write_mu_);
  auto next = std::make_shared<TopicSet>(*published_.Get());
  std::vector<hot::MetaOp> ops;
  uint32_t number = next_number_;
  for (const TopicImage& image : images) {
    KALAM_ASSIGN(Topic topic, TopicOf(image));
    if (next->contains(topic.name)) continue;
    if (next->size() >= kTopicsMax) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("There would be more than {} topics, the most there may be", kTopicsMax));
    }
    topic.number = TopicNumber(number++);
    auto log = std::make_shared<TopicLog>(topic.number, topic.partitions);
    for (uint32_t i = 0; i < topic.partitions; ++i) {
      const Floor end{static_cast<uint64_t>(image.ends[i].offset),
                      static_cast<uint64_t>(image.ends[i].position)};
      ops.push_back({FloorKey(topic.number, i), EncodeFloor(end)});
      Partition& partition = log->partition(i);
      partition.next_offset = end.offset;
      partition.next_position = end.position;
      partition.floor.store(end.offset);
      partition.visible_end.store(end.offset);
      partition.visible_position.store(end.position);
    }
    for (const TopicImage::Group& group : image.groups) {
      ops.push_back({GroupKey(topic.number, static_cast<uint32_t>(group.partition), group.name),
                     EncodeGroupOffset({static_cast<uint64_t>(group.acknowledged), group.updated_at_ms})});
    }
    ops.push_back({TopicKey(topic.name), EncodeTopic(topic)});
    const std::string name = topic.name;
    next->emplace(name, TopicEntry{std::make_shared<const Topic>(std::move(topic)), std::move(log)});
    ++added;
  }
  if (added > 0) ops.push_back({std::string(kNextNumberKey), EncodeNumber(TopicNumber(number))});
  const auto committed = [&] {
    next_number_ = number;
    published_.Set(std::move(next));
  };
  return commit(std::move(ops), committed);
}

}  // namespace kalam::topics
