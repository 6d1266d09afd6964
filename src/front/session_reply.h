// What the auth routes share: the answer of a login, its cookies, and where tokens stand in a request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/tokens.h"
#include "auth/users.h"
#include "base/error.h"
#include "front/http.h"
#include "front/route.h"

namespace kalam::front {

inline constexpr std::string_view kAuthCookie = "kalamdb_auth";
inline constexpr std::string_view kRefreshCookie = "kalamdb_refresh";

// {"id":..,"role":..,"email":..,"created_at":..,"updated_at":..}
void AppendUserJson(const auth::User& user, std::string& out);
bool MayUseAdminUi(const auth::User& user);

// 200 with a new pair of tokens, in the body and as cookies.
HttpResponse SessionReply(const auth::User& user, const RouteContext& context, bool is_https);

// Replaces both cookies by empty ones that have expired.
void AppendExpiredCookies(const RouteContext& context, bool is_https, HttpResponse& response);

// The value of a cookie, or nullopt when absent or empty.
std::optional<std::string_view> CookieOf(const HttpRequest& request, std::string_view name);
// The token of an Authorization header, or the text of the 401 ("Bearer token missing").
Result<std::string_view> BearerTokenOf(std::string_view authorization);

// The 400 (family F) of a body that does not say it is JSON, or nullopt.
std::optional<HttpResponse> RefuseNonJson(const HttpRequest& request);

}  // namespace kalam::front
