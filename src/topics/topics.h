// Topics: durable ordered logs of row changes, and the consumer groups that read them.
//
// Purpose: definitions of topics and their sources, publication inside the commit of a row (Publisher),
// reading with and without a group, acknowledgements, retention. Knows no HTTP and no SQL statements. Records
// and messages live in the meta and messages spaces of the store; docs/topics-format.md describes them.
// Owner: main(), above store, catalog and engine; Open registers with the store's commits. Threads: every
// method is thread-safe. Definitions change under one lock, durable before they are visible; none of the
// methods that consumers call waits for a commit, Acknowledge answers through its callback. Errors: kNotFound
// "Topic 'x' does not exist", kAlreadyExists, kNotFoundNamespace, kNotFoundTable, kInvalidOperation,
// kLimitExceeded, kInvalidInput (partition, offset, group), and the store's. Limits: TopicOptions and the
// constants below.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/published.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/import_commit.h"
#include "hot/store.h"
#include "observe/metrics.h"
#include "topics/publisher.h"
#include "topics/routing.h"
#include "topics/start_position.h"
#include "topics/topic.h"
#include "topics/topic_image.h"
#include "topics/waiters.h"

namespace kalam::topics {

inline constexpr size_t kTopicsMax = 10'000;
inline constexpr size_t kRoutesMax = 1'000;  // per topic
inline constexpr size_t kGroupNameBytesMax = 256;
inline constexpr size_t kClaimsMax = 10'000;  // unacknowledged fetches of one group in one partition

struct TopicOptions {
  int64_t visibility_timeout_ms = 60'000;
  int64_t long_poll_ms_max = 1'000;
  int64_t fetch_bytes_max = 8 << 20;  // payloads of one fetch; one message is always given
  int64_t groups_max = 10'000;        // per topic
  Retention retention;                // of topics that do not say otherwise
};

struct ReadRequest {
  std::string_view topic;  // any case
  uint32_t partition = 0;
  StartPosition start;
  uint64_t limit = 100;
};

// Takes messages in ascending order of offsets. Views are valid during the call. An error ends the fetch and
// gives everything back.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual Status Add(const Topic& topic, uint32_t partition, uint64_t offset, const Message& message) = 0;
};

struct ReadResult {
  uint64_t count = 0;
  uint64_t next_offset = 0;  // behind the last message; where the group stands when there was none
  bool has_more = false;     // as many as were asked for or as fit: there may be more
  uint64_t seen_end = 0;     // end of the partition that was looked at
};

// One row per group and partition that has acknowledged.
struct GroupRow {
  std::string topic;
  std::string group;
  uint32_t partition = 0;
  uint64_t acknowledged = 0;
  int64_t updated_at_ms = 0;
};

struct RemovedTopic {
  TopicNumber number;
  std::string name;
};

struct Erased {
  int64_t messages = 0;
  int64_t bytes = 0;  // as MessageBytes counts
};

class Topics {
 public:
  static Result<std::unique_ptr<Topics>> Open(hot::Store& store, const catalog::Catalog& catalog,
                                              const engine::Engine& engine, const Clock& clock,
                                              observe::Metrics& metrics, TopicOptions options);
  ~Topics();

  // Answers everybody who waits; later waits end at once. Idempotent, also done by the destructor.
  void StopWaiting() { waiters_.Stop(); }

  // Definitions. Names are folded to lower case. `also` is written in the batch of the change.
  Result<TopicPtr> Create(std::string_view name, uint32_t partitions,
                          std::optional<int64_t> retention_seconds,
                          std::optional<int64_t> retention_bytes_max, std::vector<hot::MetaOp> also = {});
  // The table must exist and, with a condition, fit it.
  Result<TopicPtr> AddSource(std::string_view name, Route route, std::vector<hot::MetaOp> also = {});
  Result<TopicPtr> SetRetention(std::string_view name, std::optional<int64_t> seconds,
                                std::optional<int64_t> bytes_max, std::vector<hot::MetaOp> also = {});
  // The topic and its groups are gone when it returns; its messages are until EraseRemoved.
  Result<TopicPtr> Drop(std::string_view name, std::vector<hot::MetaOp> also = {});
  // Adds the topics that are not here; existing ones stay as they are. They go on at the offsets where they
  // ended, without messages. `added` is known before `commit` is called.
  Status Import(const std::vector<TopicImage>& images, int64_t& added, const hot::ImportCommit& commit);
  // All messages and all that groups have acknowledged are gone for consumers when it returns; offsets go on.
  // The disk space is until EraseCleared.
  Result<TopicPtr> Clear(std::string_view name, std::vector<hot::MetaOp> also = {});

  Result<TopicPtr> Find(std::string_view name) const;
  std::vector<TopicPtr> List() const;  // by name
  std::vector<TopicPtr> ListIn(std::string_view ns) const;
  Result<std::vector<GroupRow>> Groups() const;

  // Reads without a group: nothing is remembered.
  Result<ReadResult> Read(const ReadRequest& request, MessageSink& sink);
  // Reads for a group: what is given is claimed until it is acknowledged or the visibility timeout is over.
  Result<ReadResult> Consume(const ReadRequest& request, std::string_view group, MessageSink& sink);
  // Everything up to `upto` is done. `done` gets the group's durable offset, from any thread, once.
  void Acknowledge(std::string_view topic, uint32_t partition, std::string_view group, uint64_t upto,
                   AckDone done);
  // The same, waiting. Not from a commit's completion.
  Result<uint64_t> AcknowledgeAndWait(std::string_view topic, uint32_t partition, std::string_view group,
                                      uint64_t upto);
  // Calls `wake` once, from a thread of its own, when the partition's end is no longer `seen_end` or after
  // `wait_ms` (at most long_poll_ms_max). False when nobody can wait (any more): then it is not called.
  bool Wait(std::string_view topic, uint32_t partition, uint64_t seen_end, int64_t wait_ms,
            std::function<void()> wake);
  // A rough size of the payloads that a fetch of `limit` messages reads.
  uint64_t EstimateBytes(std::string_view topic, uint32_t partition, uint64_t limit) const;

  // Removal, by jobs. Nothing is scanned: a few reads and a range per partition.
  Result<bool> RetentionDue(std::string_view name) const;
  Result<Erased> ApplyRetention(std::string_view name);
  Result<Erased> EraseCleared(std::string_view name);
  Result<std::vector<RemovedTopic>> RemovedTopics() const;
  Status EraseRemoved(TopicNumber number);

  int64_t filter_failures() const { return publisher_.filter_failures(); }
  const TopicOptions& options() const { return options_; }

 private:
  using TopicSet = std::map<std::string, TopicEntry, std::less<>>;

  Topics(hot::Store& store, const catalog::Catalog& catalog, const engine::Engine& engine, const Clock& clock,
         observe::Metrics& metrics, TopicOptions options);

  // load.cc
  Status Load();
  Status LoadPartition(TopicLog& log, uint32_t index) const;

  // topics.cc
  Result<TopicEntry> FindEntry(std::string_view name) const;
  std::vector<TopicEntry> Entries() const;
  // Stores a changed definition and makes it visible. `write_mu_` is held.
  Result<TopicPtr> Store(const TopicEntry& entry, Topic changed, std::vector<hot::MetaOp> also);
  Status CheckRoute(const Topic& topic, const Route& route) const;
  // The groups' records of a topic, as deletions.
  Status AppendGroupRemovals(TopicNumber topic, hot::Batch& batch) const;
  std::shared_ptr<const Routing> CurrentRouting();

  // consume.cc
  Result<TopicEntry> FindPartition(std::string_view topic, uint32_t partition) const;
  Result<std::shared_ptr<Group>> FindGroup(const TopicEntry& entry, uint32_t partition,
                                           std::string_view name) const;
  Status LoadGroup(TopicNumber topic, Group& group) const;  // the group's lock is held
  // Gives messages of `range` to the sink; `end` is behind the last one given.
  Status ReadRange(const TopicEntry& entry, uint32_t partition, OffsetRange range, MessageSink& sink,
                   uint64_t& count, uint64_t& end) const;
  void WriteAcknowledgement(TopicNumber topic, std::shared_ptr<Group> group, uint64_t upto);

  // retention.cc
  struct Place {
    uint64_t offset = 0;
    uint64_t position = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  class Cuts;
  Result<Message> MessageAt(TopicNumber topic, uint32_t partition, uint64_t offset,
                            hot::PinnedBytes& bytes) const;
  Result<Erased> EraseTo(const TopicEntry& entry, const std::vector<Place>& floors);

  hot::Store& store_;
  const catalog::Catalog& catalog_;
  const engine::Engine& engine_;
  const Clock& clock_;
  const TopicOptions options_;
  std::mutex write_mu_;       // serialises definitions; held while they commit
  uint32_t next_number_ = 1;  // guarded by write_mu_
  Published<TopicSet> published_;
  // Of the committing thread:
  std::shared_ptr<const Routing> routing_;
  uint64_t routing_topics_version_ = 0;
  uint64_t routing_catalog_version_ = 0;
  observe::Counter& delivered_;
  observe::Counter& acknowledgements_;
  Waiters waiters_;
  Publisher publisher_;
};

// "Topic 'x' does not exist".
Error TopicNotFound(std::string_view name);

}  // namespace kalam::topics
