// The stored form of jobs: JSON in the meta space (docs/jobs-format.md). Private to jobs.
//
//   job/<id>             -> the job
//   job_checkpoint/<id>  -> cursor, metrics and progress of an unfinished job
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "jobs/job.h"

namespace kalam::jobs {

inline constexpr std::string_view kJobPrefix = "job/";
inline constexpr std::string_view kCheckpointPrefix = "job_checkpoint/";

std::string JobKey(std::string_view id);
std::string CheckpointKey(std::string_view id);

std::string EncodeJob(const Job& job);
// kCorruption naming the job and the field.
Result<Job> DecodeJob(std::string_view id, std::string_view bytes);

struct Checkpoint {
  std::string cursor;  // any bytes
  JobMetrics metrics;
  std::optional<JobProgress> progress;
};
std::string EncodeCheckpoint(const Checkpoint& checkpoint);
Result<Checkpoint> DecodeCheckpoint(std::string_view id, std::string_view bytes);

}  // namespace kalam::jobs
