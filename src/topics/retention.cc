// Retention and removal: where a partition must begin from now on, and the erasing of what is before it.
//
// Nothing is scanned: offsets are contiguous, and timestamps and positions ascend with them, so that the
// first message to keep is found by halving.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "topics/topics.h"

namespace kalam::topics {

// The first messages to keep of one topic.
class Topics::Cuts {
 public:
  Cuts(const Topics& topics, const TopicEntry& entry) : topics_(topics), entry_(entry) {
    for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
      const Partition& partition = entry.log->partition(i);
      // The end first, so that the position is not below that of the end.
      const OffsetRange range = partition.readable();
      ranges_.push_back(range);
      ends_.push_back({range.end, partition.visible_position.load()});
    }
  }

  const std::vector<Place>& ends() const { return ends_; }

  // Where each partition begins now.
  Result<std::vector<Place>> Begins() {
    return ForEach([&](uint32_t i) { return PlaceOf(i, ranges_[i].begin); });
  }
  // The first message of each partition from `timestamp_ms` on.
  Result<std::vector<Place>> Since(int64_t timestamp_ms) {
    return ForEach([&](uint32_t i) {
      return First(i, ranges_[i], [&](const Message& m) { return m.timestamp_ms >= timestamp_ms; });
    });
  }
  // Bytes from `places` to the ends.
  uint64_t Bytes(const std::vector<Place>& places) const {
    uint64_t bytes = 0;
    for (size_t i = 0; i < places.size(); ++i) bytes += ends_[i].position - places[i].position;
    return bytes;
  }
  // The oldest places that keep at most `bytes_max`.
  Result<std::vector<Place>> Newest(const std::vector<Place>& begins, uint64_t bytes_max);

 private:
  template <typename Fn>
  Result<std::vector<Place>> ForEach(const Fn& place_of) {
    std::vector<Place> places;
    for (uint32_t i = 0; i < ranges_.size(); ++i) {
      KALAM_ASSIGN(const Place place, place_of(i));
      places.push_back(place);
    }
    return places;
  }

  Result<Message> At(uint32_t partition, uint64_t offset) {
    return topics_.MessageAt(entry_.topic->number, partition, offset, bytes_);
  }
  Result<Place> PlaceOf(uint32_t partition, uint64_t offset) {
    if (offset >= ends_[partition].offset) return ends_[partition];
    KALAM_ASSIGN(const Message message, At(partition, offset));
    return Place{offset, message.position};
  }
  // The first of `range` for which `kept` holds; it holds for all behind one for which it does.
  template <typename Fn>
  Result<Place> First(uint32_t partition, OffsetRange range, const Fn& kept) {
    while (range.begin < range.end) {
      const uint64_t middle = range.begin + (range.end - range.begin) / 2;
      KALAM_ASSIGN(const Message message, At(partition, middle));
      if (kept(message)) {
        range.end = middle;
      } else {
        range.begin = middle + 1;
      }
    }
    return PlaceOf(partition, range.begin);
  }

  const Topics& topics_;
  const TopicEntry& entry_;
  std::vector<OffsetRange> ranges_;
  std::vector<Place> ends_;
  hot::PinnedBytes bytes_;
};

Result<std::vector<Topics::Place>> Topics::Cuts::Newest(const std::vector<Place>& begins,
                                                        uint64_t bytes_max) {
  if (Bytes(begins) <= bytes_max) return begins;
  int64_t low = INT64_MAX;  // keeping everything since then is too much
  int64_t high = 0;
  for (uint32_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].empty()) continue;
    KALAM_ASSIGN(const Message first, At(i, ranges_[i].begin));
    low = std::min(low, first.timestamp_ms);
    KALAM_ASSIGN(const Message last, At(i, ranges_[i].end - 1));
    high = std::max(high, last.timestamp_ms + 1);  // keeps nothing
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    KALAM_ASSIGN(const auto places, Since(middle));
    (Bytes(places) <= bytes_max ? high : low) = middle;
  }
  // What is left goes to messages of the millisecond before: a large statement may have made them all.
  KALAM_ASSIGN(std::vector<Place> places, Since(high));
  uint64_t left = bytes_max - Bytes(places);
  for (uint32_t i = 0; i < ranges_.size(); ++i) {
    const Place end = places[i];
    KALAM_ASSIGN(places[i], First(i, {ranges_[i].begin, end.offset}, [&](const Message& message) {
                   return message.timestamp_ms >= low && end.position - message.position <= left;
                 }));
    if (places[i].offset >= end.offset) places[i] = end;
    left -= end.position - places[i].position;
  }
  return places;
}

Result<Message> Topics::MessageAt(TopicNumber topic, uint32_t partition, uint64_t offset,
                                  hot::PinnedBytes& bytes) const {
  KALAM_ASSIGN(const bool found,
               store_.Get(hot::Space::kMessages, MessageKey(topic, partition, offset), bytes));
  if (!found) {
    return Fail(ErrorCode::kCorruption, fmt::format("Message {} of topic number {}, partition {} is missing",
                                                    offset, topic.value, partition));
  }
  return DecodeMessage(bytes.bytes());
}

// Floors and erasures are one write: what is gone is never expected after a restart.
Result<Erased> Topics::EraseTo(const TopicEntry& entry, const std::vector<Place>& floors) {
  const TopicNumber number = entry.topic->number;
  hot::Batch batch;
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
    const uint64_t erased = entry.log->partition(i).erased.load();
    if (floors[i].offset <= erased) continue;
    batch.meta.push_back({FloorKey(number, i), EncodeFloor({floors[i].offset, floors[i].position})});
    batch.messages.push_back({MessageKey(number, i, erased), {}, MessageKey(number, i, floors[i].offset)});
  }
  Erased erased;
  if (batch.meta.empty()) return erased;
  const std::vector<hot::MessageOp> ranges = batch.messages;
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
    Partition& partition = entry.log->partition(i);
    const uint64_t before = partition.floor.load();
    erased.messages += static_cast<int64_t>(floors[i].offset - std::min(before, floors[i].offset));
    partition.floor.store(std::max(before, floors[i].offset));
    partition.erased.store(std::max(partition.erased.load(), floors[i].offset));
  }
  for (const hot::MessageOp& range : ranges) KALAM_TRY(store_.ReclaimMessages(range.key, range.erase_end));
  return erased;
}

Result<Erased> Topics::ApplyRetention(std::string_view name) {
  std::lock_guard lock(write_mu_);  // CLEAR and DROP move floors too
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  Cuts cuts(*this, entry);
  KALAM_ASSIGN(const std::vector<Place> begins, cuts.Begins());
  std::vector<Place> floors = begins;
  const Retention& retention = entry.topic->retention;
  if (retention.bytes_max > 0) {
    KALAM_ASSIGN(floors, cuts.Newest(begins, static_cast<uint64_t>(retention.bytes_max)));
  }
  if (retention.seconds > 0) {
    KALAM_ASSIGN(const auto fresh, cuts.Since(clock_.WallMillis() - retention.seconds * 1'000));
    for (size_t i = 0; i < floors.size(); ++i) {
      if (fresh[i].offset > floors[i].offset) floors[i] = fresh[i];
    }
  }
  if (floors == begins) return Erased();
  const auto bytes = static_cast<int64_t>(cuts.Bytes(begins) - cuts.Bytes(floors));
  KALAM_ASSIGN(Erased erased, EraseTo(entry, floors));
  erased.bytes = bytes;
  return erased;
}

Result<bool> Topics::RetentionDue(std::string_view name) const {
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  const Retention& retention = entry.topic->retention;
  const int64_t oldest_ms = clock_.WallMillis() - retention.seconds * 1'000;
  uint64_t bytes = 0;
  hot::PinnedBytes stored;
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
    const Partition& partition = entry.log->partition(i);
    const OffsetRange range = partition.readable();
    if (range.empty()) continue;
    const uint64_t end = partition.visible_position.load();
    const auto first = MessageAt(entry.topic->number, i, range.begin, stored);
    if (!first && partition.floor.load() > range.begin) continue;  // removed meanwhile
    if (!first) return Fail(first.error());
    if (retention.seconds > 0 && first->timestamp_ms < oldest_ms) return true;
    bytes += end - std::min(end, first->position);
  }
  return retention.bytes_max > 0 && bytes > static_cast<uint64_t>(retention.bytes_max);
}

Result<Erased> Topics::EraseCleared(std::string_view name) {
  std::lock_guard lock(write_mu_);
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  Cuts cuts(*this, entry);
  KALAM_ASSIGN(const std::vector<Place> begins, cuts.Begins());
  return EraseTo(entry, begins);
}

Result<std::vector<RemovedTopic>> Topics::RemovedTopics() const {
  std::vector<RemovedTopic> removed;
  const auto cursor =
      store_.Scan(hot::Space::kMeta, kRemovedPrefix, std::string(kRemovedPrefix).append("\xff"));
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const TopicNumber number, DecodeRemovedKey(cursor->key()));
    removed.push_back({number, std::string(cursor->value())});
  }
  KALAM_TRY(cursor->status());
  return removed;
}

Status Topics::EraseRemoved(TopicNumber number) {
  // A commit that began before the topic was dropped may have published to it; this one comes after it.
  const std::string begin = MessageKey(number, 0, 0);
  const std::string end = MessageKey(TopicNumber(number.value + 1), 0, 0);
  hot::Batch batch;
  batch.meta.push_back({RemovedKey(number), std::nullopt});
  KALAM_TRY(AppendGroupRemovals(number, batch));  // so may an acknowledgement
  batch.messages.push_back({begin, {}, end});
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  return store_.ReclaimMessages(begin, end);
}

}  // namespace kalam::topics
