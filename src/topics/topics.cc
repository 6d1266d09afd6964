#include "topics/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hot/key_codec.h"

namespace kalam::topics {
namespace {

std::string Folded(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

std::string QuotedTable(const Route& route) { return route.ns + "." + route.table; }

// `name` is folded.
Status CheckName(std::string_view name, const catalog::CatalogSnapshot& catalog) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) {
    return Fail(ErrorCode::kInvalidOperation, "Topic name must be namespace-qualified: <namespace>.<topic>");
  }
  const std::string_view ns = name.substr(0, dot);
  if (catalog.FindNamespace(ns) == nullptr) {
    return Fail(Error(ErrorCode::kNotFoundNamespace, fmt::format("Namespace '{}' does not exist", ns))
                    .With("namespace", std::string(ns))
                    .With("operation", std::string("CREATE TOPIC")));
  }
  if (Status valid = catalog::ValidateName(name.substr(dot + 1)); !valid) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid topic name '{}': {}", name, valid.error().message));
  }
  return {};
}

}  // namespace

Error TopicNotFound(std::string_view name) {
  return {ErrorCode::kNotFound, fmt::format("Topic '{}' does not exist", name)};
}

Topics::Topics(hot::Store& store, const catalog::Catalog& catalog, const engine::Engine& engine,
               const Clock& clock, observe::Metrics& metrics, TopicOptions options)
    : store_(store),
      catalog_(catalog),
      engine_(engine),
      clock_(clock),
      options_(options),
      published_(std::make_shared<TopicSet>()),
      delivered_(metrics.AddCounter("kalam_topics_messages_delivered_total", "Messages given to consumers.")),
      acknowledgements_(metrics.AddCounter("kalam_topics_acknowledgements_total",
                                           "Acknowledgements of groups made durable.")),
      waiters_(clock),
      publisher_(clock, metrics, [this] { return CurrentRouting(); }, [this] { waiters_.Signal(); }) {}

Topics::~Topics() { StopWaiting(); }

Result<std::unique_ptr<Topics>> Topics::Open(hot::Store& store, const catalog::Catalog& catalog,
                                             const engine::Engine& engine, const Clock& clock,
                                             observe::Metrics& metrics, TopicOptions options) {
  std::unique_ptr<Topics> topics(new Topics(store, catalog, engine, clock, metrics, options));
  KALAM_TRY(topics->Load());
  store.AddParticipant(topics->publisher_);
  return topics;
}

std::shared_ptr<const Routing> Topics::CurrentRouting() {
  const uint64_t topics_version = published_.version();
  const uint64_t catalog_version = catalog_.version();
  if (routing_ == nullptr || topics_version != routing_topics_version_ ||
      catalog_version != routing_catalog_version_) {
    routing_ = Routing::Build(Entries(), *catalog_.Snapshot(), engine_, routing_.get());
    routing_topics_version_ = topics_version;
    routing_catalog_version_ = catalog_version;
  }
  return routing_;
}

Result<TopicEntry> Topics::FindEntry(std::string_view name) const {
  const auto topics = published_.Get();
  const auto it = topics->find(Folded(name));
  if (it == topics->end()) return Fail(TopicNotFound(name));
  return it->second;
}

std::vector<TopicEntry> Topics::Entries() const {
  std::vector<TopicEntry> entries;
  for (const auto& [name, entry] : *published_.Get()) entries.push_back(entry);
  return entries;
}

Result<TopicPtr> Topics::Find(std::string_view name) const {
  KALAM_ASSIGN(TopicEntry entry, FindEntry(name));
  return std::move(entry.topic);
}

std::vector<TopicPtr> Topics::List() const {
  std::vector<TopicPtr> topics;
  for (const auto& [name, entry] : *published_.Get()) topics.push_back(entry.topic);
  return topics;
}

std::vector<TopicPtr> Topics::ListIn(std::string_view ns) const {
  std::vector<TopicPtr> topics = List();
  std::erase_if(topics, [&](const TopicPtr& topic) { return topic->ns() != ns; });
  return topics;
}

Result<TopicPtr> Topics::Create(std::string_view name, uint32_t partitions,
                                std::optional<int64_t> retention_seconds,
                                std::optional<int64_t> retention_bytes_max, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  Topic topic;
  topic.name = Folded(name);
  KALAM_TRY(CheckName(topic.name, *catalog_.Snapshot()));
  const auto topics = published_.Get();
  if (topics->contains(topic.name)) {
    return Fail(ErrorCode::kAlreadyExists, fmt::format("Topic '{}' already exists", topic.name));
  }
  if (topics->size() >= kTopicsMax) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("There are {} topics, the most there may be", kTopicsMax));
  }
  if (partitions == 0 || partitions > kPartitionsMax) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Partition count must be a positive integer of at most {}", kPartitionsMax));
  }
  topic.number = TopicNumber(next_number_);
  topic.partitions = partitions;
  topic.retention.seconds = retention_seconds.value_or(options_.retention.seconds);
  topic.retention.bytes_max = retention_bytes_max.value_or(options_.retention.bytes_max);
  topic.created_at_ms = topic.updated_at_ms = clock_.WallMillis();
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({std::string(kNextNumberKey), EncodeNumber(TopicNumber(next_number_ + 1))});
  batch.meta.push_back({TopicKey(topic.name), EncodeTopic(topic)});
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  ++next_number_;
  auto next = std::make_shared<TopicSet>(*topics);
  const TopicEntry entry{std::make_shared<const Topic>(topic),
                         std::make_shared<TopicLog>(topic.number, partitions)};
  next->emplace(topic.name, entry);
  published_.Set(std::move(next));
  return entry.topic;
}

Result<TopicPtr> Topics::Store(const TopicEntry& entry, Topic changed, std::vector<hot::MetaOp> also) {
  changed.updated_at_ms = clock_.WallMillis();
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({TopicKey(changed.name), EncodeTopic(changed)});
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  auto next = std::make_shared<TopicSet>(*published_.Get());
  auto topic = std::make_shared<const Topic>(std::move(changed));
  (*next)[topic->name] = {topic, entry.log};
  published_.Set(std::move(next));
  return topic;
}

Status Topics::CheckRoute(const Topic& topic, const Route& route) const {
  for (const Route& other : topic.routes) {
    if (other.ns == route.ns && other.table == route.table && other.operation == route.operation) {
      return Fail(ErrorCode::kAlreadyExists,
                  fmt::format("Route for {} ON {} already exists in topic '{}'", QuotedTable(route),
                              OperationTitle(route.operation), topic.name));
    }
  }
  if (topic.routes.size() >= kRoutesMax) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("Topic '{}' has {} sources, the most it may have", topic.name, kRoutesMax));
  }
  const catalog::TablePtr table = catalog_.Snapshot()->FindTable(route.ns, route.table);
  if (table == nullptr) {
    KALAM_TRY(catalog::RefuseView(*catalog_.Snapshot(), route.ns, route.table,
                                  "add the table that it reads as a source"));
    return Fail(Error(ErrorCode::kNotFoundTable,
                      fmt::format("Table not found: Table '{}' does not exist", QuotedTable(route)))
                    .With("namespace", route.ns)
                    .With("table", route.table));
  }
  if (table->type == TableType::kStream && route.operation != Operation::kInsert) {
    return Fail(
        ErrorCode::kInvalidOperation,
        fmt::format("Invalid operation: {} is a STREAM table, whose rows are only published ON INSERT",
                    QuotedTable(route)));
  }
  if (!route.filter.empty()) {
    KALAM_TRY(SourceFilter::Bind(engine_, *table, route.filter, route.filter_user));
  }
  return {};
}

Result<TopicPtr> Topics::AddSource(std::string_view name, Route route, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  KALAM_TRY(CheckRoute(*entry.topic, route));
  Topic changed = *entry.topic;
  changed.routes.push_back(std::move(route));
  return Store(entry, std::move(changed), std::move(also));
}

Result<TopicPtr> Topics::SetRetention(std::string_view name, std::optional<int64_t> seconds,
                                      std::optional<int64_t> bytes_max, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  Topic changed = *entry.topic;
  if (seconds) changed.retention.seconds = *seconds;
  if (bytes_max) changed.retention.bytes_max = *bytes_max;
  return Store(entry, std::move(changed), std::move(also));
}

Status Topics::AppendGroupRemovals(TopicNumber topic, hot::Batch& batch) const {
  const std::string prefix = GroupsPrefix(topic);
  const auto cursor = store_.Scan(hot::Space::kMeta, prefix, hot::PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) batch.meta.push_back({std::string(cursor->key()), std::nullopt});
  return cursor->status();
}

Result<TopicPtr> Topics::Drop(std::string_view name, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  hot::Batch batch;
  batch.meta = std::move(also);
  batch.meta.push_back({TopicKey(entry.topic->name), std::nullopt});
  batch.meta.push_back({RemovedKey(entry.topic->number), entry.topic->name});
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
    batch.meta.push_back({FloorKey(entry.topic->number, i), std::nullopt});
  }
  KALAM_TRY(AppendGroupRemovals(entry.topic->number, batch));
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  auto next = std::make_shared<TopicSet>(*published_.Get());
  next->erase(entry.topic->name);
  published_.Set(std::move(next));
  return entry.topic;
}

// An acknowledgement that is on its way may be stored after the removal: it names an offset below the floor,
// where no group begins.
Result<TopicPtr> Topics::Clear(std::string_view name, std::vector<hot::MetaOp> also) {
  std::lock_guard lock(write_mu_);
  KALAM_ASSIGN(const TopicEntry entry, FindEntry(name));
  hot::Batch batch;
  batch.meta = std::move(also);
  std::vector<uint64_t> ends;
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) {
    const Partition& partition = entry.log->partition(i);
    // The end first: a position of a later end only makes the partition seem smaller.
    const uint64_t end = ends.emplace_back(partition.visible_end.load());
    batch.meta.push_back(
        {FloorKey(entry.topic->number, i), EncodeFloor({end, partition.visible_position.load()})});
  }
  KALAM_TRY(AppendGroupRemovals(entry.topic->number, batch));
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  for (uint32_t i = 0; i < entry.topic->partitions; ++i) entry.log->partition(i).floor.store(ends[i]);
  for (const std::shared_ptr<Group>& group : entry.log->Groups()) {
    std::lock_guard guard(group->mu);
    group->cursor.Forget();
  }
  return entry.topic;
}

}  // namespace kalam::topics
