// POST /v1/api/auth/refresh and /logout, GET /v1/api/auth/me
#include "front/client_ip.h"
#include "front/replies.h"
#include "front/routes/handlers.h"
#include "front/session_reply.h"

namespace kalam::front {
namespace {

HttpResponse Unauthorized(std::string_view message) { return AuthErrorReply(401, "unauthorized", message); }

std::unexpected<Error> Refused(std::string_view message) {
  return Fail(ErrorCode::kUnauthenticated, std::string(message));
}

// The refresh cookie wins over the header, the access cookie does not: browsers refresh by cookie, programs
// by header.
Result<std::string_view> RefreshTokenOf(const HttpRequest& request) {
  if (const auto cookie = CookieOf(request, kRefreshCookie)) return *cookie;
  const auto header = request.header("Authorization");
  if (!header) return Refused("No refresh token found");
  return BearerTokenOf(*header);
}

Result<std::string_view> AccessTokenOf(const HttpRequest& request) {
  if (const auto header = request.header("Authorization")) return BearerTokenOf(*header);
  const auto cookie = CookieOf(request, kAuthCookie);
  if (!cookie) return Refused("No auth token found");
  return *cookie;
}

// The user that good claims name, as it is now.
Result<auth::UserPtr> CurrentUser(const auth::Claims& claims, const RouteContext& context) {
  const auth::UserPtr user = context.services.tokens.UserOf(claims);
  if (user == nullptr) return Refused("User no longer valid");
  if (claims.role && *claims.role != RoleName(user->role))
    return Refused("Token role does not match user role");
  return user;
}

Result<auth::UserPtr> RefreshingUser(const HttpRequest& request, const RouteContext& context) {
  KALAM_ASSIGN(const std::string_view token, RefreshTokenOf(request));
  const auto claims = context.services.tokens.Verify(token);
  if (!claims) return Refused("Invalid credentials");
  if (claims->token_type != "refresh") return Refused("Refresh endpoint requires a refresh token");
  return CurrentUser(*claims, context);
}

Result<auth::UserPtr> AccessingUser(const HttpRequest& request, const RouteContext& context) {
  KALAM_ASSIGN(const std::string_view token, AccessTokenOf(request));
  const auto claims = context.services.tokens.Verify(token);
  if (!claims) return Refused("Invalid credentials");
  if (!claims->token_type) return Refused("Token is missing required claims");
  const auto user = CurrentUser(*claims, context);
  if (*claims->token_type != "access" || !user) return Refused("Invalid credentials");
  return *user;
}

}  // namespace

void HandleRefresh(HttpRequest& request, RouteContext& context, Respond respond) {
  if (!context.auth_limit.Take(LimitKey(request.client_ip()), request.received_at_nanos())) {
    return respond(
        AuthErrorReply(429, "rate_limited", "Too many authentication attempts. Please retry shortly."));
  }
  const auto user = RefreshingUser(request, context);
  respond(user ? SessionReply(**user, context, request.is_https()) : Unauthorized(user.error().message));
}

void HandleLogout(HttpRequest& request, RouteContext& context, Respond respond) {
  HttpResponse response = JsonReply(R"({"message":"Logged out successfully"})");
  AppendExpiredCookies(context, request.is_https(), response);
  respond(std::move(response));
}

void HandleMe(HttpRequest& request, RouteContext& context, Respond respond) {
  const auto user = AccessingUser(request, context);
  if (!user) return respond(Unauthorized(user.error().message));
  std::string body = R"({"user":)";
  AppendUserJson(**user, body);
  body += MayUseAdminUi(**user) ? R"(,"admin_ui_access":true})" : R"(,"admin_ui_access":false})";
  respond(JsonReply(std::move(body)));
}

}  // namespace kalam::front
