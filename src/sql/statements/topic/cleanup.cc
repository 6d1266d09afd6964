#include "sql/statements/topic/cleanup.h"

#include "jobs/scheduler.h"
#include "jobs/topic_job.h"

namespace kalam::sql {

Result<std::string> CleanUpTopic(const topics::Topic& topic, const Request& request, Services& services) {
  jobs::JobRequest job = jobs::TopicJobRequest(jobs::JobType::kTopicCleanup, topic.number, topic.name);
  job.owner = request.payload.principal->user_id;
  job.idempotency_key = "";  // what was cleared while another one runs needs a job of its own
  KALAM_ASSIGN(const jobs::JobPtr created, services.jobs.Create(std::move(job)));
  return created->id;
}

}  // namespace kalam::sql
