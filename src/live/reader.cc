#include "live/reader.h"

#include <fmt/format.h>

#include <utility>

#include "hot/resume_horizon.h"
#include "live/codes.h"
#include "live/version_scan.h"
#include "observe/log.h"
#include "tables/read_view.h"
#include "tables/table_scope.h"

namespace kalam::live {
namespace {

// What a client may know of a failure while reading.
Refusal ReadRefusal(const Error& error, const Query& query) {
  const std::string table = query.table->full_name();
  switch (error.code) {
    case ErrorCode::kExecution:
    case ErrorCode::kConstraint:
      return {codes::kFailed, fmt::format("The condition of the subscription to '{}' fails for a row: {}",
                                          table, error.message)};
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable:
      return {codes::kFailed, error.message};
    default:
      observe::LogError("live query on '{}': {}", table, error.message);
      return {codes::kFailed, fmt::format("Reading '{}' failed; the server's log says why", table)};
  }
}

// One read, with what it needs everywhere.
class Run {
 public:
  Run(const hot::Store& store, const engine::Engine& engine, cold::ColdTier* cold, const Clock& clock,
      const ReadRequest& request)
      : store_(store),
        engine_(engine),
        request_(request),
        query_(*request.query),
        prefix_(tables::ScopePrefix(*query_.table, request.user_id)),
        pin_(cold == nullptr ? nullptr : cold->Pin()),
        snapshot_(store.TakeSnapshot()),
        now_micros_(clock.WallMicros()) {
    result_.snapshot = snapshot_.seq();
    up_to_ = request.up_to.value_or(result_.snapshot);
  }

  // Before anything is read.
  Status FindFiles(cold::ColdTier* cold) {
    if (cold == nullptr || !store_.HasColdRows(query_.table->id)) return {};
    KALAM_ASSIGN(files_, cold->Files(tables::ShapeOf(*query_.table), prefix_, snapshot_));
    return {};
  }

  // True when deletes since the cursor were forgotten already. From 0 there is nothing to be told of.
  Result<bool> TooOld() const {
    const bool resumes = request_.kind == ReadKind::kResume || request_.kind == ReadKind::kChanges;
    if (!resumes || request_.after == Seq()) return false;
    KALAM_ASSIGN(const Seq horizon, hot::ReadResumeHorizon(store_, query_.table->id, &snapshot_));
    return request_.after < horizon;
  }

  Result<ReadResult> Page() {
    Seq after = request_.after;
    if (request_.last_rows) {
      KALAM_ASSIGN(after, StartOfLast(*request_.last_rows));
    }
    wire::LiveRows rows(request_.encoding);
    result_.cursor = after;
    if (request_.last_rows != 0u) KALAM_TRY(FillPage(after, rows));
    if (!result_.more && !result_.cut) result_.cursor = up_to_;
    const wire::BatchControl control{
        request_.batch_num, result_.more,
        result_.last_row ? std::optional<int64_t>(result_.last_row->value) : std::nullopt};
    if (request_.with_ack) {
      result_.ack = wire::AckBody(request_.encoding, control, query_.projection->columns());
    }
    result_.page = wire::DataBatchBody(control, std::move(rows));
    return std::move(result_);
  }

  Result<ReadResult> Changes() {
    VersionScan scan = Scan(request_.after, up_to_, hot::Direction::kForward);
    result_.cursor = request_.after;
    size_t bytes = 0;
    for (;;) {
      KALAM_ASSIGN(const auto rows, NextBatch(scan));
      if (rows.empty()) break;
      for (size_t i = 0; i < rows.size(); ++i) {
        KALAM_ASSIGN(wire::LiveBodyPtr body, Shown(ChangeOf(rows[i], matches_[i] != 0, scan.erased(i))));
        result_.cursor = rows[i].seq();
        if (body == nullptr) continue;
        bytes += body->size(0);
        result_.changes.push_back({rows[i].seq(), std::move(body)});
        if (result_.changes.size() < request_.rows_max && bytes < request_.bytes_max) continue;
        result_.more = true;
        return std::move(result_);
      }
    }
    result_.cursor = up_to_;
    return std::move(result_);
  }

  // The read failed because a row has no form on the wire.
  bool not_shown() const { return not_shown_; }

  Result<ReadResult> Nothing() {
    result_.cursor = result_.snapshot;
    if (request_.with_ack) {
      result_.ack = wire::AckBody(request_.encoding, {}, query_.projection->columns());
    }
    return std::move(result_);
  }

 private:
  template <typename T>
  T Shown(T outcome) {
    not_shown_ = !outcome.has_value();
    return outcome;
  }

  VersionScan Scan(Seq after, Seq up_to, hot::Direction direction) const {
    std::unique_ptr<ColdVersions> cold;
    if (files_ != nullptr) {
      cold = std::make_unique<ColdVersions>(engine_, *query_.table, files_, after, up_to, direction);
    }
    return VersionScan(store_, *query_.table, prefix_, snapshot_, after, up_to, direction, now_micros_,
                       std::move(cold), request_.kind != ReadKind::kPage);
  }

  Status Preload(VersionScan& scan) {
    if (!request_.preload || request_.kind != ReadKind::kPage) return {};
    tables::KeyRange range(prefix_);
    const auto key = query_.table->schema().primary_key();
    for (const tables::OwnedCondition& condition : query_.filter->conditions()) {
      const bool null_test =
          condition.op == engine::CompareOp::kIsNull || condition.op == engine::CompareOp::kIsNotNull;
      // An over-long text has no key form: the filter decides alone.
      if (key && condition.ordinal == *key && !null_test) {
        (void)range.Narrow(condition.op, condition.constant.view());
      }
    }
    KALAM_ASSIGN(result_.preloaded, scan.Preload(range));
    return {};
  }

  // The next rows, with matches_ filled.
  Result<std::span<const hot::RowView>> NextBatch(VersionScan& scan) {
    if (request_.cancelled != nullptr && request_.cancelled->load(std::memory_order_relaxed)) {
      return Fail(ErrorCode::kCancelled, "The subscription has ended");
    }
    KALAM_ASSIGN(const auto rows, scan.Next());
    if (!rows.empty()) {
      KALAM_TRY(query_.filter->Match(rows, query_.table->schema(), now_micros_, matches_));
    }
    return rows;
  }

  // The position before the newest `count` matching rows.
  Result<Seq> StartOfLast(uint32_t count) {
    if (count == 0) return up_to_;
    VersionScan scan = Scan(Seq(), up_to_, hot::Direction::kBackward);
    KALAM_TRY(Preload(scan));
    uint32_t found = 0;
    for (;;) {
      KALAM_ASSIGN(const auto rows, NextBatch(scan));
      if (rows.empty()) return Seq();
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].deleted() || matches_[i] == 0) continue;
        if (++found == count) return Seq(rows[i].seq().value - 1);
      }
    }
  }

  Status FillPage(Seq after, wire::LiveRows& out) {
    VersionScan scan = Scan(after, up_to_, hot::Direction::kForward);
    KALAM_TRY(Preload(scan));
    for (;;) {
      KALAM_ASSIGN(const auto rows, NextBatch(scan));
      if (rows.empty()) return {};
      for (size_t i = 0; i < rows.size(); ++i) {
        const bool shown = matches_[i] != 0 && !rows[i].deleted();
        if (!shown) {
          if (request_.kind != ReadKind::kResume ||
              !MayHaveMatched(rows[i], matches_[i] != 0, scan.erased(i)))
            continue;
          result_.cut = true;
          result_.cursor = Seq(rows[i].seq().value - 1);
          return {};
        }
        if (out.size() == request_.rows_max || out.bytes() >= request_.bytes_max) {
          result_.more = true;
          result_.cursor = *result_.last_row;
          return {};
        }
        KALAM_TRY(Shown(query_.projection->AddRow(rows[i], out)));
        result_.last_row = rows[i].seq();
      }
    }
  }

  bool is_stream() const { return query_.table->type == TableType::kStream; }

  // A row that is not in the result now: could an earlier version have been?
  // `erased`: of a deleted row of a stream, its own _seq.
  bool MayHaveMatched(const hot::RowView& row, bool matches, Seq erased) const {
    // Rows of streams do not change; one that came and went since then is not known to the subscriber.
    if (is_stream()) return row.deleted() && matches && erased <= request_.after;
    return (row.deleted() && matches) || query_.filter->MayHaveMatched(row);
  }

  // nullptr: nothing that the subscriber can have seen changed.
  Result<wire::LiveBodyPtr> ChangeOf(const hot::RowView& row, bool matches, Seq erased) const {
    const Projection& projection = *query_.projection;
    if (row.deleted() || !matches) {
      if (!MayHaveMatched(row, matches, erased)) return nullptr;
      if (is_stream()) return projection.DeleteStream(request_.encoding, row, erased, request_.user_id);
      return matches ? projection.Delete(request_.encoding, row, row.seq())
                     : projection.DeleteKey(request_.encoding, row);
    }
    if (row.history().first || is_stream()) {
      return projection.Insert(request_.encoding, row);
    }
    return projection.Update(request_.encoding, std::nullopt, row);
  }

  const hot::Store& store_;
  const engine::Engine& engine_;
  const ReadRequest& request_;
  const Query& query_;
  const std::string prefix_;
  const cold::PinPtr pin_;  // older than the snapshot
  const hot::Snapshot snapshot_;
  std::shared_ptr<const engine::FileSet> files_;
  const int64_t now_micros_;
  Seq up_to_;
  std::vector<uint8_t> matches_;
  bool not_shown_ = false;
  ReadResult result_;
};

Result<ReadResult> RunKind(Run& run, ReadKind kind) {
  switch (kind) {
    case ReadKind::kNothing:
      return run.Nothing();
    case ReadKind::kChanges:
      return run.Changes();
    case ReadKind::kPage:
    case ReadKind::kResume:
      return run.Page();
  }
  return Fail(ErrorCode::kInternal, "unknown kind of read");
}

}  // namespace

OrRefusal<ReadResult> Reader::Read(const ReadRequest& request) const {
  // An empty batch goes through the queue of the committer; what was before it is over when it answers.
  if (request.wait_for_commits) (void)store_.Commit(hot::Batch());
  Run run(store_, engine_, cold_, clock_, request);
  if (const Status found = run.FindFiles(cold_); !found) {
    return std::unexpected(ReadRefusal(found.error(), *request.query));
  }
  const auto too_old = run.TooOld();
  if (!too_old) return std::unexpected(ReadRefusal(too_old.error(), *request.query));
  if (*too_old) {
    return std::unexpected(
        Refusal{codes::kResyncRequired,
                fmt::format("Cannot resume '{}' from {}: deletes since then are no longer known. Subscribe "
                            "again without 'from'",
                            request.query->table->full_name(), request.after.value)});
  }
  auto result = RunKind(run, request.kind);
  if (result) return std::move(*result);
  if (run.not_shown()) return std::unexpected(Refusal{codes::kConversion, result.error().message});
  return std::unexpected(ReadRefusal(result.error(), *request.query));
}

}  // namespace kalam::live
