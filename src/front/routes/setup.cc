// POST /v1/api/auth/setup and GET /v1/api/auth/status: the first start, while root has no password.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/audit_log.h"
#include "auth/passwords.h"
#include "auth/users.h"
#include "front/client_ip.h"
#include "front/replies.h"
#include "front/routes/handlers.h"
#include "front/session_reply.h"
#include "front/sql_call.h"
#include "wire/auth_request.h"

namespace kalam::front {
namespace {

constexpr std::string_view kRoot = "root";
constexpr std::string_view kTooMany = "Too many setup attempts. Please retry shortly.";

bool MaySetUp(const HttpRequest& request, const RouteContext& context) {
  return context.services.settings.auth.allow_remote_setup || IsLocalhost(request.client_ip());
}

std::optional<HttpResponse> RefuseWeak(std::string_view whose, std::string_view password) {
  const auto weakness = auth::PasswordWeakness(password, false);
  if (!weakness) return std::nullopt;
  return AuthErrorReply(400, "weak_password", std::string(whose) + ": Weak password: " + *weakness);
}

// In the order that clients of the protocol see.
std::optional<HttpResponse> RefuseSetup(const wire::SetupRequest& setup, const RouteContext& context) {
  const auth::Users& users = context.services.users;
  const auth::UserPtr root = users.Find(kRoot);
  if (root == nullptr) return AuthErrorReply(500, "internal_error", "Root user cannot be read");
  if (!root->password_hash.empty()) {
    return AuthErrorReply(409, "already_configured",
                          "Server has already been configured. Root password is set.");
  }
  if (auto weak = RefuseWeak("DBA user password", setup.password)) return weak;
  if (auto weak = RefuseWeak("Root password", setup.root_password)) return weak;
  if (!auth::ValidateUserId(setup.user)) return AuthErrorReply(400, "invalid_user", "Invalid user value");
  if (setup.user == kRoot) {
    return AuthErrorReply(
        400, "invalid_user",
        "Cannot create a DBA user with user 'root'. Choose another name; root gets root_password.");
  }
  if (users.Find(setup.user) != nullptr) {
    return AuthErrorReply(409, "user_exists", "User '" + setup.user + "' already exists");
  }
  return std::nullopt;
}

auth::User DbaUser(const wire::SetupRequest& setup, std::string password_hash, int64_t now_ms) {
  auth::User user;
  user.user_id = setup.user;
  user.password_hash = std::move(password_hash);
  user.role = Role::kDba;
  user.email = setup.email;
  user.storage_id = "local";
  user.created_at_ms = now_ms;
  user.updated_at_ms = now_ms;
  return user;
}

// Sets root's password if it has none yet. False when somebody else was faster.
Result<bool> ClaimRoot(auth::Users& users, const std::string& password_hash, std::vector<hot::MetaOp> audit) {
  const auto root = users.Find(kRoot);
  if (root != nullptr && !root->password_hash.empty()) return false;
  bool claimed = false;
  const auto change = [&](auth::User& next) -> Status {
    if (!next.password_hash.empty()) return {};
    next.password_hash = password_hash;
    next.auth_data.reset();
    claimed = true;
    return {};
  };
  KALAM_TRY(users.Update(kRoot, change, std::move(audit)));
  return claimed;
}

struct SetupCall {
  RouteContext& context;
  wire::SetupRequest setup;
  auth::AuditSource source;
  Respond respond;

  void Run() { respond(SetUp()); }

  HttpResponse SetUp() {
    const FrontServices& services = context.services;
    const auto cost = static_cast<int>(services.settings.auth.bcrypt_cost);
    auto root_hash = auth::HashPassword(setup.root_password, cost, services.random);
    auto user_hash = auth::HashPassword(setup.password, cost, services.random);
    if (!root_hash || !user_hash) return AuthErrorReply(500, "internal_error", "Failed to hash password");
    const auto claimed =
        ClaimRoot(services.users, *root_hash,
                  AuditOf("ALTER_USER", std::string(kRoot), "SetPassword([REDACTED]) (server setup)"));
    if (!claimed) return AuthErrorReply(500, "internal_error", "Failed to store the root password");
    if (!*claimed) return Done("Server setup was already completed by another request. Please log in.");
    const Status created =
        services.users.Create(DbaUser(setup, std::move(*user_hash), services.clock.WallMillis()),
                              AuditOf("CREATE_USER", setup.user, "Role: Dba (server setup)"));
    if (!created)
      return AuthErrorReply(500, "internal_error", "Root password is set, but the DBA user was not created");
    return Done("Server setup complete. Please log in with the new user.");
  }

  // Nobody is logged in yet: whoever sets the server up acts as root.
  std::vector<hot::MetaOp> AuditOf(std::string action, std::string target, std::string details) const {
    std::vector<hot::MetaOp> ops;
    auth::AuditEntry entry;
    entry.actor_user_id = kRoot;
    entry.action = std::move(action);
    entry.target = std::move(target);
    entry.details = std::move(details);
    entry.source = source;
    context.services.audit.Add(std::move(entry), ops);
    return ops;
  }

  HttpResponse Done(std::string_view message) {
    const auth::UserPtr user = context.services.users.Find(setup.user);
    return DoneReply(user, message);
  }
  static HttpResponse DoneReply(const auth::UserPtr& user, std::string_view message);
};

HttpResponse SetupCall::DoneReply(const auth::UserPtr& user, std::string_view message) {
  std::string body = R"({"user":)";
  if (user != nullptr) {
    AppendUserJson(*user, body);
  } else {
    body += "null";
  }
  body += R"(,"message":")";
  body += message;
  body += R"("})";
  return JsonReply(std::move(body));
}

}  // namespace

void HandleSetup(HttpRequest& request, RouteContext& context, Respond respond) {
  if (auto refusal = RefuseNonJson(request)) return respond(std::move(*refusal));
  auto setup = wire::ParseSetupRequest(request.body());
  if (!setup) return respond(TextReply(400, setup.error().message));
  if (!context.auth_limit.Take(LimitKey(request.client_ip()), request.received_at_nanos())) {
    return respond(AuthErrorReply(429, "rate_limited", kTooMany));
  }
  if (!MaySetUp(request, context)) {
    return respond(AuthErrorReply(403, "forbidden", "Server setup can only be performed from localhost"));
  }
  if (auto refusal = RefuseSetup(*setup, context)) return respond(std::move(*refusal));
  auto call = std::make_shared<SetupCall>(
      SetupCall{context,
                std::move(*setup),
                {std::string(request.client_ip()), RequestIdOf(request, context.services.random)},
                std::move(respond)});
  if (!context.services.hashing.Post([call] { call->Run(); })) {
    call->respond(AuthErrorReply(429, "rate_limited", kTooMany));
  }
}

void HandleSetupStatus(HttpRequest& request, RouteContext& context, Respond respond) {
  if (!MaySetUp(request, context)) {
    return respond(AuthErrorReply(403, "forbidden", "Setup status can only be checked from localhost"));
  }
  const auth::UserPtr root = context.services.users.Find(kRoot);
  if (root == nullptr) return respond(AuthErrorReply(500, "internal_error", "Root user cannot be read"));
  const bool needed = root->password_hash.empty();
  respond(JsonReply(
      needed
          ? R"({"needs_setup":true,"message":"Server requires initial setup. Root password is not configured."})"
          : R"({"needs_setup":false,"message":"Server is configured and ready."})"));
}

}  // namespace kalam::front
