#include <array>

#include "base/limits.h"
#include "front/route.h"
#include "front/routes/handlers.h"
#include "front/sql_call.h"

namespace kalam::front {
namespace {

constexpr Methods kGet = {Method::kGet, Method::kHead};
constexpr Methods kPost = {Method::kPost};
constexpr std::string_view kAllowGet = "GET, HEAD";
constexpr std::string_view kAllowPost = "POST";
constexpr uint64_t kSqlBody = limits::kJsonBodyBytesMax;
constexpr uint64_t kAuthBody = 2 << 20;  // from strangers
constexpr uint64_t kTopicBody = 2 << 20;
constexpr uint64_t kNoBody = 64 << 10;  // some clients send one nevertheless

// The whole HTTP surface. The busiest first: the list is searched from its start.
constexpr auto kRoutes = std::to_array<Route>({
    {"/v1/api/sql", kPost, "", kSqlBody, &AdmitSql, &HandleSql},
    {"/v1/api/null", kPost, "", kSqlBody, &AdmitNull, &HandleNull},
    {"/v1/api/topics/consume", kPost, "", kTopicBody, &AdmitTopicCaller, &HandleTopicConsume},
    {"/v1/api/topics/ack", kPost, "", kTopicBody, &AdmitTopicCaller, &HandleTopicAck},
    {"/health", kGet, kAllowGet, kNoBody, nullptr, &HandleHealth},
    {"/v1/api/healthcheck", kGet, kAllowGet, kNoBody, nullptr, &HandleHealth},
    {"/v1/api/cluster/health", kGet, kAllowGet, kNoBody, nullptr, &HandleClusterHealth},
    {"/metrics", kGet, kAllowGet, kNoBody, nullptr, &HandleMetrics},
    {"/v1/api/auth/login", kPost, kAllowPost, kAuthBody, nullptr, &HandleLogin},
    {"/v1/api/auth/refresh", kPost, kAllowPost, kAuthBody, nullptr, &HandleRefresh},
    {"/v1/api/auth/logout", kPost, kAllowPost, kAuthBody, nullptr, &HandleLogout},
    {"/v1/api/auth/me", kGet, kAllowGet, kNoBody, nullptr, &HandleMe},
    {"/v1/api/auth/setup", kPost, kAllowPost, kAuthBody, nullptr, &HandleSetup},
    {"/v1/api/auth/status", kGet, kAllowGet, kNoBody, nullptr, &HandleSetupStatus},
    {"/v1/exports/*", {Method::kGet}, "", kNoBody, &AdmitExport, &HandleExport},
    {"/v1/ws", {Method::kGet}, "GET", kNoBody, nullptr, nullptr, true},
});

// "/a/*" stands for everything below /a/.
bool Covers(std::string_view route, std::string_view path) {
  if (!route.ends_with('*')) return route == path;
  route.remove_suffix(1);
  return path.starts_with(route) && path.size() > route.size();
}

}  // namespace

RouteContext::RouteContext(const FrontServices& front_services)
    : services(front_services),
      auth_limit(services.settings.rate_limit.max_auth_requests_per_ip_per_sec, services.settings.rate_limit),
      user_limit(services.settings.rate_limit.max_queries_per_sec, services.settings.rate_limit),
      sql_calls(std::make_unique<SqlCalls>(*this)),
      started_at_nanos(services.clock.MonotonicNanos()) {}
RouteContext::~RouteContext() = default;

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(std::string_view path, Method method) {
  for (const Route& route : kRoutes) {
    if (!Covers(route.path, path)) continue;
    if (route.methods.Has(method)) return {&route, std::nullopt};
    if (route.allow.empty()) break;
    HttpResponse refusal;
    refusal.status = 405;
    refusal.headers.emplace_back("Allow", route.allow);
    return {nullptr, std::move(refusal)};
  }
  HttpResponse refusal;
  refusal.status = 404;
  return {nullptr, std::move(refusal)};
}

}  // namespace kalam::front
