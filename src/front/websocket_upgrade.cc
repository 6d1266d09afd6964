#include "front/websocket_upgrade.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "front/replies.h"

namespace kalam::front {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kKeyTextBytes = 24;  // base64 of 16 bytes

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// True when the comma-separated list holds the word, in any case.
bool HasWord(std::string_view list, std::string_view word) {
  while (true) {
    const size_t comma = list.find(',');
    if (EqualsIgnoringCase(Trimmed(list.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool IsKey(std::string_view key) {
  const auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return key.size() == kKeyTextBytes && key.ends_with("==") &&
         std::ranges::all_of(key.substr(0, kKeyTextBytes - 2), is_base64);
}

// The first value of a query parameter; names and values that matter here need no decoding.
std::string_view QueryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    const size_t equals = part.find('=');
    if (part.substr(0, equals) == name && equals != std::string_view::npos) return part.substr(equals + 1);
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return {};
}

std::optional<HttpResponse> RefuseOrigin(const HttpRequest& request,
                                         const config::Settings::Security& security) {
  const auto& allowed = security.cors.allowed_origins;
  if (allowed.empty() || std::ranges::find(allowed, "*") != allowed.end()) return std::nullopt;
  const auto origin = request.header("Origin");
  if (!origin) {
    if (!security.strict_ws_origin_check) return std::nullopt;
    return TextReply(403, "Origin header required");
  }
  if (std::ranges::find(allowed, *origin) != allowed.end()) return std::nullopt;
  return TextReply(403, "Origin not allowed");
}

std::optional<HttpResponse> RefuseHandshake(const HttpRequest& request) {
  if (!HasWord(request.header("Upgrade").value_or(""), "websocket") ||
      !HasWord(request.header("Connection").value_or(""), "upgrade")) {
    HttpResponse refusal = TextReply(426, "This is a WebSocket endpoint: send Upgrade: websocket");
    refusal.headers.emplace_back("Upgrade", "websocket");
    return refusal;
  }
  if (request.header("Sec-WebSocket-Version") != "13") {
    HttpResponse refusal = TextReply(426, "Unsupported WebSocket version: use 13");
    refusal.headers.emplace_back("Upgrade", "websocket");
    refusal.headers.emplace_back("Sec-WebSocket-Version", "13");
    return refusal;
  }
  if (!IsKey(request.header("Sec-WebSocket-Key").value_or(""))) {
    return TextReply(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  }
  return std::nullopt;
}

}  // namespace

std::string WsAcceptOf(std::string_view key) {
  std::string text(key);
  text += kGuid;
  std::array<unsigned char, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  std::array<unsigned char, 29> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<size_t>(size)};
}

std::expected<WsOpening, HttpResponse> PrepareUpgrade(const HttpRequest& request,
                                                      const config::Settings::Security& security) {
  if (auto refusal = RefuseHandshake(request)) return std::unexpected(std::move(*refusal));
  if (auto refusal = RefuseOrigin(request, security)) return std::unexpected(std::move(*refusal));
  WsOpening opening;
  opening.accept = WsAcceptOf(*request.header("Sec-WebSocket-Key"));
  opening.client_ip = request.client_ip();
  const auto authorization = request.header("Authorization");
  if (authorization && authorization->starts_with("Bearer ")) opening.bearer = *authorization;
  const std::string_view query = request.query();
  opening.compress = !EqualsIgnoringCase(QueryValue(query, "compress"), "false");
  if (opening.bearer) {
    const bool packed = QueryValue(query, "serialization") == "msgpack";
    opening.protocol.encoding = packed ? wire::LiveEncoding::kMessagePack : wire::LiveEncoding::kJson;
    opening.protocol.gzip = QueryValue(query, "compression") != "none";
  }
  return opening;
}

}  // namespace kalam::front
