#include "hot/committer.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <iterator>
#include <utility>

#include "base/later_queue.h"
#include "base/limits.h"
#include "hot/failed_write.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::hot {
namespace {

// The ceiling is raised by this much ahead of what is used, so that it is written once a second and not with
// every group.
constexpr int64_t kCeilingAheadMillis = 1'000;
constexpr size_t kSyncSamples = 128;
// What one large group needed is given back.
constexpr size_t kWriteBytesKept = 1u << 20;

std::function<uint64_t()> FreeBytesOf(const StoreOptions& options) {
  if (options.free_bytes) return options.free_bytes;
  return [path = options.path]() -> uint64_t {
    struct statvfs disk;
    if (::statvfs(path.c_str(), &disk) != 0) return UINT64_MAX;
    return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  };
}

// Deletes write too, but it is they and dropped tables that make room.
bool MayPass(const Batch& batch, Room room) {
  if (room == Room::kEnough) return true;
  if (room == Room::kNone) return false;
  return std::all_of(batch.rows.begin(), batch.rows.end(), [](const RowOp& op) {
    return op.kind == RowOpKind::kDelete || op.kind == RowOpKind::kErase || op.kind == RowOpKind::kPurge;
  });
}

std::unexpected<Error> NoRoom(const DiskSpace& disk) {
  constexpr uint64_t kMiB = 1u << 20;
  return Fail(
      Error(
          ErrorCode::kUnavailable,
          fmt::format("Writes are refused since the disk of the data folder has only {} MiB free, and {} MiB "
                      "(storage.free_bytes_min) are kept. Free some space: writes go on by themselves",
                      disk.last_free() / kMiB, disk.min_bytes() / kMiB))
          .With("storage_error", std::string("no_space")));
}

// What writers are answered with from now on.
Error WriteFailed(const rocksdb::Status& status, bool taken_back) {
  if (!status.IsNoSpace()) {
    observe::LogError("{}; no write is accepted until the server is restarted",
                      FromRocks(status, "write").message);
    return Error(ErrorCode::kUnavailable,
                 "Writes are refused since a write to disk failed. Check the disk and restart the server")
        .With("storage_error", std::string(kWriteFailed));
  }
  observe::LogError("The disk is full; writes are refused until it has room, then the server starts anew");
  return Error(ErrorCode::kUnavailable,
               fmt::format("The disk of the data folder became full within a write. {}. Free some space: the "
                           "server starts anew by itself when there is room, and writes go on",
                           taken_back ? "Nothing of what is refused is stored"
                                      : "Whether the write that met its end is stored will show then"))
      .With("storage_error", std::string(kFullWithinWrite));
}

}  // namespace

size_t Batch::ApproximateBytes() const {
  size_t bytes = sizeof(Batch);
  for (const RowOp& op : rows)
    bytes += sizeof(RowOp) + op.key.size() + op.value.size() + op.cold_before.size();
  for (const MetaOp& op : meta) bytes += sizeof(MetaOp) + op.key.size() + (op.value ? op.value->size() : 0);
  for (const MessageOp& op : messages) bytes += sizeof(MessageOp) + op.key.size() + op.value.size();
  return bytes;
}

Committer::Committer(Database database, const StoreOptions& options, const Clock& clock, Seq ceiling)
    : database_(database),
      durability_(options.durability),
      queue_bytes_max_(options.commit_queue_bytes_max),
      clock_(clock),
      positions_(ceiling),
      write_(std::make_unique<rocksdb::WriteBatch>()),
      recent_(ceiling),
      disk_(FreeBytesOf(options), options.free_bytes_min, clock),
      seqs_(options.worker_id, ceiling),
      ceiling_(ceiling),
      env_(options.env != nullptr ? *options.env : *rocksdb::Env::Default()),
      folder_(options.path),
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

void Committer::Submit(Batch batch, CommitDone done, LaterQueue* later) {
  const size_t bytes = batch.ApproximateBytes();
  std::unique_lock lock(mu_);
  if (Status room = CheckRoom(bytes); !room) {
    lock.unlock();
    CommitResult refused;
    refused.status = std::move(room);
    return done(std::move(refused));
  }
  queued_bytes_ += bytes;
  queue_.push_back({std::move(batch), std::move(done), bytes, {}});
  if (durability_ == Durability::kSync) {
    const bool wake = std::exchange(sleeping_, false);
    lock.unlock();
    if (wake) wake_.notify_one();
  } else if (draining_ || (later != nullptr && drain_is_queued_)) {
    return;  // whoever drains finds it
  } else if (later != nullptr) {
    drain_is_queued_ = true;
    lock.unlock();
    later->RunLater([this] { DrainQueued(); });
  } else {
    Drain(lock);
  }
}

void Committer::DrainQueued() {
  std::unique_lock lock(mu_);
  drain_is_queued_ = false;
  if (!draining_) Drain(lock);
}

Status Committer::CheckRoom(size_t bytes) const {
  if (stopping_) return Fail(ErrorCode::kUnavailable, "The server is shutting down");
  if (bytes > queue_bytes_max_) {
    return Fail(
        ErrorCode::kLimitExceeded,
        fmt::format(
            "The statement writes about {} bytes at once; at most {} can be committed together. Split it",
            bytes, queue_bytes_max_));
  }
  if (queued_bytes_ + bytes > queue_bytes_max_) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("Too many writes wait for the disk (at most {} bytes may). Try again later",
                            queue_bytes_max_));
  }
  return {};
}

void Committer::Drain(std::unique_lock<std::mutex>& lock) {
  draining_ = true;
  while (!queue_.empty()) {
    TakeGroup();
    lock.unlock();
    CommitTaken();
    lock.lock();
    queued_bytes_ -= group_bytes_;
  }
  draining_ = false;
  idle_.notify_all();  // under the lock: Stop may be followed by destruction
}

void Committer::Work() {
  std::unique_lock lock(mu_);
  for (;;) {
    while (queue_.empty() && !stopping_) {
      sleeping_ = true;
      wake_.wait(lock);
    }
    sleeping_ = false;
    if (queue_.empty()) return;
    Drain(lock);
  }
}

void Committer::Stop() {
  std::unique_lock lock(mu_);
  stopping_ = true;
  wake_.notify_all();
  idle_.wait(lock, [&] { return !draining_; });
  if (!thread_.joinable()) Drain(lock);  // what an event loop was to commit
  std::thread thread = std::move(thread_);
  lock.unlock();
  if (thread.joinable()) thread.join();
  compactor_.Stop();
}

void Committer::AddObserver(CommitObserver& observer) {
  std::unique_lock lock(mu_);
  idle_.wait(lock, [&] { return !draining_; });
  listeners_.observers.push_back(&observer);
}

void Committer::AddParticipant(CommitParticipant& participant) {
  std::unique_lock lock(mu_);
  idle_.wait(lock, [&] { return !draining_; });
  listeners_.participants.push_back(&participant);
}

void Committer::TakeGroup() {
  group_bytes_ = 0;
  size_t count = 0;
  while (count < queue_.size() &&
         (count == 0 || group_bytes_ + queue_[count].bytes <= limits::kCommitGroupBytesMax)) {
    group_bytes_ += queue_[count++].bytes;
  }
  group_.clear();
  if (count == queue_.size()) return group_.swap(queue_);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  group_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
}

void Committer::CommitTaken() {
  std::shared_ptr<const CommittedGroup> committed;
  if (!failure_) {
    for (CommitParticipant* participant : listeners_.participants) participant->BeginGroup();
    CommitGroup group(database_, cold_tables_, versions_, recent_, seqs_, listeners_, clock_.WallMillis());
    const Room room = disk_.Look(group_bytes_);
    for (Pending& pending : group_) {
      if (MayPass(pending.batch, room)) {
        pending.result = group.Add(pending.batch);
      } else {
        pending.result.status = NoRoom(disk_);
      }
    }
    if (group.writes()) {
      if (const Status written = Write(group); written) {
        last_seq_.store(seqs_.last().value, std::memory_order_release);
        {
          std::lock_guard lock(writes_mu_);
          group.CountWrites(writes_);
        }
        for (const auto& [table, rows] : group.moved_out()) compactor_.Note(table, rows);
        committed = group.TakeCommitted();
        for (CommitParticipant* participant : listeners_.participants) participant->GroupWritten();
      } else {
        failure_ = written.error();
      }
    }
  }
  for (Pending& pending : group_) {
    if (failure_) {
      pending.result = CommitResult();
      pending.result.status = Fail(*failure_);
    }
    pending.done(std::move(pending.result));
  }
  group_.clear();
  if (committed == nullptr) return;
  for (CommitObserver* observer : listeners_.observers) observer->OnCommitted(committed);
}

Status Committer::Write(const CommitGroup& group) {
  write_->Clear();
  group.Collect(*write_);
  RaiseCeiling();
  rocksdb::WriteOptions options;
  options.sync = durability_ == Durability::kSync && group.durable();
  const uint64_t begin = database_.db->GetLatestSequenceNumber();
  const uint64_t end = begin + static_cast<uint64_t>(write_->Count());
  positions_.Expect(end, seqs_.last());
  if (!group.traceless().empty()) {
    // Before the write: who sees it must know.
    std::lock_guard lock(writes_mu_);
    for (const TableId table : group.traceless()) traceless_[table] = end;
  }
  const int64_t start = clock_.MonotonicNanos();
  const rocksdb::Status status = database_.db->Write(options, write_.get());
  if (write_->GetDataSize() > kWriteBytesKept) write_ = std::make_unique<rocksdb::WriteBatch>();
  if (!status.ok()) {
    return std::unexpected(
        WriteFailed(status, status.IsNoSpace() && TakeBackWrite(*database_.db, env_, folder_, begin)));
  }
  assert(database_.db->GetLatestSequenceNumber() == end);
  if (options.sync) NoteSyncMicros((clock_.MonotonicNanos() - start) / 1000);
  return {};
}

// A group and the ceiling above its sequences are one write, so whatever part of the log survives a crash, no
// stored row is above the stored ceiling.
void Committer::RaiseCeiling() {
  if (seqs_.last() <= ceiling_) return;
  ceiling_ = Seq(seqs_.last().value + (kCeilingAheadMillis << kSeqMillisShift));
  std::string value;
  AppendSeq(ceiling_, value);
  write_->Put(database_.meta, rocksdb::Slice(kSeqCeilingKey.data(), kSeqCeilingKey.size()), value);
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
