#include "live/reader.h"

#include <fmt/format.h>

#include <utility>

#include "base/error_detail.h"
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

// How a turn ended.
enum class Progress : uint8_t { kDone, kAgain };

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
        clock_(clock),
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

  // What was asked for, or as much of it as fits in one turn. After kDone result() has it.
  Result<Progress> Turn() {
    turn_rows_ = 0;
    turn_began_nanos_ = clock_.MonotonicNanos();
    switch (request_.kind) {
      case ReadKind::kNothing:
        return Nothing();
      case ReadKind::kChanges:
        return Changes();
      case ReadKind::kPage:
      case ReadKind::kResume:
        return Page();
    }
    return Fail(ErrorCode::kInternal, "unknown kind of read");
  }

  ReadResult& result() { return result_; }

  // The read failed because a row has no form on the wire.
  bool not_shown() const { return not_shown_; }

 private:
  Result<Progress> Nothing() {
    result_.cursor = result_.snapshot;
    if (request_.with_ack) {
      result_.ack = wire::AckBody(request_.encoding, {}, query_.projection->columns());
    }
    return Progress::kDone;
  }

  Result<Progress> Page() {
    if (!start_) {
      if (request_.last_rows) {
        KALAM_ASSIGN(const Progress progress, FindStartOfLast(*request_.last_rows));
        if (progress == Progress::kAgain) return progress;
      } else {
        start_ = request_.after;
      }
      scan_ = nullptr;
    }
    if (request_.last_rows != 0u) {
      KALAM_ASSIGN(const Progress progress, FillPage(*start_));
      if (progress == Progress::kAgain) return progress;
    }
    if (!result_.more && !result_.cut) result_.cursor = up_to_;
    const wire::BatchControl control{
        request_.batch_num, result_.more,
        result_.last_row ? std::optional<int64_t>(result_.last_row->value) : std::nullopt};
    if (request_.with_ack) {
      result_.ack = wire::AckBody(request_.encoding, control, query_.projection->columns());
    }
    result_.page = wire::DataBatchBody(control, std::move(page_));
    return Progress::kDone;
  }

  Result<Progress> Changes() {
    if (scan_ == nullptr) scan_ = Scan(request_.after, hot::Direction::kForward);
    while (!TurnIsOver()) {
      KALAM_ASSIGN(const auto rows, NextBatch());
      if (rows.empty()) {
        result_.cursor = up_to_;
        return Progress::kDone;
      }
      for (size_t i = 0; i < rows.size(); ++i) {
        KALAM_ASSIGN(wire::LiveBodyPtr body, Shown(ChangeOf(rows[i], matches_[i] != 0, scan_->erased(i))));
        result_.cursor = rows[i].seq();
        if (body == nullptr) continue;
        change_bytes_ += body->size(0);
        result_.changes.push_back({rows[i].seq(), std::move(body)});
        if (result_.changes.size() < request_.rows_max && change_bytes_ < request_.bytes_max) continue;
        result_.more = true;
        return Progress::kDone;
      }
    }
    return Progress::kAgain;
  }

  bool TurnIsOver() const {
    if (turn_rows_ == 0) return false;
    return turn_rows_ >= ReadTask::kTurnRows ||
           clock_.MonotonicNanos() - turn_began_nanos_ >= ReadTask::kTurnNanos;
  }

  template <typename T>
  T Shown(T outcome) {
    not_shown_ = !outcome.has_value();
    return outcome;
  }

  // Up to up_to_.
  std::unique_ptr<VersionScan> Scan(Seq after, hot::Direction direction) const {
    std::unique_ptr<ColdVersions> cold;
    if (files_ != nullptr) {
      // Other reads look at rows that do not match, too.
      const auto conditions = request_.kind == ReadKind::kPage ? query_.filter->conditions()
                                                               : std::span<const tables::OwnedCondition>();
      cold = std::make_unique<ColdVersions>(engine_, *query_.table, files_, after, up_to_, direction,
                                            conditions);
    }
    return std::make_unique<VersionScan>(store_, *query_.table, prefix_, snapshot_, after, up_to_, direction,
                                         now_micros_, std::move(cold), request_.kind != ReadKind::kPage);
  }

  Status Preload() {
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
    KALAM_ASSIGN(result_.preloaded, scan_->Preload(range));
    return {};
  }

  // The next rows, with matches_ filled.
  Result<std::span<const hot::RowView>> NextBatch() {
    if (request_.cancelled != nullptr && request_.cancelled->load(std::memory_order_relaxed)) {
      return Fail(ErrorCode::kCancelled, "The subscription has ended");
    }
    KALAM_ASSIGN(const auto rows, scan_->Next());
    turn_rows_ += rows.size();
    if (!rows.empty()) {
      KALAM_TRY(query_.filter->Match(rows, query_.table->schema(), now_micros_, matches_));
    }
    return rows;
  }

  // start_ = the position before the newest `count` matching rows.
  Result<Progress> FindStartOfLast(uint32_t count) {
    if (count == 0) {
      start_ = up_to_;
      return Progress::kDone;
    }
    if (scan_ == nullptr) {
      scan_ = Scan(Seq(), hot::Direction::kBackward);
      KALAM_TRY(Preload());
    }
    while (!TurnIsOver()) {
      KALAM_ASSIGN(const auto rows, NextBatch());
      if (rows.empty()) {
        start_ = Seq();
        return Progress::kDone;
      }
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].deleted() || matches_[i] == 0 || ++last_found_ < count) continue;
        start_ = Seq(rows[i].seq().value - 1);
        return Progress::kDone;
      }
    }
    return Progress::kAgain;
  }

  Result<Progress> FillPage(Seq after) {
    if (scan_ == nullptr) {
      scan_ = Scan(after, hot::Direction::kForward);
      KALAM_TRY(Preload());
    }
    while (!TurnIsOver()) {
      KALAM_ASSIGN(const auto rows, NextBatch());
      if (rows.empty()) return Progress::kDone;
      for (size_t i = 0; i < rows.size(); ++i) {
        const bool shown = matches_[i] != 0 && !rows[i].deleted();
        if (!shown) {
          if (request_.kind != ReadKind::kResume ||
              !MayHaveMatched(rows[i], matches_[i] != 0, scan_->erased(i)))
            continue;
          result_.cut = true;
          result_.cursor = Seq(rows[i].seq().value - 1);
          return Progress::kDone;
        }
        if (page_.size() == request_.rows_max || page_.bytes() >= request_.bytes_max) {
          result_.more = true;
          result_.cursor = *result_.last_row;
          return Progress::kDone;
        }
        KALAM_TRY(Shown(query_.projection->AddRow(rows[i], page_)));
        result_.last_row = rows[i].seq();
      }
    }
    return Progress::kAgain;
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
  const Clock& clock_;
  const int64_t now_micros_;
  Seq up_to_;
  std::vector<uint8_t> matches_;
  bool not_shown_ = false;
  ReadResult result_;

  // --- between turns
  std::unique_ptr<VersionScan> scan_;
  std::optional<Seq> start_;  // of the page; unset while the newest `last_rows` are looked for
  uint32_t last_found_ = 0;
  wire::LiveRows page_{request_.encoding};
  size_t change_bytes_ = 0;
  size_t turn_rows_ = 0;
  int64_t turn_began_nanos_ = 0;
};

class Task final : public ReadTask {
 public:
  Task(hot::Store& store, const engine::Engine& engine, cold::ColdTier* cold, const Clock& clock,
       ReadRequest request)
      : store_(store), engine_(engine), cold_(cold), clock_(clock), request_(std::move(request)) {}

  std::optional<OrRefusal<ReadResult>> Turn() override {
    if (!run_) {
      if (auto refusal = Begin()) return OrRefusal<ReadResult>(std::unexpected(std::move(*refusal)));
    }
    const auto progress = run_->Turn();
    if (!progress) {
      if (run_->not_shown()) return std::unexpected(Refusal{codes::kConversion, progress.error().message});
      return std::unexpected(ReadRefusal(progress.error(), *request_.query));
    }
    if (*progress == Progress::kAgain) return std::nullopt;
    return std::move(run_->result());
  }

 private:
  std::optional<Refusal> Begin() {
    // An empty batch goes through the queue of the committer; what was before it is over when it answers.
    // One that the committer itself refuses, for want of room, has been through it, too.
    if (request_.wait_for_commits) {
      const Status passed = store_.Commit(hot::Batch()).status;
      if (!passed && !HasDetail(passed.error(), "storage_error")) {
        return ReadRefusal(passed.error(), *request_.query);
      }
    }
    run_.emplace(store_, engine_, cold_, clock_, request_);
    if (const Status found = run_->FindFiles(cold_); !found) {
      return ReadRefusal(found.error(), *request_.query);
    }
    const auto too_old = run_->TooOld();
    if (!too_old) return ReadRefusal(too_old.error(), *request_.query);
    if (!*too_old) return std::nullopt;
    return Refusal{
        codes::kResyncRequired,
        fmt::format("Cannot resume '{}' from {}: deletes since then are no longer known. Subscribe "
                    "again without 'from'",
                    request_.query->table->full_name(), request_.after.value)};
  }

  hot::Store& store_;
  const engine::Engine& engine_;
  cold::ColdTier* const cold_;
  const Clock& clock_;
  const ReadRequest request_;
  std::optional<Run> run_;  // from the first turn on: its snapshot is taken then
};

}  // namespace

std::unique_ptr<ReadTask> Reader::Start(ReadRequest request) const {
  return std::make_unique<Task>(store_, engine_, cold_, clock_, std::move(request));
}

}  // namespace kalam::live
