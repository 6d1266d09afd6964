// The job that erases what DROP and CLEAR TOPIC have put out of reach.
#pragma once

#include <string>

#include "base/error.h"
#include "sql/request.h"
#include "sql/services.h"
#include "topics/topic.h"

namespace kalam::sql {

// Creates it; its id. A dropped topic whose job could not be created gets one from the planner of topic
// cleanup.
Result<std::string> CleanUpTopic(const topics::Topic& topic, const Request& request, Services& services);

}  // namespace kalam::sql
