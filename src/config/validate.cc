// What a row of the settings table cannot say: forms of texts, and settings that depend on each other.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/setting_rows.h"
#include "config/settings.h"

namespace kalam::config {
namespace {

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t") == std::string_view::npos; }

bool IsLoopbackHost(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

// "https://db.example.com:8443/x" -> "db.example.com"; "http://[::1]:80" -> "[::1]".
std::string_view HostOfOrigin(std::string_view origin) {
  origin.remove_prefix(origin.find("//") + 2);
  origin = origin.substr(0, origin.find('/'));
  if (origin.starts_with('[')) return origin.substr(0, origin.find(']') + 1);
  return origin.substr(0, origin.find(':'));
}

// An IPv4 or IPv6 address, or such an address with /prefix.
bool IsAddressRange(std::string_view range) {
  size_t slash = range.find('/');
  std::string address(range.substr(0, slash));
  unsigned char bytes[sizeof(in6_addr)];
  bool v4 = inet_pton(AF_INET, address.c_str(), bytes) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), bytes) != 1) return false;
  if (slash == std::string_view::npos) return true;
  std::string_view digits = range.substr(slash + 1);
  unsigned prefix = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  return ec == std::errc() && end == digits.data() + digits.size() && prefix <= (v4 ? 32u : 128u);
}

std::unexpected<Error> Bad(std::string text) { return Fail(ErrorCode::kInvalidInput, std::move(text)); }

Status ValidateServer(const Settings& settings) {
  const auto& server = settings.server;
  if (IsBlank(server.host)) return Bad("server.host is empty: expected an address such as 127.0.0.1");
  if (IsBlank(settings.storage.data_path)) return Bad("storage.data_path is empty: expected a folder");
  if (settings.logging.log_to_file && IsBlank(settings.logging.logs_path)) {
    return Bad("logging.logs_path is empty: expected a folder, since logging.log_to_file is true");
  }
  bool published = !IsBlank(server.public_origin);
  if (published && !server.public_origin.starts_with("http://") &&
      !server.public_origin.starts_with("https://")) {
    return Bad(
        fmt::format("server.public_origin = \"{}\" is not allowed: it must start with http:// or https://",
                    server.public_origin));
  }
  const auto& origins = settings.security.cors.allowed_origins;
  bool has_origin = std::ranges::any_of(origins, [](const std::string& o) { return !IsBlank(o); });
  if (has_origin) return {};
  if (!IsLoopbackHost(server.host)) {
    return Bad(fmt::format(
        "security.cors.allowed_origins is empty: server.host = \"{}\" can be reached by others, so name "
        "the origins that may call it ([\"*\"] for all)",
        server.host));
  }
  if (published && !IsLoopbackHost(HostOfOrigin(server.public_origin))) {
    return Bad(fmt::format(
        "security.cors.allowed_origins is empty: server.public_origin = \"{}\" is not local, so name the "
        "origins that may call it ([\"*\"] for all)",
        server.public_origin));
  }
  return {};
}

Status ValidateLimits(const Settings& settings) {
  const auto& limits = settings.limits;
  if (limits.max_query_limit > 0 && limits.default_query_limit > limits.max_query_limit) {
    return Bad(fmt::format(
        "limits.default_query_limit = {} is not allowed: at most limits.max_query_limit, which is {}",
        limits.default_query_limit, limits.max_query_limit));
  }
  for (const std::string& range : settings.security.trusted_proxy_ranges) {
    if (!IsAddressRange(range)) {
      return Bad(fmt::format(
          "security.trusted_proxy_ranges: \"{}\" is not allowed: expected an IP address or a range such "
          "as 10.0.0.0/8",
          range));
    }
  }
  return {};
}

}  // namespace

Status Validate(const Settings& settings, std::vector<std::string>& warnings) {
  KALAM_TRY(ValidateServer(settings));
  KALAM_TRY(ValidateLimits(settings));
  const auto& cors = settings.security.cors;
  if (std::ranges::find(cors.allowed_origins, "*") != cors.allowed_origins.end() &&
      !IsLoopbackHost(settings.server.host)) {
    warnings.push_back(fmt::format("security.cors.allowed_origins allows every origin{}",
                                   cors.allow_credentials ? ", and cookies with it" : ""));
  }
  return {};
}

}  // namespace kalam::config
