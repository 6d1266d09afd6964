// What consumers do: read, consume, acknowledge, wait.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "topics/topics.h"

namespace kalam::topics {
namespace {

uint64_t Resolve(const StartPosition& start, OffsetRange log) {
  switch (start.kind) {
    case StartPosition::Kind::kEarliest:
      return log.begin;
    case StartPosition::Kind::kLatest:
      return log.end;
    case StartPosition::Kind::kOffset:
      return start.offset;
  }
  return log.end;
}

Status CheckGroupName(std::string_view name) {
  if (name.empty()) return Fail(ErrorCode::kInvalidInput, "The consumer group needs a name");
  if (name.size() > kGroupNameBytesMax) {
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("The name of a consumer group may have {} bytes, this one has {}",
                            kGroupNameBytesMax, name.size()));
  }
  return {};
}

}  // namespace

Result<TopicEntry> Topics::FindPartition(std::string_view topic, uint32_t partition) const {
  KALAM_ASSIGN(TopicEntry entry, FindEntry(topic));
  if (partition >= entry.topic->partitions) {
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("Topic '{}' has {} partition(s), numbered from 0; there is no partition {}",
                            entry.topic->name, entry.topic->partitions, partition));
  }
  return entry;
}

Result<std::shared_ptr<Group>> Topics::FindGroup(const TopicEntry& entry, uint32_t partition,
                                                 std::string_view name) const {
  KALAM_TRY(CheckGroupName(name));
  auto group = entry.log->FindGroup(partition, name, static_cast<size_t>(options_.groups_max));
  if (group == nullptr) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("Topic '{}' has {} consumer groups already (topics.max_groups_per_topic)",
                            entry.topic->name, options_.groups_max));
  }
  return group;
}

Status Topics::LoadGroup(TopicNumber topic, Group& group) const {
  if (group.loaded) return {};
  hot::PinnedBytes stored;
  KALAM_ASSIGN(const bool found,
               store_.Get(hot::Space::kMeta, GroupKey(topic, group.partition, group.name), stored));
  if (found) {
    KALAM_ASSIGN(const GroupOffset offset, DecodeGroupOffset(stored.bytes()));
    group.cursor = GroupCursor(offset.acknowledged);
  }
  group.loaded = true;
  return {};
}

Status Topics::ReadRange(const TopicEntry& entry, uint32_t partition, OffsetRange range, MessageSink& sink,
                         uint64_t& count, uint64_t& end) const {
  const TopicNumber number = entry.topic->number;
  size_t bytes = 0;
  const auto cursor = store_.Scan(hot::Space::kMessages, MessageKey(number, partition, range.begin),
                                  MessageKey(number, partition, range.end));
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const Message message, DecodeMessage(cursor->value()));
    bytes += message.payload.size();
    if (count > 0 && bytes > static_cast<size_t>(options_.fetch_bytes_max)) break;
    const uint64_t offset = OffsetOf(cursor->key());
    KALAM_TRY(sink.Add(*entry.topic, partition, offset, message));
    ++count;
    end = offset + 1;
  }
  return cursor->status();
}

Result<ReadResult> Topics::Read(const ReadRequest& request, MessageSink& sink) {
  KALAM_ASSIGN(const TopicEntry entry, FindPartition(request.topic, request.partition));
  const OffsetRange log = entry.log->partition(request.partition).readable();
  const uint64_t begin = std::max(Resolve(request.start, log), log.begin);
  ReadResult result;
  result.next_offset = begin;
  result.seen_end = log.end;
  if (begin >= log.end || request.limit == 0) return result;
  const OffsetRange range{begin, begin + std::min(request.limit, log.end - begin)};
  KALAM_TRY(ReadRange(entry, request.partition, range, sink, result.count, result.next_offset));
  delivered_.Add(result.count);
  result.has_more = result.count == request.limit || (result.count > 0 && result.next_offset < range.end);
  return result;
}

Result<ReadResult> Topics::Consume(const ReadRequest& request, std::string_view name, MessageSink& sink) {
  KALAM_ASSIGN(const TopicEntry entry, FindPartition(request.topic, request.partition));
  KALAM_ASSIGN(const std::shared_ptr<Group> group, FindGroup(entry, request.partition, name));
  const Partition& partition = entry.log->partition(request.partition);
  ReadResult result;
  for (;;) {
    const OffsetRange log = partition.readable();
    result.seen_end = log.end;
    GroupCursor::Claimed claimed;
    {
      std::lock_guard lock(group->mu);
      KALAM_TRY(LoadGroup(entry.topic->number, *group));
      const uint64_t seed = Resolve(request.start, log);
      if (request.limit == 0) {
        result.next_offset = group->cursor.Next(seed);
        return result;
      }
      const int64_t now = clock_.MonotonicNanos();
      if (group->cursor.Claims(now) >= kClaimsMax) {
        return Fail(ErrorCode::kLimitExceeded,
                    fmt::format("Consumer group '{}' has {} fetches of topic '{}' that are not acknowledged. "
                                "Acknowledge them or ask for more messages at once",
                                name, kClaimsMax, entry.topic->name));
      }
      claimed =
          group->cursor.Claim({seed, request.limit, log, now, options_.visibility_timeout_ms * 1'000'000});
    }
    result.next_offset = claimed.begin;
    if (claimed.empty()) return result;
    uint64_t end = claimed.begin;
    const Status read = ReadRange(entry, request.partition, claimed, sink, result.count, end);
    {
      std::lock_guard lock(group->mu);
      group->cursor.GiveBack(claimed, read ? end : claimed.begin);
    }
    if (!read) return Fail(read.error());
    if (result.count > 0) {
      delivered_.Add(result.count);
      result.next_offset = end;
      result.has_more = result.count == request.limit || end < claimed.end;
      return result;
    }
    // Retention or CLEAR removed the whole range meanwhile, or DROP the topic. What is stored tells it first.
    KALAM_ASSIGN(const TopicEntry now, FindPartition(request.topic, request.partition));
    if (now.topic->number != entry.topic->number) return Consume(request, name, sink);
    hot::PinnedBytes stored;
    Floor floor;
    KALAM_ASSIGN(const bool found,
                 store_.Get(hot::Space::kMeta, FloorKey(entry.topic->number, request.partition), stored));
    if (found) {
      KALAM_ASSIGN(floor, DecodeFloor(stored.bytes()));
    }
    if (floor.offset <= claimed.begin) {
      return Fail(ErrorCode::kCorruption,
                  fmt::format("Messages {} to {} of topic '{}', partition {} are missing", claimed.begin,
                              claimed.end - 1, entry.topic->name, request.partition));
    }
  }
}

void Topics::Acknowledge(std::string_view topic, uint32_t partition, std::string_view name, uint64_t upto,
                         AckDone done) {
  const auto entry = FindPartition(topic, partition);
  if (!entry) return done(std::unexpected(entry.error()));
  const uint64_t end = entry->log->partition(partition).visible_end.load();
  if (upto >= end) {
    return done(
        Fail(ErrorCode::kInvalidInput,
             fmt::format("Offset {} of topic '{}', partition {} cannot be acknowledged: the next message "
                         "will have offset {}",
                         upto, entry->topic->name, partition, end)));
  }
  const auto group = FindGroup(*entry, partition, name);
  if (!group) return done(std::unexpected(group.error()));
  {
    std::unique_lock lock((*group)->mu);
    if (const Status loaded = LoadGroup(entry->topic->number, **group); !loaded) {
      lock.unlock();
      return done(std::unexpected(loaded.error()));
    }
    const auto acknowledged = (*group)->cursor.acknowledged();
    if (acknowledged && upto <= *acknowledged) {
      lock.unlock();
      return done(*acknowledged);
    }
    if ((*group)->writing) {
      (*group)->next = std::max((*group)->next.value_or(0), upto);
      (*group)->next_done.push_back(std::move(done));
      return;
    }
    (*group)->writing = upto;
    (*group)->writing_done.push_back(std::move(done));
  }
  WriteAcknowledgement(entry->topic->number, *group, upto);
}

// One write of the group at a time, so that what is stored never goes back.
void Topics::WriteAcknowledgement(TopicNumber topic, std::shared_ptr<Group> group, uint64_t upto) {
  hot::Batch batch;
  batch.meta.push_back(
      {GroupKey(topic, group->partition, group->name), EncodeGroupOffset({upto, clock_.WallMillis()})});
  store_.Submit(std::move(batch), [this, topic, group, upto](const hot::CommitResult& committed) {
    std::vector<AckDone> done;
    std::optional<uint64_t> next;
    uint64_t acknowledged = upto;
    {
      std::lock_guard lock(group->mu);
      if (committed.status) {
        group->cursor.Acknowledge(upto);
        acknowledgements_.Add();
      }
      acknowledged = group->cursor.acknowledged().value_or(upto);
      done = std::exchange(group->writing_done, std::exchange(group->next_done, {}));
      next = std::exchange(group->next, std::nullopt);
      if (next && committed.status && *next <= acknowledged) next = std::nullopt;
      group->writing = next;
      if (!next) {  // what came meanwhile asked for no more than this
        std::move(group->writing_done.begin(), group->writing_done.end(), std::back_inserter(done));
        group->writing_done.clear();
      }
    }
    for (AckDone& one : done) {
      one(committed.status ? Result<uint64_t>(acknowledged) : std::unexpected(committed.status.error()));
    }
    if (next) WriteAcknowledgement(topic, group, *next);
  });
}

Result<uint64_t> Topics::AcknowledgeAndWait(std::string_view topic, uint32_t partition,
                                            std::string_view group, uint64_t upto) {
  std::mutex mu;
  std::condition_variable ready;
  std::optional<Result<uint64_t>> outcome;
  Acknowledge(topic, partition, group, upto, [&](Result<uint64_t> result) {
    std::lock_guard lock(mu);
    outcome = std::move(result);
    ready.notify_one();  // under the lock: the waiter destroys the condition when it leaves
  });
  std::unique_lock lock(mu);
  ready.wait(lock, [&] { return outcome.has_value(); });
  return std::move(*outcome);
}

bool Topics::Wait(std::string_view topic, uint32_t partition, uint64_t seen_end, int64_t wait_ms,
                  std::function<void()> wake) {
  const auto entry = FindPartition(topic, partition);
  if (!entry) return false;
  const int64_t bounded = std::clamp<int64_t>(wait_ms, 0, options_.long_poll_ms_max);
  if (bounded == 0) return false;
  return waiters_.Add(entry->log, partition, seen_end, clock_.MonotonicNanos() + bounded * 1'000'000,
                      std::move(wake));
}

uint64_t Topics::EstimateBytes(std::string_view topic, uint32_t partition, uint64_t limit) const {
  const auto entry = FindPartition(topic, partition);
  if (!entry) return 0;
  const Partition& log = entry->log->partition(partition);
  const uint64_t end = log.visible_end.load();
  if (end == 0) return 0;
  const uint64_t mean = log.visible_position.load() / end;
  return std::min(limit, log.readable().end - log.readable().begin) * mean;
}

Result<std::vector<GroupRow>> Topics::Groups() const {
  std::map<uint32_t, std::string> names;
  for (const auto& [name, entry] : *published_.Get()) names[entry.topic->number.value] = name;
  std::vector<GroupRow> rows;
  const auto cursor = store_.Scan(hot::Space::kMeta, kGroupPrefix, std::string(kGroupPrefix).append("\xff"));
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(GroupId id, DecodeGroupKey(cursor->key()));
    const auto name = names.find(id.topic.value);
    if (name == names.end()) continue;
    KALAM_ASSIGN(const GroupOffset offset, DecodeGroupOffset(cursor->value()));
    rows.push_back(
        {name->second, std::move(id.group), id.partition, offset.acknowledged, offset.updated_at_ms});
  }
  KALAM_TRY(cursor->status());
  std::ranges::sort(rows, {},
                    [](const GroupRow& row) { return std::tie(row.topic, row.group, row.partition); });
  return rows;
}

}  // namespace kalam::topics
