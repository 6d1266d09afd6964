#include "topics/record.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <limits>

#include "topics/little_endian.h"

namespace kalam::topics {
namespace {

namespace json = boost::json;

constexpr int64_t kFormat = 1;
constexpr size_t kNumberDigits = 8;
constexpr size_t kPartitionDigits = 4;

std::unexpected<Error> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("topic record: {}", what));
}

Result<int64_t> Integer(const json::object& object, std::string_view name, int64_t min, int64_t max) {
  const json::value* member = object.if_contains(name);
  if (member == nullptr || !member->is_int64() || member->get_int64() < min || member->get_int64() > max) {
    return Corrupt(fmt::format("member {} is missing or out of range", name));
  }
  return member->get_int64();
}

Result<std::string> Text(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) {
    return Corrupt(fmt::format("member {} is missing or no text", name));
  }
  return std::string(member->get_string());
}

json::object EncodeRoute(const Route& route) {
  json::object one{{"ns", route.ns},
                   {"table", route.table},
                   {"operation", static_cast<int64_t>(route.operation)},
                   {"payload", static_cast<int64_t>(route.payload)}};
  if (!route.filter.empty()) {
    one["filter"] = route.filter;
    one["filter_user"] = route.filter_user;
  }
  return one;
}

Result<Route> DecodeRoute(const json::value& value) {
  if (!value.is_object()) return Corrupt("a route is not an object");
  const json::object& object = value.get_object();
  Route route;
  KALAM_ASSIGN(route.ns, Text(object, "ns"));
  KALAM_ASSIGN(route.table, Text(object, "table"));
  KALAM_ASSIGN(const int64_t operation, Integer(object, "operation", 1, 3));
  KALAM_ASSIGN(const int64_t payload, Integer(object, "payload", 1, 3));
  route.operation = static_cast<Operation>(operation);
  route.payload = static_cast<PayloadMode>(payload);
  if (object.contains("filter")) {
    KALAM_ASSIGN(route.filter, Text(object, "filter"));
    KALAM_ASSIGN(route.filter_user, Text(object, "filter_user"));
  }
  return route;
}

Result<uint32_t> Hex(std::string_view digits) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return Corrupt("a key is malformed");
  return number;
}

}  // namespace

std::string TopicKey(std::string_view name) { return std::string(kTopicPrefix).append(name); }
std::string FloorKey(TopicNumber topic, uint32_t partition) {
  return fmt::format("{}{:08x}/{:04x}", kFloorPrefix, topic.value, partition);
}
std::string GroupKey(TopicNumber topic, uint32_t partition, std::string_view group) {
  return fmt::format("{}{:08x}/{:04x}/{}", kGroupPrefix, topic.value, partition, group);
}
std::string GroupsPrefix(TopicNumber topic) { return fmt::format("{}{:08x}/", kGroupPrefix, topic.value); }
std::string RemovedKey(TopicNumber topic) { return fmt::format("{}{:08x}", kRemovedPrefix, topic.value); }

Result<GroupId> DecodeGroupKey(std::string_view key) {
  constexpr size_t kBehindNumber = kGroupPrefix.size() + kNumberDigits;
  constexpr size_t kBehindPartition = kBehindNumber + 1 + kPartitionDigits;
  if (!key.starts_with(kGroupPrefix) || key.size() <= kBehindPartition || key[kBehindNumber] != '/' ||
      key[kBehindPartition] != '/') {
    return Corrupt("a group's key is malformed");
  }
  GroupId id;
  KALAM_ASSIGN(id.topic.value, Hex(key.substr(kGroupPrefix.size(), kNumberDigits)));
  KALAM_ASSIGN(id.partition, Hex(key.substr(kBehindNumber + 1, kPartitionDigits)));
  id.group = key.substr(kBehindPartition + 1);
  return id;
}

Result<TopicNumber> DecodeRemovedKey(std::string_view key) {
  if (!key.starts_with(kRemovedPrefix)) return Corrupt("a removed topic's key is malformed");
  KALAM_ASSIGN(const uint32_t number, Hex(key.substr(kRemovedPrefix.size())));
  return TopicNumber(number);
}

std::string EncodeTopic(const Topic& topic) {
  json::array routes;
  for (const Route& route : topic.routes) routes.push_back(EncodeRoute(route));
  const json::object object{{"format", kFormat},
                            {"number", topic.number.value},
                            {"name", topic.name},
                            {"partitions", topic.partitions},
                            {"retention_seconds", topic.retention.seconds},
                            {"retention_bytes_max", topic.retention.bytes_max},
                            {"routes", std::move(routes)},
                            {"created_at_ms", topic.created_at_ms},
                            {"updated_at_ms", topic.updated_at_ms}};
  return json::serialize(object);
}

Result<Topic> DecodeTopic(std::string_view text) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return Corrupt("is not a JSON object");
  const json::object& object = value.get_object();
  KALAM_TRY(Integer(object, "format", kFormat, kFormat));
  Topic topic;
  KALAM_ASSIGN(const int64_t number, Integer(object, "number", 1, std::numeric_limits<uint32_t>::max()));
  KALAM_ASSIGN(const int64_t partitions, Integer(object, "partitions", 1, UINT16_MAX));
  topic.number = TopicNumber(static_cast<uint32_t>(number));
  topic.partitions = static_cast<uint32_t>(partitions);
  KALAM_ASSIGN(topic.name, Text(object, "name"));
  KALAM_ASSIGN(topic.retention.seconds, Integer(object, "retention_seconds", 0, kMax));
  KALAM_ASSIGN(topic.retention.bytes_max, Integer(object, "retention_bytes_max", 0, kMax));
  KALAM_ASSIGN(topic.created_at_ms, Integer(object, "created_at_ms", 0, kMax));
  KALAM_ASSIGN(topic.updated_at_ms, Integer(object, "updated_at_ms", 0, kMax));
  const json::value* routes = object.if_contains("routes");
  if (routes == nullptr || !routes->is_array()) return Corrupt("member routes is missing or no array");
  for (const json::value& one : routes->get_array()) {
    KALAM_ASSIGN(Route route, DecodeRoute(one));
    topic.routes.push_back(std::move(route));
  }
  return topic;
}

std::string EncodeNumber(TopicNumber number) { return std::to_string(number.value); }

Result<TopicNumber> DecodeNumber(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return Corrupt("the next number is malformed");
  }
  return TopicNumber(number);
}

std::string EncodeFloor(const Floor& floor) {
  std::string bytes;
  AppendLittle(floor.offset, bytes);
  AppendLittle(floor.position, bytes);
  return bytes;
}

Result<Floor> DecodeFloor(std::string_view bytes) {
  if (bytes.size() != 16) return Corrupt("a floor has the wrong size");
  return Floor{LittleAt<uint64_t>(bytes, 0), LittleAt<uint64_t>(bytes, 8)};
}

std::string EncodeGroupOffset(const GroupOffset& offset) {
  std::string bytes;
  AppendLittle(offset.acknowledged, bytes);
  AppendLittle(offset.updated_at_ms, bytes);
  return bytes;
}

Result<GroupOffset> DecodeGroupOffset(std::string_view bytes) {
  if (bytes.size() != 16) return Corrupt("a group's offset has the wrong size");
  return GroupOffset{LittleAt<uint64_t>(bytes, 0), LittleAt<int64_t>(bytes, 8)};
}

}  // namespace kalam::topics
