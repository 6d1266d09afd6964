#include "hot/committer.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"
#include "hot/key_codec.h"
#include "hot/rocks_status.h"
#include "hot/row_codec.h"

namespace kalam::hot {
namespace {

// The ceiling is raised by this much ahead of what is used, so that it is written once a second and not with every group.
constexpr int64_t kCeilingAheadMillis = 1'000;
constexpr size_t kSyncSamples = 128;

}  // namespace

size_t Batch::ApproximateBytes() const {
  size_t bytes = 64;
  for (const RowOp& op : rows) bytes += op.key.size() + op.value.size() + 96;
  for (const MetaOp& op : meta) bytes += op.key.size() + (op.value ? op.value->size() : 0) + 32;
  return bytes;
}

bool Committer::Image::RowDeletedIn(const std::string& value) { return RowDeleted(value); }

Committer::Committer(Database database, Durability durability, const Clock& clock, uint16_t worker_id, Seq ceiling)
    : database_(database),
      durability_(durability),
      clock_(clock),
      generator_(worker_id, ceiling),
      ceiling_(ceiling),
      last_seq_(ceiling.value) {
  if (durability_ == Durability::kSync) {
    thread_ = std::thread([this] { Work(); });
    pthread_setname_np(thread_.native_handle(), "committer");
  }
}

Committer::~Committer() {
  Stop();
  assert(!thread_.joinable());
}

void Committer::Submit(Batch batch, CommitDone done) {
  Pending pending;
  pending.bytes = batch.ApproximateBytes();
  pending.batch = std::move(batch);
  pending.done = std::move(done);
  {
    std::unique_lock lock(mu_);
    const bool full = queued_bytes_ + pending.bytes > limits::kCommitQueueBytesMax;
    if (stopping_ || full) {
      const bool stopping = stopping_;
      lock.unlock();
      CommitResult refused;
      refused.status = stopping ? Fail(ErrorCode::kUnavailable, "The server is shutting down")
                                 : Fail(ErrorCode::kUnavailable,
                                        fmt::format("Too many writes wait for the disk ({} bytes is the limit). Try again later, or with "
                                                    "smaller statements",
                                                    limits::kCommitQueueBytesMax));
      return pending.done(std::move(refused));
    }
    queued_bytes_ += pending.bytes;
    queue_.push_back(std::move(pending));
    if (durability_ == Durability::kSync) {
      const bool wake = std::exchange(sleeping_, false);
      lock.unlock();
      if (wake) wake_.notify_one();
      return;
    }
    if (draining_) return;  // whoever drains sees it
    draining_ = true;
  }
  std::vector<Pending> group;
  for (;;) {
    {
      std::lock_guard lock(mu_);
      if (!TakeGroup(group)) {
        draining_ = false;
        break;
      }
    }
    CommitGroup(group);
  }
  idle_.notify_all();
}

void Committer::Stop() {
  {
    std::unique_lock lock(mu_);
    stopping_ = true;
    idle_.wait(lock, [&] { return !draining_; });
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Committer::Work() {
  std::vector<Pending> group;
  for (;;) {
    {
      std::unique_lock lock(mu_);
      while (queue_.empty() && !stopping_) {
        sleeping_ = true;
        wake_.wait(lock);
      }
      sleeping_ = false;
      if (!TakeGroup(group)) return;
    }
    CommitGroup(group);
  }
}

bool Committer::TakeGroup(std::vector<Pending>& group) {
  group.clear();
  size_t bytes = 0;
  size_t count = 0;
  while (count < queue_.size() && (count == 0 || bytes + queue_[count].bytes <= limits::kCommitGroupBytesMax)) {
    bytes += queue_[count++].bytes;
  }
  if (count == queue_.size()) {
    group.swap(queue_);
  } else {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  queued_bytes_ -= bytes;
  return !group.empty();
}

void Committer::CommitGroup(std::vector<Pending>& pendings) {
  Group group;
  if (!failed_) {
    const int64_t now = clock_.WallMillis();
    for (Pending& pending : pendings) Apply(pending, group, now);
    if (group.writes) {
      const Status written = Write(group);
      failed_ = !written;
    }
  }
  if (failed_) {
    for (Pending& pending : pendings) {
      pending.result = CommitResult();
      pending.result.status =
          Fail(ErrorCode::kUnavailable, "Writes are refused since a write to disk failed. Check the disk and restart the server");
    }
  } else {
    last_seq_.store(generator_.last().value, std::memory_order_release);
  }
  for (Pending& pending : pendings) pending.done(std::move(pending.result));
}

Status Committer::CheckGuards(const Batch& batch) const {
  if (batch.guards.empty()) return {};
  std::lock_guard lock(schema_mu_);
  for (const SchemaGuard& guard : batch.guards) {
    const auto it = schema_versions_.find(guard.table);
    if (it != schema_versions_.end() && it->second != guard.version) {
      return Fail(ErrorCode::kConflict, "Conflict: the table was altered or dropped while the statement ran");
    }
  }
  return {};
}

void Committer::Apply(Pending& pending, Group& group, int64_t wall_millis) {
  Batch& batch = pending.batch;
  CommitResult& result = pending.result;
  result.status = CheckGuards(batch);
  if (!result.status) return;
  std::vector<Undo> undo;
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    result.status = ApplyRow(batch.rows[i], group, wall_millis, undo, result);
    if (result.status) continue;
    result.failed_op = i;
    result.failed_key = std::move(batch.rows[i].key);
    result.applied = 0;
    result.last_seq = Seq();
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
      it->image->seq = it->seq;
      it->image->value = std::move(it->value);
      it->image->changed = it->changed;
    }
    return;
  }
  group.writes = group.writes || !undo.empty() || !batch.meta.empty() || !batch.dropped_tables.empty();
  std::move(batch.meta.begin(), batch.meta.end(), std::back_inserter(group.meta));
  ApplySchema(batch, group);
}

void Committer::ApplySchema(Batch& batch, Group& group) {
  if (!batch.new_versions.empty()) {
    std::lock_guard lock(schema_mu_);
    for (const SchemaGuard& version : batch.new_versions) schema_versions_[version.table] = version.version;
  }
  for (const TableId table : batch.dropped_tables) {
    const std::string prefix = SharedPrefix(table);
    for (Image& image : group.images) {
      if (std::string_view(image.key).starts_with(prefix)) image.dropped = true;
    }
    group.dropped.push_back(table);
  }
}

Result<Committer::Image*> Committer::Load(const RowOp& op, Group& group) {
  if (const auto it = group.by_key.find(op.key); it != group.by_key.end()) return it->second;
  rocksdb::PinnableSlice stored;
  const rocksdb::Status status = database_.db->Get(rocksdb::ReadOptions(), database_.rows, op.key, &stored);
  if (!status.ok() && !status.IsNotFound()) return Fail(FromRocks(status, "read"));
  if (status.ok() && stored.size() < kRowHeaderSize) return Fail(ErrorCode::kCorruption, "stored row is malformed: header is cut");
  Image& image = group.images.emplace_back();
  image.key = op.key;
  image.prefix_size = op.prefix_size;
  if (status.ok()) {
    image.value.assign(stored.data(), stored.size());
    image.stored_seq = image.seq = RowSeq(image.value);
  }
  group.by_key.emplace(image.key, &image);
  return &image;
}

Status Committer::ApplyRow(RowOp& op, Group& group, int64_t wall_millis, std::vector<Undo>& undo, CommitResult& result) {
  KALAM_ASSIGN(Image * image, Load(op, group));
  std::string next = std::move(op.value);
  if (op.kind == RowOpKind::kInsert) {
    if (image->live()) return Fail(ErrorCode::kAlreadyExists, "Already exists: the key has a row");
  } else if (image->seq != op.seen || (next.empty() && op.transform)) {
    if (!op.transform) return Fail(ErrorCode::kConflict, "Conflict: another statement changed the row meanwhile");
    std::optional<std::string_view> current;
    if (!image->value.empty()) current = image->value;
    next.clear();
    KALAM_ASSIGN(const RowTransform::Effect effect, op.transform->Apply(current, next));
    if (effect == RowTransform::Effect::kUnchanged) return {};
  }
  if (next.size() < kRowHeaderSize) return Fail(ErrorCode::kInternal, "a batch holds a row without header");
  const Seq seq = generator_.Next(wall_millis);
  PatchSeq(seq, next);
  undo.push_back({image, image->seq, std::exchange(image->value, std::move(next)), image->changed});
  image->seq = seq;
  image->changed = true;
  ++result.applied;
  result.last_seq = seq;
  return {};
}

void Committer::Collect(const Group& group, rocksdb::WriteBatch& out) {
  for (const TableId table : group.dropped) {
    const std::string begin = SharedPrefix(table);
    const std::string end = PrefixEnd(begin);
    out.DeleteRange(database_.rows, begin, end);
    out.DeleteRange(database_.by_seq, begin, end);
  }
  std::string seq_key;
  for (const Image& image : group.images) {
    if (!image.changed || image.dropped) continue;
    const std::string_view key(image.key);
    if (image.stored_seq != Seq()) {
      seq_key.assign(key.substr(0, image.prefix_size));
      AppendSeq(image.stored_seq, seq_key);
      out.Delete(database_.by_seq, seq_key);
    }
    seq_key.assign(key.substr(0, image.prefix_size));
    AppendSeq(image.seq, seq_key);
    out.Put(database_.rows, image.key, image.value);
    const std::string_view primary_key = key.substr(image.prefix_size);
    out.Put(database_.by_seq, seq_key, rocksdb::Slice(primary_key.data(), primary_key.size()));
  }
  for (const MetaOp& op : group.meta) {
    if (op.value) {
      out.Put(database_.meta, op.key, *op.value);
    } else {
      out.Delete(database_.meta, op.key);
    }
  }
  if (generator_.last() >= ceiling_) {
    ceiling_ = Seq(generator_.last().value + (kCeilingAheadMillis << kSeqMillisShift));
    std::string value;
    AppendSeq(ceiling_, value);
    out.Put(database_.meta, kSeqCeilingKey, value);
  }
}

Status Committer::Write(const Group& group) {
  rocksdb::WriteBatch batch;
  Collect(group, batch);
  rocksdb::WriteOptions options;
  options.sync = durability_ == Durability::kSync;
  const int64_t start = clock_.MonotonicNanos();
  const rocksdb::Status status = database_.db->Write(options, &batch);
  if (!status.ok()) return Fail(FromRocks(status, "write"));
  if (options.sync) NoteSyncMicros((clock_.MonotonicNanos() - start) / 1000);
  return {};
}

void Committer::SetSchemaVersion(TableId table, uint32_t version) {
  std::lock_guard lock(schema_mu_);
  schema_versions_[table] = version;
}

void Committer::NoteSyncMicros(int64_t micros) {
  std::lock_guard lock(sync_mu_);
  if (sync_micros_.size() < kSyncSamples) {
    sync_micros_.push_back(micros);
  } else {
    sync_micros_[sync_next_++ % kSyncSamples] = micros;
  }
}

int64_t Committer::sync_micros() const {
  std::vector<int64_t> samples;
  {
    std::lock_guard lock(sync_mu_);
    samples = sync_micros_;
  }
  if (samples.empty()) return 0;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

}  // namespace kalam::hot
