// SqlCall: everything one POST /sql keeps while it runs. Reused, so that a request allocates next to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "front/http.h"
#include "front/route.h"
#include "sql/executor.h"
#include "wire/sql_request.h"

namespace kalam::front {

// Hands out the bytes of a block that is fetched at once: one system call for many request ids. Not
// thread-safe, not for secrets.
class RandomBlock final : public Random {
 public:
  explicit RandomBlock(Random& source) : source_(source) {}
  void Fill(std::span<uint8_t> bytes) override;

 private:
  Random& source_;
  std::array<uint8_t, 512> block_;
  size_t used_ = block_.size();
};

struct SqlCall {
  explicit SqlCall(RouteContext& route_context)
      : context(route_context), request_ids(route_context.services.random) {}

  RouteContext& context;
  RandomBlock request_ids;
  wire::SqlRequestBody body;
  sql::Payload payload;
  int64_t received_at_nanos = 0;
  Respond respond;
};

// Calls that are not in use. Thread-safe.
class SqlCalls {
 public:
  explicit SqlCalls(RouteContext& context) : context_(context) {}

  std::unique_ptr<SqlCall> Take();
  void GiveBack(std::unique_ptr<SqlCall> call);

 private:
  RouteContext& context_;
  std::mutex mu_;
  std::vector<std::unique_ptr<SqlCall>> idle_;  // guarded by mu_
};

// The caller's X-Request-ID when it is 1 to 128 printable characters, else a new UUID.
std::string RequestIdOf(const HttpRequest& request, Random& random);

// application/json, with or without parameters.
bool IsJsonContentType(std::string_view type);

// Authenticates by the Authorization header; sets the request's principal, or gives the refusal.
std::optional<HttpResponse> AdmitBearer(HttpRequest& request, RouteContext& context);
// The same, and takes a token of the user's rate.
std::optional<HttpResponse> AdmitSqlCaller(HttpRequest& request, RouteContext& context);

// Decodes body and headers into the call, or answers with the error and gives the call back (false).
bool PrepareSqlCall(HttpRequest& request, std::unique_ptr<SqlCall>& call);

// Gives the response and the call back.
void FinishSqlCall(std::unique_ptr<SqlCall> call, HttpResponse response);
void FinishSqlCall(std::unique_ptr<SqlCall> call, wire::SqlResponse response);
void FinishSqlCall(std::unique_ptr<SqlCall> call, const sql::ExecutionError& error);

}  // namespace kalam::front
