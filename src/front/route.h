// Routes: one row per path and method set, one file per group in routes/.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "front/http.h"
#include "front/rate_limit.h"
#include "front/server.h"

namespace kalam::front {

class SqlCalls;

// What routes share. Owned by the server; thread-safe.
struct RouteContext {
  explicit RouteContext(const FrontServices& services);
  ~RouteContext();

  FrontServices services;
  TokenBuckets auth_limit;  // per client address
  TokenBuckets user_limit;  // per user
  std::unique_ptr<SqlCalls> sql_calls;
  int64_t started_at_nanos;
};

// A set of methods.
class Methods {
 public:
  consteval Methods(std::initializer_list<Method> methods) {
    for (const Method method : methods) bits_ |= Bit(method);
  }
  constexpr bool Has(Method method) const { return (bits_ & Bit(method)) != 0; }

 private:
  static constexpr uint32_t Bit(Method method) { return uint32_t{1} << static_cast<unsigned>(method); }
  uint32_t bits_ = 0;
};

// May refuse a request when only its head is there: the body of a stranger is not even read. nullopt = go on.
using AdmitFn = std::optional<HttpResponse> (*)(HttpRequest& request, RouteContext& context);
// Answers a whole request, now or later, from any thread. `request` lives until the response was given.
using HandleFn = void (*)(HttpRequest& request, RouteContext& context, Respond respond);

struct Route {
  std::string_view path;  // "/a/*": everything below /a/
  Methods methods;
  std::string_view allow;  // the Allow header of a 405; empty: another method is a 404
  uint64_t body_bytes_max;
  AdmitFn admit;  // or nullptr
  HandleFn handle;
  bool upgrade = false;  // becomes a WebSocket instead of calling `handle`
};

std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::optional<HttpResponse> refusal;  // set when route is nullptr
};
RouteMatch FindRoute(std::string_view path, Method method);

}  // namespace kalam::front
