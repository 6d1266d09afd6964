// Every executor, by the function that makes it. A new kind of job is a file, a line here and a line in
// list.cc.
#pragma once

#include <memory>
#include <vector>

#include "jobs/executor.h"
#include "jobs/services.h"

namespace kalam::jobs {

// `services` outlives the executors.
std::vector<std::unique_ptr<Executor>> MakeExecutors(const JobServices& services);

}  // namespace kalam::jobs
