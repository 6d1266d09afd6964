// Topic cleanup (TC): erases what DROP TOPIC and CLEAR TOPIC have put out of reach, and gives the disk space
// back. One round: erasing is a range, whatever it holds.
#include <fmt/format.h>

#include "jobs/list.h"
#include "jobs/topic_job.h"

namespace kalam::jobs {
namespace {

class TopicCleanupExecutor final : public Executor {
 public:
  explicit TopicCleanupExecutor(topics::Topics& topics) : topics_(topics) {}

  const ExecutorInfo& info() const override {
    // A dropped topic's messages would stay for ever.
    static constexpr ExecutorInfo kInfo{.type = JobType::kTopicCleanup, .cancel = CancelRule::kNever};
    return kInfo;
  }

  Status Validate(const Parameters& parameters) const override {
    KALAM_TRY(ReadTopicParameters(parameters));
    return {};
  }
  std::string Lane(const Job& job) const override { return TopicLane(job); }

  Result<RoundOutcome> RunRound(Round& round) const override {
    KALAM_ASSIGN(const TopicParameters topic, ReadTopicParameters(round.parameters()));
    const auto current = topics_.Find(topic.name);
    if (current && (*current)->number == topic.number) {
      KALAM_ASSIGN(const topics::Erased erased, topics_.EraseCleared(topic.name));
      round.metrics().Add("messages_deleted", erased.messages);
      return RoundOutcome::Completed(
          fmt::format("Removed what topic {} had before it was cleared", topic.name));
    }
    KALAM_TRY(topics_.EraseRemoved(topic.number));
    return RoundOutcome::Completed(fmt::format("Removed the messages of dropped topic {}", topic.name));
  }

 private:
  topics::Topics& topics_;
};

}  // namespace

std::unique_ptr<Executor> MakeTopicCleanupExecutor(topics::Topics& topics) {
  return std::make_unique<TopicCleanupExecutor>(topics);
}

// Topics that were dropped right before the server ended.
Planner TopicCleanupPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    KALAM_ASSIGN(const auto removed, services.topics->RemovedTopics());
    for (const topics::RemovedTopic& topic : removed) {
      KALAM_TRY(
          CreateUnlessActive(scheduler, TopicJobRequest(JobType::kTopicCleanup, topic.number, topic.name)));
    }
    return {};
  };
  return {"topic cleanup", services.settings.topics.retention_check_interval_seconds * 1000, plan};
}

}  // namespace kalam::jobs
