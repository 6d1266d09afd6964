// Stream eviction (SE): frees the space of expired rows of one STREAM table, which nobody sees any more, and
// of the oldest rows of a table that is over its size limit. One batch per round; the cutoff is fixed when
// the job starts, so that a busy stream does not keep it running.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "hot/key_codec.h"
#include "jobs/erasure.h"
#include "jobs/list.h"
#include "jobs/round_size.h"
#include "jobs/stream_scan.h"
#include "jobs/table_job.h"

namespace kalam::jobs {
namespace {

constexpr size_t kSeqBytes = 8;

// The cutoff, then the key to go on at.
std::string EncodeCursor(Seq cutoff, std::string_view key) {
  std::string cursor;
  hot::AppendSeq(cutoff, cursor);
  return cursor.append(key);
}

struct Batch {
  std::vector<hot::KeySpan> spans;
  int64_t rows = 0;
  std::optional<std::string> next;  // the first expired key behind the batch
};

// The first `rows_max` rows at or behind `from` whose _seq is below the cutoff, one span per scope.
Result<Batch> CollectExpired(const hot::Store& store, TableId table, std::string_view from, Seq cutoff,
                             int64_t rows_max, hot::Space space = hot::Space::kRows) {
  Batch batch;
  StreamScan scan(store, table, from, cutoff, space);
  for (; scan.Valid(); scan.Next()) {
    const std::string_view key = scan.key();
    if (batch.rows == rows_max) {
      batch.next = key;
      break;
    }
    const std::string_view scope = key.substr(0, key.size() - kSeqBytes);
    const bool same_scope =
        !batch.spans.empty() &&
        std::string_view(batch.spans.back().begin).substr(0, batch.spans.back().begin.size() - kSeqBytes) ==
            scope;
    if (!same_scope) batch.spans.push_back({std::string(key), {}});
    batch.spans.back().end = std::string(key) + '\0';
    ++batch.rows;
  }
  KALAM_TRY(scan.status());
  return batch;
}

class StreamEvictionExecutor final : public Executor {
 public:
  explicit StreamEvictionExecutor(const JobServices& services) : services_(services) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kStreamEviction};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_ASSIGN(const TableParameters table, ReadTableParameters(parameters));
    std::string type = table.type;
    std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
    if (type != "stream") {
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("Invalid table_type: expected 'Stream', got '{}'", table.type));
    }
    KALAM_TRY(parameters.Positive("ttl_seconds"));
    KALAM_TRY(parameters.PositiveOr("batch_size", 1));
    KALAM_TRY(parameters.PositiveOr("max_stream_size_bytes", 1));
    return {};
  }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const TableParameters names, ReadTableParameters(round.parameters()));
    const catalog::TablePtr table = FindSameTable(services_.catalog, names);
    if (table == nullptr) return SkippedWithoutTable(names);
    if (round.should_stop()) return RoundOutcome::Interrupted();
    KALAM_ASSIGN(const int64_t ttl, round.parameters().Positive("ttl_seconds"));
    KALAM_ASSIGN(const int64_t batch_size,
                 round.parameters().PositiveOr("batch_size", services_.settings.stream.eviction_batch_size));
    Seq cutoff;
    std::string from = hot::SharedPrefix(names.id);
    if (round.cursor().size() > kSeqBytes) {
      KALAM_ASSIGN(cutoff, hot::DecodeSeq(round.cursor().substr(0, kSeqBytes)));
      from = round.cursor().substr(kSeqBytes);
    } else {
      cutoff = FirstLiving(ttl, services_.clock.WallMillis());
      if (table->options.max_stream_size_bytes) {
        KALAM_ASSIGN(const Seq by_size,
                     CutoffBySize(services_.store, names.id, *table->options.max_stream_size_bytes));
        cutoff = std::max(cutoff, by_size);
      }
    }
    KALAM_ASSIGN(Batch expired, CollectExpired(services_.store, names.id, from, cutoff,
                                               RoundSize(batch_size, round.job().rounds)));
    if (!expired.next) {
      // Last, deletes whose rows would have expired by now. What is too much for one round is left to the
      // next job.
      KALAM_ASSIGN(Batch deletes, CollectExpired(services_.store, names.id, hot::SharedPrefix(names.id),
                                                 cutoff, batch_size, hot::Space::kBySeq));
      std::ranges::move(deletes.spans, std::back_inserter(expired.spans));
    }
    round.metrics().Add("records_evicted", expired.rows);
    round.metrics().Add("batches_processed", expired.rows > 0 ? 1 : 0);
    const int64_t total = round.metrics().Number("records_evicted");
    round.SetProgress({total, std::nullopt, "records"});
    hot::Batch batch;
    batch.expired_rows = std::move(expired.spans);
    std::string cursor =
        EncodeCursor(cutoff, expired.next.value_or(hot::PrefixEnd(hot::SharedPrefix(names.id))));
    batch.meta.push_back(round.CheckpointOp(cursor));
    KALAM_TRY(services_.store.Commit(std::move(batch)).status);
    round.Checkpointed(std::move(cursor));
    std::string message =
        fmt::format("Evicted {} expired records from {} (ttl: {}s)", total, table->full_name(), ttl);
    if (expired.next) return RoundOutcome::MoreWork(std::move(message));
    return RoundOutcome::Completed(std::move(message));
  }

 private:
  const JobServices& services_;
};

// What must go at once: an expired row, or rows beyond the size limit.
Result<bool> NeedsEviction(const JobServices& services, const catalog::Table& table) {
  const Seq cutoff = FirstLiving(table.options.ttl_seconds.value_or(0), services.clock.WallMillis());
  for (const hot::Space space : {hot::Space::kRows, hot::Space::kBySeq}) {
    StreamScan scan(services.store, table.id, hot::SharedPrefix(table.id), cutoff, space);
    if (scan.Valid()) return true;
    KALAM_TRY(scan.status());
  }
  if (!table.options.max_stream_size_bytes) return false;
  KALAM_ASSIGN(const Seq by_size,
               CutoffBySize(services.store, table.id, *table.options.max_stream_size_bytes));
  return by_size > cutoff;
}

constexpr int64_t kSizeLookMs = 1'000;
constexpr int64_t kGuessedRowBytes = 1'024;  // of a table that was empty

struct SizeMeasure {
  uint64_t writes = 0;  // of the table when it was measured
  int64_t bytes = 0;
  int64_t rows = 0;
  bool done = false;

  // False when it may hold more than `limit` by now.
  bool MustFit(uint64_t writes_now, int64_t limit) const {
    if (!done || bytes > limit) return false;
    const auto more = static_cast<int64_t>(writes_now - writes);
    // New rows may be larger than the ones that are there: twice their size is allowed for.
    const int64_t row_bytes = rows > 0 ? 2 * (bytes / rows + 1) : kGuessedRowBytes;
    return more == 0 || more < (limit - bytes) / row_bytes;
  }
};

}  // namespace

std::unique_ptr<Executor> MakeStreamEvictionExecutor(const JobServices& services) {
  return std::make_unique<StreamEvictionExecutor>(services);
}

Planner StreamEvictionPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) {
      if (table->type != TableType::kStream) continue;
      KALAM_ASSIGN(const bool needed, NeedsEviction(services, *table));
      if (!needed) continue;
      JobRequest request = TableJobRequest(JobType::kStreamEviction, *table);
      request.parameters.Set("ttl_seconds", table->options.ttl_seconds.value_or(1));
      request.parameters.Set("batch_size", services.settings.stream.eviction_batch_size);
      KALAM_TRY(CreateUnlessActive(scheduler, std::move(request)));
    }
    return {};
  };
  return {"stream eviction", services.settings.stream.eviction_interval_seconds * 1000, plan};
}

// INSERT is never refused for the size: the oldest rows make room for the newest. What a look costs is a
// comparison; a table is measured only when what was written since its last measure may have filled it up.
Planner StreamSizePlanner(const JobServices& services, Scheduler& scheduler) {
  using Measures = std::unordered_map<TableId, SizeMeasure>;
  const auto plan = [&services, &scheduler, measures = std::make_shared<Measures>()]() -> Status {
    for (const catalog::TablePtr& table : services.catalog.Snapshot()->Tables()) {
      const std::optional<int64_t> limit = table->options.max_stream_size_bytes;
      if (table->type != TableType::kStream || !limit) continue;
      const uint64_t writes = services.store.WritesOf(table->id);
      SizeMeasure& measure = (*measures)[table->id];
      if (measure.MustFit(writes, *limit)) continue;
      KALAM_ASSIGN(const HotSize size,
                   MeasureHot(services.store, services.clock, hot::SharedPrefix(table->id)));
      measure = {writes, size.bytes, size.rows, true};
      if (size.bytes <= *limit) continue;
      JobRequest request = TableJobRequest(JobType::kStreamEviction, *table);
      request.parameters.Set("ttl_seconds", table->options.ttl_seconds.value_or(1));
      // At once: rounds with pauses would let it grow on.
      request.parameters.Set("batch_size", kRoundRowsMax);
      KALAM_TRY(CreateUnlessActive(scheduler, std::move(request)));
    }
    return {};
  };
  return {"stream size", kSizeLookMs, plan};
}

}  // namespace kalam::jobs
