// Publisher: turns changes into messages inside the commit, so that a row and its messages are one write.
//
// Offsets are given here, on the thread that commits, so they are contiguous without a lock. A condition that
// cannot be evaluated for a row (a failing cast, a column that was dropped) neither loses the message nor
// refuses the write: the row is published with "_filter_error":true, counted and logged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "hot/change.h"
#include "observe/metrics.h"
#include "topics/routing.h"

namespace kalam::topics {

// Threads: as hot::CommitParticipant; `filter_failures` is thread-safe.
class Publisher final : public hot::CommitParticipant {
 public:
  // `current` gives the routing of this moment; asked once per group, it must be fast when nothing changed.
  // `written` is told after a group is durable that some partition has a waiting consumer.
  Publisher(const Clock& clock, observe::Metrics& metrics,
            std::function<std::shared_ptr<const Routing>()> current, std::function<void()> written);

  void BeginGroup() override;
  hot::Need NeedOf(TableId table) const override;
  Status Join(std::span<const hot::Change> changes, hot::JoinedOps out) override;
  void TakeBack() override;
  void GroupWritten() override;

  // Messages published because their source's condition could not be evaluated.
  int64_t filter_failures() const { return static_cast<int64_t>(filter_failures_.value()); }

 private:
  // A change of a routed table, decoded.
  struct Row {
    const hot::Change* change = nullptr;
    const TableRoutes* table = nullptr;
    Operation operation = Operation::kInsert;
    hot::RowView view;
    std::optional<hot::RowView> before;
  };
  struct Appended {
    Partition* partition;
    uint64_t offset;    // before it
    uint64_t position;  // before it
  };

  Status Decode(std::span<const hot::Change> changes);
  void JudgeAll();
  Status PublishAll(Seq commit_seq, hot::JoinedOps out);
  Status Publish(const Row& row, const BoundRoute& bound, Verdict verdict, Seq commit_seq,
                 hot::JoinedOps out);
  void NoteFailure(const BoundRoute& bound, int64_t count, const Error& error);

  const Clock& clock_;
  const std::function<std::shared_ptr<const Routing>()> current_;
  const std::function<void()> written_;
  std::shared_ptr<const Routing> routing_;
  // Reused from batch to batch:
  std::vector<Row> rows_;
  std::vector<std::vector<Verdict>> verdicts_;  // by row, then by route of its table
  std::vector<Appended> appended_;              // by the last Join
  std::vector<Partition*> touched_;             // by the group
  std::string payload_;
  observe::Counter& published_;
  observe::Counter& filter_failures_;
  int64_t warned_at_nanos_ = INT64_MIN;
};

}  // namespace kalam::topics
