#include "jobs/executor.h"

namespace kalam::jobs {

std::string Executor::Lane(const Job& job) const {
  return job.table.empty() ? std::string() : "table/" + job.full_table_name();
}

bool IsTransient(ErrorCode code) {
  switch (code) {
    case ErrorCode::kIo:
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kDeadline:
    case ErrorCode::kLimitExceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace kalam::jobs
