#include "front/client_ip.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <optional>

namespace kalam::front {
namespace {

using Address = std::array<uint8_t, 16>;

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool IsMapped(const Address& address) {
  return std::memcmp(address.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
}

std::optional<Address> ParseAddress(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  Address address{};
  if (inet_pton(AF_INET6, buffer, address.data()) == 1) return address;
  std::memcpy(address.data(), kMappedPrefix.data(), kMappedPrefix.size());
  if (inet_pton(AF_INET, buffer, address.data() + kMappedPrefix.size()) == 1) return address;
  return std::nullopt;
}

std::string ToText(const Address& address) {
  char buffer[INET6_ADDRSTRLEN];
  const bool v4 = IsMapped(address);
  inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? kMappedPrefix.size() : 0), buffer, sizeof buffer);
  return buffer;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "1.2.3.4:80" and "[::1]:80" without the port.
std::string_view WithoutPort(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    return close == std::string_view::npos ? std::string_view() : text.substr(1, close - 1);
  }
  const size_t colon = text.find(':');
  const bool one_colon =
      colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  return one_colon ? text.substr(0, colon) : text;
}

// Empty when it is not the address of another host.
std::string ForeignAddress(std::string_view text) {
  std::string ip = CanonicalIp(WithoutPort(Trimmed(text)));
  if (ip.starts_with("127.") || ip == "::1") ip.clear();
  return ip;
}

bool Inside(const Address& address, const Address& network, int prefix_bits) {
  const auto whole = static_cast<size_t>(prefix_bits / 8);
  if (std::memcmp(address.data(), network.data(), whole) != 0) return false;
  const int rest = prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - rest));
  return (address[whole] & mask) == (network[whole] & mask);
}

}  // namespace

std::string CanonicalIp(std::string_view text) {
  const auto address = ParseAddress(text);
  return address ? ToText(*address) : std::string();
}

bool IsLocalhost(std::string_view ip) { return ip == "127.0.0.1" || ip == "::1" || ip == "localhost"; }

std::string LimitKey(std::string_view canonical_ip) {
  const auto address =
      canonical_ip.find(':') == std::string_view::npos ? std::nullopt : ParseAddress(canonical_ip);
  if (!address || IsMapped(*address)) return std::string(canonical_ip);
  Address network{};
  std::memcpy(network.data(), address->data(), network.size() / 2);
  return ToText(network) + "/64";
}

ClientIpRule::ClientIpRule(std::span<const std::string> ranges) {
  for (const std::string& text : ranges) {
    const size_t slash = text.find('/');
    const auto address = ParseAddress(std::string_view(text).substr(0, slash));
    if (!address) continue;
    Range range{*address, 128};
    if (slash != std::string::npos) {
      int bits = -1;
      std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
      const bool v4 = text.find(':') == std::string::npos;
      if (bits < 0 || bits > (v4 ? 32 : 128)) continue;
      range.prefix_bits = v4 ? bits + 96 : bits;
    }
    ranges_.push_back(range);
  }
}

bool ClientIpRule::IsTrusted(std::string_view peer_ip) const {
  const auto address = ParseAddress(peer_ip);
  if (!address) return false;
  if (peer_ip.starts_with("127.") || peer_ip == "::1") return true;
  for (const Range& range : ranges_) {
    if (Inside(*address, range.address, range.prefix_bits)) return true;
  }
  return false;
}

std::string ClientIpRule::ForwardedClient(std::string_view forwarded_for, std::string_view real_ip,
                                          std::string_view peer_ip) {
  std::string ip = ForeignAddress(forwarded_for.substr(0, forwarded_for.find(',')));
  if (ip.empty()) ip = ForeignAddress(real_ip);
  if (ip.empty()) ip = peer_ip;
  return ip;
}

}  // namespace kalam::front
