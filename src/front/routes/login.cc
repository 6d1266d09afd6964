// POST /v1/api/auth/login
#include <memory>

#include "auth/login.h"
#include "auth/passwords.h"
#include "front/client_ip.h"
#include "front/replies.h"
#include "front/routes/handlers.h"
#include "front/session_reply.h"
#include "front/sql_call.h"
#include "wire/auth_request.h"

namespace kalam::front {
namespace {

constexpr std::string_view kTooMany = "Too many authentication attempts. Please retry shortly.";

HttpResponse FailureReply(const auth::LoginError& error) {
  switch (error.failure) {
    case auth::LoginFailure::kInvalidCredentials:
      return AuthErrorReply(401, "unauthorized", "Invalid credentials");
    case auth::LoginFailure::kLocked:
      return AuthErrorReply(401, "account_locked", std::to_string(error.locked_minutes) + " minute(s)");
    case auth::LoginFailure::kSetupRequired:
      return AuthErrorReply(428, "setup_required",
                            "Server requires initial setup. Root password is not configured.");
    case auth::LoginFailure::kRemoteRootWithoutPassword:
      return AuthErrorReply(
          403, "forbidden",
          "Remote access of a system user without a password is not allowed. Set a root password: "
          "POST /v1/api/auth/setup from this host, or start the server with KALAMDB_ROOT_PASSWORD.");
    case auth::LoginFailure::kInternal:
      break;
  }
  return AuthErrorReply(500, "internal_error", "Authentication failed");
}

struct LoginCall {
  RouteContext& context;
  wire::LoginRequest login;
  bool from_loopback;
  bool is_https;
  auth::AuditSource source;
  Respond respond;

  void Run() {
    const auto user = context.services.login.CheckPassword(login.user, login.password, from_loopback, source);
    respond(user ? SessionReply(**user, context, is_https) : FailureReply(user.error()));
  }
};

}  // namespace

void HandleLogin(HttpRequest& request, RouteContext& context, Respond respond) {
  if (auto refusal = RefuseNonJson(request)) return respond(std::move(*refusal));
  auto login = wire::ParseLoginRequest(request.body());
  if (!login) return respond(TextReply(400, login.error().message));
  if (!context.auth_limit.Take(LimitKey(request.client_ip()), request.received_at_nanos())) {
    return respond(AuthErrorReply(429, "rate_limited", kTooMany));
  }
  auto call = std::make_shared<LoginCall>(
      LoginCall{context,
                std::move(*login),
                IsLocalhost(request.client_ip()),
                request.is_https(),
                {std::string(request.client_ip()), RequestIdOf(request, context.services.random)},
                std::move(respond)});
  if (!context.services.hashing.Post([call] { call->Run(); })) {
    call->respond(AuthErrorReply(429, "rate_limited", kTooMany));
  }
}

}  // namespace kalam::front
