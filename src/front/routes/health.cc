// GET /health, /v1/api/healthcheck and /v1/api/cluster/health, for clients on this host only.
#include "front/client_ip.h"
#include "front/replies.h"
#include "front/routes/handlers.h"
#include "wire/json_text.h"

namespace kalam::front {
namespace {

// `{"status":"healthy","version":..` without the closing brace.
std::string StatusAndVersion(const FrontServices& services) {
  std::string body = R"({"status":"healthy","version":)";
  wire::AppendJsonString(services.version, body);
  return body;
}

std::string UptimeText(int64_t seconds) {
  std::string text;
  if (seconds >= 86'400) text += std::to_string(seconds / 86'400) + "d ";
  if (seconds >= 3'600) text += std::to_string(seconds / 3'600 % 24) + "h ";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m ";
  return text + std::to_string(seconds % 60) + "s";
}

// This server as the only node of its cluster.
void AppendSelfNode(const RouteContext& context, std::string& body) {
  const auto& server = context.services.settings.server;
  const int64_t uptime = (context.services.clock.MonotonicNanos() - context.started_at_nanos) / 1'000'000'000;
  body += R"({"node_id":1,"role":"leader","status":"active","api_addr":)";
  wire::AppendJsonString(server.host + ":" + std::to_string(server.port), body);
  body +=
      R"(,"is_self":true,"is_leader":true,"replication_lag":null,"catchup_progress_pct":null,"hostname":null)";
  body += R"(,"memory_usage_mb":null,"cpu_usage_percent":null,"uptime_seconds":)";
  wire::AppendInteger(uptime, body);
  body += R"(,"uptime_human":)";
  wire::AppendJsonString(UptimeText(uptime), body);
  body.push_back('}');
}

}  // namespace

void HandleHealth(HttpRequest& request, RouteContext& context, Respond respond) {
  if (!IsLocalhost(request.client_ip())) {
    return respond(PlainErrorReply(403, "Access denied. Health endpoint is localhost-only."));
  }
  std::string body = StatusAndVersion(context.services);
  body += R"(,"api_version":"v1","build_date":)";
  wire::AppendJsonString(context.services.build_date, body);
  body.push_back('}');
  respond(JsonReply(std::move(body)));
}

void HandleClusterHealth(HttpRequest& request, RouteContext& context, Respond respond) {
  if (!IsLocalhost(request.client_ip())) {
    return respond(PlainErrorReply(403, "Access denied. Cluster health is localhost-only."));
  }
  std::string body = StatusAndVersion(context.services);
  body += R"(,"build_date":)";
  wire::AppendJsonString(context.services.build_date, body);
  body +=
      R"(,"is_cluster_mode":false,"cluster_id":"","node_id":1,"is_leader":true,"total_groups":1,"groups_leading":1)";
  body += R"(,"current_term":0,"last_applied":null,"millis_since_quorum_ack":null,"nodes":[)";
  AppendSelfNode(context, body);
  body += "]}";
  respond(JsonReply(std::move(body)));
}

}  // namespace kalam::front
