// Removal of what DROP and CLEAR TOPIC have put out of reach.
#pragma once

#include <string>

#include "base/error.h"
#include "sql/request.h"
#include "sql/services.h"
#include "topics/topic.h"

namespace kalam::sql {

// The id of the job that does it.
Result<std::string> CleanUpDropped(const topics::Topic& topic, const Request& request, Services& services);
Result<std::string> CleanUpCleared(const topics::Topic& topic, const Request& request, Services& services);

}  // namespace kalam::sql
