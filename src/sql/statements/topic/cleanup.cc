#include "sql/statements/topic/cleanup.h"

#include "base/random.h"
#include "topics/topics.h"

namespace kalam::sql {
namespace {

// "TC-" and twelve hexadecimal digits.
std::string NewJobId(Services& services) {
  const std::string uuid = UuidV4(services.random);
  return "TC-" + uuid.substr(24, 12);
}

}  // namespace

Result<std::string> CleanUpDropped(const topics::Topic& topic, const Request&, Services& services) {
  KALAM_TRY(services.topics.EraseRemoved(topic.number));
  return NewJobId(services);
}

Result<std::string> CleanUpCleared(const topics::Topic& topic, const Request&, Services& services) {
  KALAM_TRY(services.topics.EraseCleared(topic.name));
  return NewJobId(services);
}

}  // namespace kalam::sql
