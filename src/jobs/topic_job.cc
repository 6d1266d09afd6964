#include "jobs/topic_job.h"

#include <fmt/format.h>

namespace kalam::jobs {

JobRequest TopicJobRequest(JobType type, topics::TopicNumber number, const std::string& name) {
  JobRequest request;
  request.type = type;
  request.ns = name.substr(0, name.find('.'));
  request.parameters.Set("topic_id", name);
  request.parameters.Set("topic_name", name);
  request.parameters.Set("topic_number", static_cast<int64_t>(number.value));
  request.idempotency_key = fmt::format("{}:{}:{}", JobTypeName(type), name, number.value);
  return request;
}

Result<TopicParameters> ReadTopicParameters(const Parameters& parameters) {
  TopicParameters read;
  KALAM_ASSIGN(read.name, parameters.Text("topic_id"));
  KALAM_ASSIGN(const int64_t number, parameters.Positive("topic_number"));
  if (number > UINT32_MAX)
    return Fail(ErrorCode::kInvalidInput, "Parameter topic_number must be a topic's number");
  read.number = topics::TopicNumber(static_cast<uint32_t>(number));
  return read;
}

std::string TopicLane(const Job& job) {
  const auto parameters = Parameters::Parse(job.parameters_json);
  return parameters ? "topic/" + parameters->TextOr("topic_id", "") : std::string();
}

}  // namespace kalam::jobs
