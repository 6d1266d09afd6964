// SUBSCRIBE TO: opens nothing. It checks that the query can be subscribed to and tells where and with what to
// do so.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "base/random.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// The query with its table's namespace written out: a subscription has no default namespace to go by.
std::string Qualified(const Subscribe& subscribe, const std::string& ns) {
  std::string query = subscribe.query;
  query.replace(subscribe.table_offset, subscribe.table_size,
                fmt::format("\"{}\".\"{}\"", ns, subscribe.table.table));
  return query;
}

// Where browsers reach the server: the configured origin, else the host that this request was sent to.
std::string WebSocketUrl(const Request& request, const Services& services) {
  std::string origin = services.settings.server.public_origin;
  while (origin.ends_with('/')) origin.pop_back();
  if (origin.starts_with("https://")) return "wss://" + origin.substr(8) + "/v1/ws";
  if (origin.starts_with("http://")) return "ws://" + origin.substr(7) + "/v1/ws";
  if (!request.payload.host.empty()) return "ws://" + request.payload.host + "/v1/ws";
  return fmt::format("ws://{}:{}/v1/ws", services.settings.server.host, services.settings.server.port);
}

std::string OptionsJson(const Subscribe& subscribe, std::string_view id, std::string_view query) {
  boost::json::object options;
  if (subscribe.last_rows) options["last_rows"] = *subscribe.last_rows;
  if (subscribe.batch_size) options["batch_size"] = *subscribe.batch_size;
  if (subscribe.from) options["from"] = *subscribe.from;
  boost::json::object subscription;
  subscription["id"] = id;
  subscription["sql"] = query;
  if (!options.empty()) subscription["options"] = std::move(options);
  return boost::json::serialize(subscription);
}

// Names and rights; the shape was checked when the statement was read.
Status CheckQuery(const std::string& query, const Request& request, Services& services) {
  KALAM_ASSIGN(const auto parsed, services.engine.Parse(query));
  for (const engine::TableName& name : parsed->tables()) {
    KALAM_TRY(catalog::RefuseView(*services.catalog.Snapshot(),
                                  name.ns.empty() ? request.name_space : name.ns, name.table,
                                  "subscribe to the table that it reads"));
  }
  KALAM_ASSIGN(const PlanPtr plan, MakePlan(parsed, *services.catalog.Snapshot(), services.catalog.version(),
                                            request.name_space, {}));
  if (plan->tables.size() != 1) {
    return Fail(
        ErrorCode::kInvalidSql,
        "Invalid subscription query: Invalid SQL: Subscription query requires exactly one table in the FROM "
        "clause.");
  }
  if (plan->tables[0].system != nullptr) {
    return Fail(
        ErrorCode::kInvalidOperation,
        "Invalid operation: Subscriptions are for user, shared and stream tables, not for system tables");
  }
  return AuthorizePlan(*plan, *request.principal, false);
}

}  // namespace

Result<Outcome> RunSubscribe(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 4> kColumns = {{{"status", Type(TypeKind::kText), false, true},
                                                        {"ws_url", Type(TypeKind::kText), false, true},
                                                        {"subscription", Type(TypeKind::kJson), false, true},
                                                        {"message", Type(TypeKind::kText), false, true}}};
  const auto& subscribe = std::get<Subscribe>(statement.body);
  const std::string ns = subscribe.table.ns.empty() ? request.name_space : subscribe.table.ns;
  const std::string query = Qualified(subscribe, ns);
  KALAM_TRY(CheckQuery(query, request, services));

  std::string unique = UuidV4(services.random);
  std::erase(unique, '-');
  const std::string id = fmt::format("sub-{}-{}-{}", ns, subscribe.table.table, unique);
  const std::string url = WebSocketUrl(request, services);
  const std::string subscription = OptionsJson(subscribe, id, query);
  const std::array<Value, 4> row = {
      Value::Text("active"), Value::Text(url), Value::Bytes(TypeKind::kJson, subscription),
      Value::Text("WebSocket subscription created. Connect to ws_url to receive updates.")};
  request.response.Begin(kColumns);
  KALAM_TRY(request.response.Row(row));
  return Outcome{OutcomeKind::kRows, 1, {}};
}

}  // namespace kalam::sql
