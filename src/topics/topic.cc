#include "topics/topic.h"

#include <boost/json.hpp>

namespace kalam::topics {

std::string_view OperationTitle(Operation operation) {
  switch (operation) {
    case Operation::kInsert:
      return "Insert";
    case Operation::kUpdate:
      return "Update";
    case Operation::kDelete:
      return "Delete";
  }
  return "Unknown";
}

std::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kInsert:
      return "insert";
    case Operation::kUpdate:
      return "update";
    case Operation::kDelete:
      return "delete";
  }
  return "unknown";
}

std::string_view PayloadModeName(PayloadMode mode) {
  switch (mode) {
    case PayloadMode::kKey:
      return "key";
    case PayloadMode::kFull:
      return "full";
    case PayloadMode::kDiff:
      return "diff";
  }
  return "unknown";
}

std::optional<Operation> ParseOperation(std::string_view lower_case) {
  for (const Operation operation : {Operation::kInsert, Operation::kUpdate, Operation::kDelete}) {
    if (OperationName(operation) == lower_case) return operation;
  }
  return std::nullopt;
}

std::optional<PayloadMode> ParsePayloadMode(std::string_view lower_case) {
  for (const PayloadMode mode : {PayloadMode::kKey, PayloadMode::kFull, PayloadMode::kDiff}) {
    if (PayloadModeName(mode) == lower_case) return mode;
  }
  return std::nullopt;
}

std::string RoutesJson(const Topic& topic) {
  boost::json::array routes;
  for (const Route& route : topic.routes) {
    boost::json::object one;
    one["table_id"] = route.ns + ":" + route.table;
    one["op"] = OperationTitle(route.operation);
    one["payload_mode"] = PayloadModeName(route.payload);
    one["filter_expr"] =
        route.filter.empty() ? boost::json::value(nullptr) : boost::json::value(route.filter);
    one["partition_key_expr"] = nullptr;
    routes.push_back(std::move(one));
  }
  return boost::json::serialize(routes);
}

}  // namespace kalam::topics
