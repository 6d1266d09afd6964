// Parameters of jobs that work on one topic: made by statements and planners, read by executors.
#pragma once

#include <string>

#include "jobs/executor.h"
#include "jobs/parameters.h"
#include "jobs/scheduler.h"
#include "jobs/table_job.h"
#include "topics/topics.h"

namespace kalam::jobs {

// {topic_id, topic_name, topic_number}; owner "system"; one job of a kind per topic at a time.
JobRequest TopicJobRequest(JobType type, topics::TopicNumber number, const std::string& name);

struct TopicParameters {
  topics::TopicNumber number;
  std::string name;
};
// kInvalidInput naming what is missing or wrong.
Result<TopicParameters> ReadTopicParameters(const Parameters& parameters);

// Jobs of one topic run one after the other.
std::string TopicLane(const Job& job);

}  // namespace kalam::jobs
