// Who the client is when proxies stand in between.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kalam::front {

// `text` as an address in its shortest spelling, IPv4-mapped ones as IPv4; empty when it is not an address.
std::string CanonicalIp(std::string_view text);

// True for 127.0.0.1, ::1 and localhost only: 127.0.0.2 is not "localhost" to clients of this protocol.
bool IsLocalhost(std::string_view ip);

// What limits count by: an IPv4 address itself, of an IPv6 address the /64 network, since one host may use
// all of it.
std::string LimitKey(std::string_view canonical_ip);

// Immutable, thread-safe. A peer is trusted to name the client when it is loopback or inside a configured
// range.
class ClientIpRule {
 public:
  // `ranges`: addresses or CIDR blocks; what does not parse is refused by the settings' validation and
  // ignored here.
  explicit ClientIpRule(std::span<const std::string> ranges);

  bool IsTrusted(std::string_view peer_ip) const;

  // The client behind a trusted peer: the first entry of X-Forwarded-For, else X-Real-IP, else the peer. A
  // header that names no address or the proxy's own host is passed over.
  static std::string ForwardedClient(std::string_view forwarded_for, std::string_view real_ip,
                                     std::string_view peer_ip);

 private:
  struct Range {
    std::array<uint8_t, 16> address;  // IPv4 as mapped IPv6
    int prefix_bits = 128;
  };
  std::vector<Range> ranges_;
};

}  // namespace kalam::front
