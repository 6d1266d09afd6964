#include "jobs/list.h"

namespace kalam::jobs {

std::vector<std::unique_ptr<Executor>> MakeExecutors(const JobServices& services) {
  std::vector<std::unique_ptr<Executor>> executors;
  executors.push_back(MakeCleanupExecutor(services));
  executors.push_back(MakeRetentionExecutor(services));
  executors.push_back(MakeStreamEvictionExecutor(services));
  executors.push_back(MakeUserCleanupExecutor(services));
  executors.push_back(MakeBackupExecutor(services));
  executors.push_back(MakeRestoreExecutor(services));
  if (services.cold != nullptr) {
    executors.push_back(MakeFlushExecutor(services));
    executors.push_back(MakeCompactExecutor(services));
  }
  executors.push_back(MakeUserExportExecutor(services));
  if (services.topics != nullptr) {
    executors.push_back(MakeTopicCleanupExecutor(*services.topics));
    executors.push_back(MakeTopicRetentionExecutor(*services.topics));
  }
  return executors;
}

std::vector<Planner> MakePlanners(const JobServices& services, Scheduler& scheduler) {
  std::vector<Planner> planners = {FlushPlanner(services, scheduler),
                                   CompactionPlanner(services, scheduler),
                                   GarbagePlanner(services),
                                   StreamEvictionPlanner(services, scheduler),
                                   StreamSizePlanner(services, scheduler),
                                   RetentionPlanner(services, scheduler),
                                   UserCleanupPlanner(services, scheduler)};
  if (services.cold != nullptr) planners.push_back(CleanupPlanner(services, scheduler));
  if (services.topics != nullptr) {
    planners.push_back(TopicCleanupPlanner(services, scheduler));
    planners.push_back(TopicRetentionPlanner(services, scheduler));
  }
  return planners;
}

}  // namespace kalam::jobs
