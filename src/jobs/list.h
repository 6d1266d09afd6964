// Every executor and every planner, by the function that makes it, and the requests that others make. A new
// kind of job is a file, a line here and a line in list.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/erasure.h"
#include "jobs/executor.h"
#include "jobs/planner_thread.h"
#include "jobs/scheduler.h"
#include "jobs/services.h"

namespace kalam::jobs {

std::unique_ptr<Executor> MakeCleanupExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeRetentionExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeStreamEvictionExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeUserCleanupExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeBackupExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeRestoreExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeFlushExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeCompactExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeUserExportExecutor(const JobServices& services);
std::unique_ptr<Executor> MakeTopicCleanupExecutor(topics::Topics& topics);
std::unique_ptr<Executor> MakeTopicRetentionExecutor(topics::Topics& topics);

// What a dropped table leaves behind; `hot` is what the drop itself removed.
JobRequest CleanupRequest(const catalog::Table& dropped, const HotSize& hot);
JobRequest UserExportRequest(std::string_view user_id, int64_t now_ms);
JobRequest UserCleanupRequest(std::string_view user_id, bool cascade, std::string owner);

// For dropped tables whose cleanup was never asked for.
Planner CleanupPlanner(const JobServices& services, Scheduler& scheduler);
Planner StreamEvictionPlanner(const JobServices& services, Scheduler& scheduler);
// For STREAM tables that writers have brought over their size limit since the last look, a second ago.
Planner StreamSizePlanner(const JobServices& services, Scheduler& scheduler);
Planner RetentionPlanner(const JobServices& services, Scheduler& scheduler);
Planner UserCleanupPlanner(const JobServices& services, Scheduler& scheduler);
Planner FlushPlanner(const JobServices& services, Scheduler& scheduler);
Planner CompactionPlanner(const JobServices& services, Scheduler& scheduler);
Planner GarbagePlanner(const JobServices& services);
Planner TopicCleanupPlanner(const JobServices& services, Scheduler& scheduler);
Planner TopicRetentionPlanner(const JobServices& services, Scheduler& scheduler);

struct FlushPolicy {
  std::optional<int64_t> rows;
  std::optional<int64_t> interval_seconds;
};
// The table's own, or the server's when it has none.
FlushPolicy PolicyOf(const catalog::Table& table, const config::Settings& settings);
// Either half is enough.
bool IsDue(const FlushPolicy& policy, const PendingRows& pending, int64_t now_ms);

// `services` and `scheduler` outlive what is made.
std::vector<std::unique_ptr<Executor>> MakeExecutors(const JobServices& services);
std::vector<Planner> MakePlanners(const JobServices& services, Scheduler& scheduler);

}  // namespace kalam::jobs
