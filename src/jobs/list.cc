#include "jobs/list.h"

namespace kalam::jobs {

std::vector<std::unique_ptr<Executor>> MakeExecutors(const JobServices& services) {
  std::vector<std::unique_ptr<Executor>> executors;
  executors.push_back(MakeStreamEvictionExecutor(services));
  executors.push_back(MakeRetentionExecutor(services));
  return executors;
}

std::vector<Planner> MakePlanners(const JobServices& services, Scheduler& scheduler) {
  return {StreamEvictionPlanner(services, scheduler), RetentionPlanner(services, scheduler)};
}

}  // namespace kalam::jobs
