// The functions behind the route table, by file.
#pragma once

#include <optional>

#include "front/route.h"

namespace kalam::front {

// sql.cc
std::optional<HttpResponse> AdmitSql(HttpRequest& request, RouteContext& context);
void HandleSql(HttpRequest& request, RouteContext& context, Respond respond);

// null.cc: the floor for benchmarks; 404 unless server.enable_null_route.
std::optional<HttpResponse> AdmitNull(HttpRequest& request, RouteContext& context);
void HandleNull(HttpRequest& request, RouteContext& context, Respond respond);

// topics.cc
std::optional<HttpResponse> AdmitTopicCaller(HttpRequest& request, RouteContext& context);
void HandleTopicConsume(HttpRequest& request, RouteContext& context, Respond respond);
void HandleTopicAck(HttpRequest& request, RouteContext& context, Respond respond);

// exports.cc
std::optional<HttpResponse> AdmitExport(HttpRequest& request, RouteContext& context);
void HandleExport(HttpRequest& request, RouteContext& context, Respond respond);

// health.cc
void HandleHealth(HttpRequest& request, RouteContext& context, Respond respond);
void HandleClusterHealth(HttpRequest& request, RouteContext& context, Respond respond);

// metrics.cc
void HandleMetrics(HttpRequest& request, RouteContext& context, Respond respond);

// login.cc
void HandleLogin(HttpRequest& request, RouteContext& context, Respond respond);

// session.cc
void HandleRefresh(HttpRequest& request, RouteContext& context, Respond respond);
void HandleLogout(HttpRequest& request, RouteContext& context, Respond respond);
void HandleMe(HttpRequest& request, RouteContext& context, Respond respond);

// setup.cc
void HandleSetup(HttpRequest& request, RouteContext& context, Respond respond);
void HandleSetupStatus(HttpRequest& request, RouteContext& context, Respond respond);

}  // namespace kalam::front
