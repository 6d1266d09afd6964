#include "front/session_reply.h"

#include <algorithm>

#include "front/replies.h"
#include "front/sql_call.h"
#include "wire/json_text.h"
#include "wire/time_text.h"

namespace kalam::front {
namespace {

void AppendMoment(std::string_view name, int64_t micros, int digits, std::string& out) {
  out.push_back(',');
  wire::AppendJsonKey(name, out);
  out.push_back('"');
  wire::AppendRfc3339(micros, digits, "+00:00", out);
  out.push_back('"');
}

void AppendText(std::string_view name, std::string_view text, std::string& out) {
  out.push_back(',');
  wire::AppendJsonKey(name, out);
  wire::AppendJsonString(text, out);
}

std::string CookieText(std::string_view name, std::string_view value, int64_t expires_seconds, bool secure) {
  std::string cookie(name);
  cookie.append("=").append(value).append("; HttpOnly; SameSite=Strict; Path=/; Expires=");
  cookie += wire::HttpDate(expires_seconds);
  if (secure) cookie += "; Secure";
  return cookie;
}

// Over plain HTTP a browser would drop a Secure cookie.
bool SecureCookies(const RouteContext& context, bool is_https) {
  return context.services.settings.auth.cookie_secure && is_https;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

void AppendUserJson(const auth::User& user, std::string& out) {
  out += R"({"id":)";
  wire::AppendJsonString(user.user_id, out);
  AppendText("role", RoleName(user.role), out);
  if (user.email) {
    AppendText("email", *user.email, out);
  } else {
    out += R"(,"email":null)";
  }
  AppendMoment("created_at", user.created_at_ms * 1000, 3, out);
  AppendMoment("updated_at", user.updated_at_ms * 1000, 3, out);
  out.push_back('}');
}

bool MayUseAdminUi(const auth::User& user) { return user.role >= Role::kDba; }

HttpResponse SessionReply(const auth::User& user, const RouteContext& context, bool is_https) {
  const auth::IssuedToken access = context.services.tokens.Issue(user, auth::TokenType::kAccess);
  const auth::IssuedToken refresh = context.services.tokens.Issue(user, auth::TokenType::kRefresh);
  HttpResponse response;
  std::string& body = response.body;
  body = R"({"user":)";
  AppendUserJson(user, body);
  body += MayUseAdminUi(user) ? R"(,"admin_ui_access":true)" : R"(,"admin_ui_access":false)";
  AppendMoment("expires_at", access.expires_at_micros, 6, body);
  AppendText("access_token", access.token, body);
  AppendText("refresh_token", refresh.token, body);
  AppendMoment("refresh_expires_at", refresh.expires_at_micros, 6, body);
  body.push_back('}');
  const bool secure = SecureCookies(context, is_https);
  response.headers.emplace_back(
      "Set-Cookie", CookieText(kAuthCookie, access.token, access.expires_at_micros / 1'000'000, secure));
  response.headers.emplace_back(
      "Set-Cookie", CookieText(kRefreshCookie, refresh.token, refresh.expires_at_micros / 1'000'000, secure));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void AppendExpiredCookies(const RouteContext& context, bool is_https, HttpResponse& response) {
  const bool secure = SecureCookies(context, is_https);
  response.headers.emplace_back("Set-Cookie", CookieText(kAuthCookie, "", 0, secure));
  response.headers.emplace_back("Set-Cookie", CookieText(kRefreshCookie, "", 0, secure));
}

std::optional<std::string_view> CookieOf(const HttpRequest& request, std::string_view name) {
  std::string_view cookies = request.header("Cookie").value_or("");
  while (!cookies.empty()) {
    const size_t end = cookies.find(';');
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(end == std::string_view::npos ? cookies.size() : end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() + 1 && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

Result<std::string_view> BearerTokenOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer";
  const bool bearer = authorization.size() >= kScheme.size() &&
                      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                                 [](char a, char b) { return a == Lower(b); });
  if (!bearer) return Fail(ErrorCode::kUnauthenticated, "Authorization header must use Bearer token");
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  if (authorization.empty()) return Fail(ErrorCode::kUnauthenticated, "Bearer token missing");
  return authorization;
}

std::optional<HttpResponse> RefuseNonJson(const HttpRequest& request) {
  if (!IsJsonContentType(request.header("Content-Type").value_or(""))) {
    return TextReply(400, "Content type error: application/json expected");
  }
  return std::nullopt;
}

}  // namespace kalam::front
