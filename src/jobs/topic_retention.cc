// Topic retention (TR): removes messages that are older than the topic keeps them, and the oldest ones of a
// topic that is larger than it may be. One round: a range per partition.
#include <fmt/format.h>

#include "jobs/list.h"
#include "jobs/topic_job.h"

namespace kalam::jobs {
namespace {

class TopicRetentionExecutor final : public Executor {
 public:
  explicit TopicRetentionExecutor(topics::Topics& topics) : topics_(topics) {}

  const ExecutorInfo& info() const override {
    static constexpr ExecutorInfo kInfo{.type = JobType::kTopicRetention};
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
    if (!current || (*current)->number != topic.number) {
      return RoundOutcome::Skipped(fmt::format("Topic {} does not exist any more", topic.name));
    }
    KALAM_ASSIGN(const topics::Erased erased, topics_.ApplyRetention(topic.name));
    round.metrics().Add("messages_deleted", erased.messages);
    round.metrics().Add("bytes_deleted", erased.bytes);
    return RoundOutcome::Completed(fmt::format("Removed {} messages ({} bytes) from topic {}",
                                               erased.messages, erased.bytes, topic.name));
  }

 private:
  topics::Topics& topics_;
};

}  // namespace

std::unique_ptr<Executor> MakeTopicRetentionExecutor(topics::Topics& topics) {
  return std::make_unique<TopicRetentionExecutor>(topics);
}

Planner TopicRetentionPlanner(const JobServices& services, Scheduler& scheduler) {
  const auto plan = [&services, &scheduler]() -> Status {
    for (const topics::TopicPtr& topic : services.topics->List()) {
      KALAM_ASSIGN(const bool due, services.topics->RetentionDue(topic->name));
      if (!due) continue;
      KALAM_TRY(CreateUnlessActive(scheduler,
                                   TopicJobRequest(JobType::kTopicRetention, topic->number, topic->name)));
    }
    return {};
  };
  return {"topic retention", services.settings.topics.retention_check_interval_seconds * 1000, plan};
}

}  // namespace kalam::jobs
