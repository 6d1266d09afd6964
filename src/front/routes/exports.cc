// GET /v1/exports/{user_id}/{export_id}: the zip file of an export, for its owner and administrators.
#include <fstream>
#include <sstream>
#include <utility>

#include "auth/users.h"
#include "front/replies.h"
#include "front/routes/handlers.h"
#include "front/sql_call.h"
#include "sql/executor.h"

namespace kalam::front {
namespace {

constexpr std::string_view kPrefix = "/v1/exports/";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// export-20260501-090000
bool IsExportId(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

HttpResponse Refusal(const HttpRequest& request, RouteContext& context, int status, std::string_view code,
                     std::string_view message) {
  const std::string request_id = RequestIdOf(request, context.services.random);
  return SqlErrorReply(status, code, message, {request_id, 0.0, context.services.clock.WallMicros(), false});
}

HttpResponse NotFoundReply() {
  HttpResponse response = JsonReply(R"({"error":"Export not found","code":"EXPORT_NOT_FOUND"})");
  response.status = 404;
  return response;
}

HttpResponse FileReply(const std::string& file, std::string_view export_id, uint64_t bytes_max) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return NotFoundReply();
  const auto size = static_cast<uint64_t>(in.tellg());
  if (size > bytes_max) {
    HttpResponse response = JsonReply(
        R"({"error":"The export is larger than limits.max_response_bytes. An administrator can raise )"
        R"(the limit or hand over the file.","code":"EXPORT_TOO_LARGE"})");
    response.status = 413;
    return response;
  }
  HttpResponse response;
  response.content_type = "application/zip";
  response.body.resize(size);
  in.seekg(0);
  if (!in.read(response.body.data(), static_cast<std::streamsize>(size))) {
    response = JsonReply(R"({"error":"The export cannot be read","code":"INTERNAL_ERROR"})");
    response.status = 500;
    return response;
  }
  response.headers.emplace_back("Content-Disposition",
                                "attachment; filename=\"" + std::string(export_id) + ".zip\"");
  return response;
}

}  // namespace

std::optional<HttpResponse> AdmitExport(HttpRequest& request, RouteContext& context) {
  return AdmitBearer(request, context);
}

void HandleExport(HttpRequest& request, RouteContext& context, Respond respond) {
  const std::string_view rest = request.path().substr(kPrefix.size());
  const size_t slash = rest.find('/');
  const auto user_id = PercentDecode(rest.substr(0, slash));
  const std::string export_id(slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1));
  if (!user_id || !auth::ValidateUserId(*user_id) || !IsExportId(export_id))
    return respond(Refusal(request, context, 400, "INVALID_INPUT", "Invalid export path"));
  const Principal& caller = *request.principal();
  if (caller.user_id != *user_id && !caller.is_admin())
    return respond(
        Refusal(request, context, 403, "PERMISSION_DENIED", "You can only download your own exports"));
  const config::Settings& settings = context.services.settings;
  // Reading the file takes its time, so it is a worker's business. The answer goes to whoever still waits.
  auto shared = std::make_shared<Respond>(std::move(respond));
  const bool posted = context.services.executor.Post(
      [shared, export_id,
       file = settings.storage.data_path + "/exports/" + *user_id + "/" + export_id + ".zip",
       bytes_max = static_cast<uint64_t>(settings.limits.max_response_bytes)] {
        (*shared)(FileReply(file, export_id, bytes_max));
      });
  if (!posted) {
    (*shared)(Refusal(request, context, 503, "SERVICE_UNAVAILABLE",
                      "The server is busy: too many statements wait already. Try again later"));
  }
}

}  // namespace kalam::front
