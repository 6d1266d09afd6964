// From rows to a segment: the file, and the way of the rows into it. Shared by flush and compaction.
#include <fmt/format.h>

#include <future>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "base/background.h"
#include "base/fault_point.h"
#include "cold/block_checksums.h"
#include "cold/cold_tier.h"
#include "cold/sources.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {
namespace {

std::string Quoted(std::string_view name) { return fmt::format("\"{}\"", name); }

class Statistics final : public RowSink {
 public:
  explicit Statistics(Segment& segment) : segment_(segment) {}
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    segment_.rows = static_cast<uint32_t>(values[0].integer);
    if (segment_.rows == 0) return {};
    segment_.key_min.clear();
    segment_.key_max.clear();
    KALAM_TRY(hot::AppendPrimaryKey(values[1], segment_.key_min));
    KALAM_TRY(hot::AppendPrimaryKey(values[2], segment_.key_max));
    segment_.seq_min = Seq(values[3].integer);
    segment_.seq_max = Seq(values[4].integer);
    return {};
  }

 private:
  Segment& segment_;
};

}  // namespace

Result<std::shared_ptr<Segment>> ColdTier::BeginSegment(const TableWork& work, const TableShape& shape,
                                                        const std::string& prefix, ObjectStorePtr& store) {
  const std::string user = UserOf(shape, prefix);
  std::shared_lock beginning(begin_mu_);
  const std::string storage = work.storage_of(user);
  KALAM_ASSIGN(ResolvedFolder folder, storages_.Resolve({storage, shape.ns, shape.name, shape.type}, user));
  auto segment = std::make_shared<Segment>();
  segment->prefix = prefix;
  segment->storage_id = storage;
  segment->schema_version = shape.schema().version;
  segment->created_at_ms = clock_.WallMillis();
  store = std::move(folder.store);
  // Before any row of the table can move.
  store_.AddColdTable(shape.id);
  hot::Batch batch;
  {
    std::lock_guard lock(mu_);
    segment->id = next_segment_++;
    batch.meta.push_back({std::string(kNextSegmentKey), fmt::format("{}", next_segment_)});
    segment->path = fmt::format("{}/batch-{}.parquet", folder.folder, segment->id);
    batch.meta.push_back({SegmentKey(*segment), EncodeSegment(*segment)});
    batch.meta.push_back(ManifestDue(prefix));
    // Under the lock, so that the stored number never goes back.
    KALAM_TRY(store_.Commit(std::move(batch)).status);
  }
  CrashPoint({"segment.recorded"});
  return segment;
}

Status ColdTier::WhileNoFileBegins(const std::function<Status()>& work) {
  std::lock_guard lock(begin_mu_);
  return work();
}

Status ColdTier::ReadStatistics(const TableShape& shape, Segment& segment) {
  std::vector<engine::DataFile> files;
  files.emplace_back();
  files[0].path = engine::FileName(segment.storage_id, segment.path);
  files[0].size = segment.bytes;
  const std::string key = Quoted(shape.schema().columns[*shape.schema().primary_key()].name);
  Statistics sink(segment);
  files[0].rows = files[0].visible_rows = UINT32_MAX;
  KALAM_TRY(Run(fmt::format("SELECT COUNT(*), MIN({0}), MAX({0}), MIN(_seq), MAX(_seq) FROM t", key),
                std::make_shared<FileRows>(shape.schema(), std::move(files), false), {}, sink));
  return {};
}

Status ColdTier::WriteFile(const TableShape& shape, Segment& segment, ObjectStore& store,
                           std::shared_ptr<const engine::Source> source, bool sorted) {
  const TableSchema& schema = shape.schema();
  engine::ParquetWrite write;
  write.path = fmt::format("{}/segment-{}.parquet", store.staging_folder(), segment.id);
  write.source = std::move(source);
  write.columns = FileColumnsOf(schema);
  write.row_group_rows = options_.row_group_rows;
  if (!sorted) write.order_by = schema.columns[*schema.primary_key()].name;
  // The long part: point reads beside it must not wait for its time slices.
  KALAM_ASSIGN(const BlockChecksums checksums, RunInBackground([&]() -> Result<BlockChecksums> {
                 KALAM_TRY(writer_.Write(write));
                 CrashPoint({"segment.written"});
                 return ChecksumFile(write.path);
               }));
  KALAM_ASSIGN(const ObjectInfo info, store.PutFile(segment.path, write.path, LocalFile::kConsume));
  CrashPoint({"segment.put"});
  segment.bytes = info.size;
  KALAM_TRY(ReadStatistics(shape, segment));
  if (segment.rows > hot::kColdRowsMax) return Fail(ErrorCode::kLimitExceeded, "a segment has too many rows");
  segment.status = SegmentStatus::kLive;
  hot::Batch batch;
  batch.meta.push_back({SegmentKey(segment), EncodeSegment(segment)});
  batch.meta.push_back({BlockChecksumKey(segment.id), EncodeBlockChecksums(checksums)});
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  CrashPoint({"segment.live"});
  return {};
}

// Reads what the file really holds and moves exactly that, so a row never leaves its old place for a file
// that does not have it.
class ColdTier::MoveSink final : public RowSink {
 public:
  MoveSink(hot::Store& store, const TableWork& work, Segment& segment, const TierOptions& options,
           bool from_hot, Seq read_at, std::span<const MovedHistory> histories)
      : store_(store),
        work_(work),
        segment_(segment),
        options_(options),
        from_hot_(from_hot),
        read_at_(read_at),
        histories_(histories) {}

  void Begin(std::span<const ResultColumn>) override {}

  Status Row(std::span<const Value> values) override {
    if (values[2].integer != static_cast<int64_t>(next_)) {
      return Fail(ErrorCode::kInternal, "the rows of a segment are not read in order");
    }
    hot::RowOp& op = batch_.rows.emplace_back();
    op.kind = hot::RowOpKind::kMove;
    op.prefix_size = static_cast<uint32_t>(segment_.prefix.size());
    op.key = segment_.prefix;
    KALAM_TRY(hot::AppendPrimaryKey(values[0], op.key));
    if (next_ > 0 && op.key <= last_key_) {
      return Fail(ErrorCode::kCorruption,
                  fmt::format("file '{}' does not hold its rows in key order", segment_.path));
    }
    last_key_ = op.key;
    op.seen = Seq(values[1].integer);
    if (next_ < histories_.size() && histories_[next_].seq_end == static_cast<uint32_t>(op.seen.value)) {
      op.history = histories_[next_].history;
    }
    op.to = {segment_.id, next_++};
    op.from_hot = from_hot_;
    if (batch_.rows.size() < options_.chunk_rows) return {};
    KALAM_TRY(Commit());
    if (work_.should_stop && next_ < segment_.rows && work_.should_stop()) {
      stopped = true;
      return Fail(ErrorCode::kCancelled, "stopped");
    }
    return {};
  }

  // Waits for the chunk on its way, then sends the next one: they are committed in order, and the next one's
  // rows are read while it is. Nothing is sent after a chunk that failed.
  Status Commit() {
    KALAM_TRY(Finish());
    if (batch_.rows.empty()) return {};
    segment_.visible_rows = next_;
    batch_.meta.push_back({SegmentKey(segment_), EncodeSegment(segment_)});
    batch_.read_at = read_at_;
    batch_.moves_only = true;
    std::promise<hot::CommitResult> done;
    on_its_way_ = done.get_future();
    store_.Submit(std::exchange(batch_, {}), [done = std::move(done)](hot::CommitResult result) mutable {
      done.set_value(std::move(result));
    });
    return {};
  }
  Status Finish() {
    if (!on_its_way_.valid()) return {};
    hot::CommitResult result = on_its_way_.get();
    KALAM_TRY(std::move(result.status));
    CrashPoint({"segment.chunk"});
    moved += static_cast<uint64_t>(result.applied);
    if (work_.moved) work_.moved(static_cast<uint64_t>(result.applied));
    return {};
  }

  uint64_t moved = 0;
  bool stopped = false;

 private:
  hot::Store& store_;
  const TableWork& work_;
  Segment& segment_;
  const TierOptions& options_;
  const bool from_hot_;
  const Seq read_at_;
  const std::span<const MovedHistory> histories_;
  hot::Batch batch_;
  uint32_t next_ = 0;
  std::string last_key_;
  std::future<hot::CommitResult> on_its_way_;
};

Result<uint64_t> ColdTier::MoveRows(const TableWork& work, const TableShape& shape, Segment& segment,
                                    bool from_hot, Seq read_at, std::span<const MovedHistory> histories,
                                    bool& stopped) {
  const TableSchema& schema = shape.schema();
  std::vector<engine::DataFile> files;
  KALAM_ASSIGN(engine::DataFile file, FileOf(shape, segment));
  file.visible_rows = file.rows;
  files.push_back(std::move(file));
  MoveSink sink(store_, work, segment, options_, from_hot, read_at, histories);
  const auto run = RunInBackground([&] {
    return Run(fmt::format("SELECT {}, _seq, {} FROM t", Quoted(schema.columns[*schema.primary_key()].name),
                           kRowNumberColumn),
               std::make_shared<FileRows>(schema, std::move(files), true), {}, sink);
  });
  stopped = sink.stopped;
  if (!run && !stopped) {
    (void)sink.Finish();
    return Fail(run.error());
  }
  if (!stopped) KALAM_TRY(sink.Commit());
  KALAM_TRY(sink.Finish());
  CrashPoint({"segment.moved"});
  return sink.moved;
}

Status ColdTier::Abandon(const Segment& segment, ObjectStore& store) {
  KALAM_TRY(store.Delete(segment.path));
  CrashPoint({"removal.file"});
  engine_.ForgetFile(engine::FileName(segment.storage_id, segment.path));
  hot::Batch batch;
  batch.meta.push_back({SegmentKey(segment), std::nullopt});
  batch.meta.push_back({BlockChecksumKey(segment.id), std::nullopt});
  batch.dropped_segments.push_back(segment.id);
  KALAM_TRY(store_.Commit(std::move(batch)).status);
  CrashPoint({"removal.record"});
  return {};
}

void ColdTier::Discard(const SegmentPtr& segment, ObjectStore& store) {
  if (Abandon(*segment, store)) return;
  std::lock_guard lock(mu_);
  garbage_.push_back({0, segment});
}

}  // namespace kalam::cold
