// HTTP messages as routes see them. Knows nothing of sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/principal.h"

namespace kalam::front {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kDelete, kPatch, kOptions, kOther };

// One request. Views are valid until the response has been given. `header` is case-insensitive.
class HttpRequest {
 public:
  virtual ~HttpRequest() = default;
  virtual Method method() const = 0;
  virtual std::string_view path() const = 0;   // without the query, percent-decoding not applied
  virtual std::string_view query() const = 0;  // after '?', or empty
  virtual std::optional<std::string_view> header(std::string_view name) const = 0;
  virtual std::string_view body() const = 0;
  virtual std::string_view peer_ip() const = 0;    // of the socket; IPv4-mapped addresses as IPv4
  virtual std::string_view client_ip() const = 0;  // after the trusted-proxy rule
  virtual bool is_https() const = 0;              // as the client sees it: a trusted proxy may have ended TLS
  virtual int64_t received_at_nanos() const = 0;  // Clock::MonotonicNanos when the head was complete
  // Stopped when the client has gone away or the server no longer waits: nobody will read the answer.
  virtual std::stop_token stop() = 0;

  // The caller, once the route's admission has found it.
  const std::shared_ptr<const Principal>& principal() const { return principal_; }
  void set_principal(std::shared_ptr<const Principal> principal) { principal_ = std::move(principal); }

 private:
  std::shared_ptr<const Principal> principal_;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";        // static storage
  std::vector<std::pair<std::string, std::string>> headers;  // extra ones (cookies, Retry-After)
};

// Gives the response; from any thread, exactly once.
using Respond = std::move_only_function<void(HttpResponse)>;

}  // namespace kalam::front
