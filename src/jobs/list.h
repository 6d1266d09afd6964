// Every executor and every planner, by the function that makes it. A new kind of job is a file, a line here
// and a line in list.cc.
#pragma once

#include <memory>
#include <vector>

#include "jobs/executor.h"
#include "jobs/planner_thread.h"
#include "jobs/scheduler.h"
#include "jobs/services.h"

namespace kalam::jobs {

std::unique_ptr<Executor> MakeStreamEvictionExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeRetentionExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeTopicCleanupExecutor(topics::Topics& topics);
std::unique_ptr<Executor> MakeTopicRetentionExecutor(topics::Topics& topics);

Planner StreamEvictionPlanner(const JobServices& services, Scheduler& scheduler);
Planner RetentionPlanner(const JobServices& services, Scheduler& scheduler);
Planner TopicCleanupPlanner(const JobServices& services, Scheduler& scheduler);
Planner TopicRetentionPlanner(const JobServices& services, Scheduler& scheduler);

// `services` and `scheduler` outlive what is made.
std::vector<std::unique_ptr<Executor>> MakeExecutors(const JobServices& services);
std::vector<Planner> MakePlanners(const JobServices& services, Scheduler& scheduler);

}  // namespace kalam::jobs
