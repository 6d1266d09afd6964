// The opening handshake of GET /v1/ws (RFC 6455 section 4.2).
//
// Pure functions. Errors: the HTTP answer that refuses the upgrade. A bad token is none: it is told after the
// upgrade, as clients expect.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "front/http.h"
#include "wire/live_request.h"

namespace kalam::front {

// What an accepted upgrade carries over into the session.
struct WsOpening {
  std::string accept;                 // Sec-WebSocket-Accept
  std::optional<std::string> bearer;  // the whole Authorization header when it is a Bearer one
  wire::LiveProtocol protocol;        // of the query string; counts on the header path only
  bool compress = true;               // ?compress=false switches gzip off on every path
  std::string client_ip;
};

std::expected<WsOpening, HttpResponse> PrepareUpgrade(const HttpRequest& request,
                                                      const config::Settings::Security& security);

// base64(SHA-1(key + the protocol's GUID)).
std::string WsAcceptOf(std::string_view key);

}  // namespace kalam::front
