// GET /metrics: the Prometheus text format, for this host and for administrators.
#include "observe/metrics.h"
#include "auth/tokens.h"
#include "front/client_ip.h"
#include "front/replies.h"
#include "front/routes/handlers.h"

namespace kalam::front {

void HandleMetrics(HttpRequest& request, RouteContext& context, Respond respond) {
  if (!IsLocalhost(request.client_ip())) {
    const auto principal = context.services.tokens.Authenticate(request.header("Authorization"));
    if (!principal || !(*principal)->is_admin()) {
      return respond(
          PlainErrorReply(principal ? 403 : 401,
                          "Access denied. Metrics are for local clients and for the roles dba and system."));
    }
  }
  HttpResponse response;
  response.body = context.services.metrics.Render();
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  respond(std::move(response));
}

}  // namespace kalam::front
