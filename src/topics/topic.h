// Topics as they are defined: plain values, immutable once published.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace kalam::topics {

// Never given again, so a dropped topic's messages cannot be mistaken for a new one's.
using TopicNumber = StrongId<struct TopicNumberTag, uint32_t>;

// Stored on disk. Never change a number.
enum class Operation : uint8_t { kInsert = 1, kUpdate = 2, kDelete = 3 };
enum class PayloadMode : uint8_t {
  kKey = 1,   // the primary key
  kFull = 2,  // all columns
  kDiff = 3,  // of an update the primary key and what changed, new and old; otherwise as kFull
};

std::string_view OperationTitle(Operation operation);  // "Insert", as HTTP and messages spell it
std::string_view OperationName(Operation operation);   // "insert", as SQL spells it
std::string_view PayloadModeName(PayloadMode mode);    // "full"
std::optional<Operation> ParseOperation(std::string_view lower_case);
std::optional<PayloadMode> ParsePayloadMode(std::string_view lower_case);

// Which changes of which table become messages.
struct Route {
  std::string ns;
  std::string table;
  Operation operation = Operation::kInsert;
  PayloadMode payload = PayloadMode::kFull;
  std::string filter;       // the condition's SQL; empty = every row
  std::string filter_user;  // CURRENT_USER() in it: who added the source
};

// A retention of 0 means without limit.
struct Retention {
  int64_t seconds = 604'800;
  int64_t bytes_max = int64_t{1} << 30;  // of all partitions together, as MessageBytes counts
};

struct Topic {
  TopicNumber number;
  std::string name;  // "ns.topic", lower case
  uint32_t partitions = 1;
  Retention retention;
  std::vector<Route> routes;  // in the order in which they were added
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;

  std::string_view ns() const { return std::string_view(name).substr(0, name.find('.')); }
};
using TopicPtr = std::shared_ptr<const Topic>;

// [{"table_id":"ns:table","op":"Insert","payload_mode":"full","filter_expr":null,"partition_key_expr":null},
// ..]
std::string RoutesJson(const Topic& topic);

}  // namespace kalam::topics
