#include "front/cors.h"

#include <algorithm>

namespace kalam::front {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool HasStar(const std::vector<std::string>& words) { return std::ranges::find(words, "*") != words.end(); }

}  // namespace

Cors::Cors(const config::Settings::Security::Cors& settings)
    : origins_(settings.allowed_origins),
      methods_(settings.allowed_methods),
      headers_(settings.allowed_headers),
      any_origin_(settings.allowed_origins.empty() || HasStar(settings.allowed_origins)),
      any_header_(HasStar(settings.allowed_headers)),
      credentials_(settings.allow_credentials),
      methods_text_(Joined(settings.allowed_methods)),
      headers_text_(Joined(settings.allowed_headers)),
      expose_text_(Joined(settings.expose_headers)),
      max_age_text_(std::to_string(settings.max_age)) {}

bool Cors::AllowsOrigin(std::string_view origin) const {
  return any_origin_ || std::ranges::find(origins_, origin) != origins_.end();
}

bool Cors::AllowsHeaders(std::string_view requested) const {
  if (any_header_) return true;
  while (!requested.empty()) {
    const size_t comma = requested.find(',');
    const std::string_view name = Trimmed(requested.substr(0, comma));
    const auto same = [&](const std::string& allowed) { return EqualsIgnoringCase(allowed, name); };
    if (!name.empty() && std::ranges::none_of(headers_, same)) return false;
    if (comma == std::string_view::npos) break;
    requested.remove_prefix(comma + 1);
  }
  return true;
}

void Cors::AppendHeaders(std::string_view origin, std::string& out) const {
  if (!AllowsOrigin(origin)) return;
  // The origin itself, never "*": the answer may depend on credentials.
  out.append("Access-Control-Allow-Origin: ").append(origin);
  out += "\r\nVary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
  if (credentials_) out += "Access-Control-Allow-Credentials: true\r\n";
  if (!expose_text_.empty())
    out.append("Access-Control-Expose-Headers: ").append(expose_text_).append("\r\n");
}

bool Cors::IsPreflight(const HttpRequest& request) {
  return request.method() == Method::kOptions && request.header("Origin") &&
         request.header("Access-Control-Request-Method");
}

HttpResponse Cors::Preflight(const HttpRequest& request) const {
  HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.status = 400;
  if (!AllowsOrigin(*request.header("Origin"))) {
    response.body = "Origin is not allowed to make this request";
    return response;
  }
  const std::string_view method = Trimmed(*request.header("Access-Control-Request-Method"));
  if (std::ranges::find(methods_, method) == methods_.end() && !HasStar(methods_)) {
    response.body = "Requested method is not allowed";
    return response;
  }
  const std::string_view requested = request.header("Access-Control-Request-Headers").value_or("");
  if (!AllowsHeaders(requested)) {
    response.body = "One or more request headers are not allowed";
    return response;
  }
  response.status = 200;
  response.headers.emplace_back("Access-Control-Allow-Methods", methods_text_);
  const std::string headers = any_header_ ? std::string(requested) : headers_text_;
  if (!headers.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", headers);
  response.headers.emplace_back("Access-Control-Max-Age", max_age_text_);
  return response;
}

}  // namespace kalam::front
