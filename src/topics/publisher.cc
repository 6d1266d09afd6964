#include "topics/publisher.h"

#include <algorithm>
#include <utility>

#include "hot/key_codec.h"
#include "hot/seq.h"
#include "observe/log.h"

namespace kalam::topics {
namespace {

constexpr int64_t kNanosBetweenWarnings = 10'000'000'000;

// FNV-1a: the partition of a key must be the same after a restart and in later versions.
uint64_t StableHash(std::string_view bytes) {
  uint64_t hash = 14'695'981'039'346'656'037u;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 1'099'511'628'211u;
  return hash;
}

std::optional<Operation> OperationOf(const hot::Change& change) {
  switch (change.kind) {
    case hot::ChangeKind::kInsert:
      return Operation::kInsert;
    case hot::ChangeKind::kUpdate:
      return Operation::kUpdate;
    case hot::ChangeKind::kDelete:
      return Operation::kDelete;
    case hot::ChangeKind::kErase:
      return std::nullopt;  // rows of STREAM tables leave without a message
  }
  return std::nullopt;
}

}  // namespace

Publisher::Publisher(const Clock& clock, observe::Metrics& metrics,
                     std::function<std::shared_ptr<const Routing>()> current, std::function<void()> written)
    : clock_(clock),
      current_(std::move(current)),
      written_(std::move(written)),
      published_(
          metrics.AddCounter("kalam_topics_messages_published_total", "Messages written with their rows.")),
      filter_failures_(metrics.AddCounter(
          "kalam_topics_filter_failures_total",
          "Messages published because the condition of their source could not be evaluated.")) {}

void Publisher::BeginGroup() { routing_ = current_(); }

hot::Need Publisher::NeedOf(TableId table) const {
  const TableRoutes* routes = routing_ == nullptr ? nullptr : routing_->Find(table);
  return routes == nullptr ? hot::Need::kNone : routes->need;
}

Status Publisher::Decode(std::span<const hot::Change> changes) {
  rows_.clear();
  for (const hot::Change& change : changes) {
    const TableRoutes* table = routing_->Find(change.table);
    if (table == nullptr) continue;
    const auto operation = OperationOf(change);
    if (!operation) continue;
    const hot::RowCodec& codec = *table->form.table()->codec;
    Row& row = rows_.emplace_back();
    row.change = &change;
    row.table = table;
    row.operation = *operation;
    KALAM_ASSIGN(row.view, codec.Open(change.after));
    if (change.before) {
      KALAM_ASSIGN(row.before, codec.Open(*change.before));
    }
  }
  return {};
}

// Asks each filter once for all rows of the batch that it is for.
void Publisher::JudgeAll() {
  verdicts_.resize(std::max(verdicts_.size(), rows_.size()));
  bool filtered = false;
  for (size_t i = 0; i < rows_.size(); ++i) {
    verdicts_[i].assign(rows_[i].table->routes.size(), Verdict::kYes);
    for (const BoundRoute& bound : rows_[i].table->routes) filtered = filtered || bound.filter != nullptr;
  }
  if (!filtered) return;
  const int64_t now_micros = clock_.WallMicros();
  std::vector<const TableRoutes*> done;
  std::vector<size_t> indexes;
  std::vector<const hot::RowView*> views;
  std::vector<Verdict> verdicts;
  for (const Row& first : rows_) {
    if (std::ranges::find(done, first.table) != done.end()) continue;
    done.push_back(first.table);
    for (size_t r = 0; r < first.table->routes.size(); ++r) {
      const BoundRoute& bound = first.table->routes[r];
      if (bound.filter == nullptr) continue;
      indexes.clear();
      views.clear();
      for (size_t i = 0; i < rows_.size(); ++i) {
        if (rows_[i].table != first.table || rows_[i].operation != bound.route().operation) continue;
        indexes.push_back(i);
        views.push_back(&rows_[i].view);
      }
      std::optional<Error> error;
      bound.filter->Judge(views, now_micros, verdicts, error);
      for (size_t i = 0; i < indexes.size(); ++i) verdicts_[indexes[i]][r] = verdicts[i];
      if (error) NoteFailure(bound, std::ranges::count(verdicts, Verdict::kFailed), *error);
    }
  }
}

void Publisher::NoteFailure(const BoundRoute& bound, int64_t count, const Error& error) {
  filter_failures_.Add(static_cast<uint64_t>(count));
  const int64_t now = clock_.MonotonicNanos();
  if (warned_at_nanos_ != INT64_MIN && now - warned_at_nanos_ < kNanosBetweenWarnings) return;
  warned_at_nanos_ = now;
  observe::LogWarn("the condition of source {}.{} of topic {} failed for a row, which is published: {}",
                   bound.route().ns, bound.route().table, bound.entry.topic->name, error.message);
}

Status Publisher::Join(std::span<const hot::Change> changes, hot::JoinedOps out) {
  appended_.clear();
  const size_t messages = out.messages.size();
  const Status published = [&]() -> Status {
    KALAM_TRY(Decode(changes));
    JudgeAll();
    return changes.empty() ? Status() : PublishAll(changes.back().seq, out);
  }();
  if (!published) {
    TakeBack();
    out.messages.resize(messages);
  }
  return published;
}

Status Publisher::PublishAll(Seq commit_seq, hot::JoinedOps out) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    for (size_t r = 0; r < row.table->routes.size(); ++r) {
      const BoundRoute& bound = row.table->routes[r];
      if (bound.route().operation != row.operation || verdicts_[i][r] == Verdict::kNo) continue;
      KALAM_TRY(Publish(row, bound, verdicts_[i][r], commit_seq, out));
    }
  }
  return {};
}

Status Publisher::Publish(const Row& row, const BoundRoute& bound, Verdict verdict, Seq commit_seq,
                          hot::JoinedOps out) {
  const PayloadForm& form = row.table->form;
  payload_.clear();
  KALAM_TRY(form.Append(
      {row.view, row.before ? &*row.before : nullptr, row.operation, commit_seq, verdict == Verdict::kFailed},
      bound.route().payload, payload_));
  KALAM_ASSIGN(const std::optional<std::string> key, form.KeyText(row.view));
  std::optional<std::string> user;
  if (form.table()->has_private_rows()) {
    KALAM_ASSIGN(user, hot::DecodeScope(row.change->key));
  }
  TopicLog& log = *bound.entry.log;
  uint32_t index = 0;
  if (log.partitions() > 1) {
    index = static_cast<uint32_t>(StableHash(key ? *key : row.change->key) % log.partitions());
  }
  Partition& partition = log.partition(index);
  const Message message{
      row.operation, hot::SeqWallMillis(row.change->seq), partition.next_position, key, user, payload_};
  hot::MessageOp& op = out.messages.emplace_back();
  op.key = MessageKey(log.number(), index, partition.next_offset);
  AppendMessage(message, op.value);
  appended_.push_back({&partition, partition.next_offset, partition.next_position});
  touched_.push_back(&partition);
  ++partition.next_offset;
  partition.next_position += MessageBytes(message);
  return {};
}

void Publisher::TakeBack() {
  for (auto it = appended_.rbegin(); it != appended_.rend(); ++it) {
    it->partition->next_offset = it->offset;
    it->partition->next_position = it->position;
  }
  appended_.clear();
}

void Publisher::GroupWritten() {
  bool awaited = false;
  for (Partition* partition : touched_) {
    partition->visible_position.store(partition->next_position);
    // Sequentially consistent: a consumer that begins to wait now either counts here or sees this end.
    partition->visible_end.store(partition->next_offset);
    awaited = awaited || partition->waiting.load() > 0;
  }
  published_.Add(touched_.size());
  touched_.clear();
  if (awaited) written_();
}

}  // namespace kalam::topics
