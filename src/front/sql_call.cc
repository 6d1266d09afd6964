#include "front/sql_call.h"

#include <algorithm>
#include <cstring>

#include "auth/tokens.h"
#include "base/limits.h"
#include "front/error_table.h"
#include "front/replies.h"

namespace kalam::front {
namespace {

// Calls beyond this many are rare peaks; they are freed.
constexpr size_t kIdleCallsMax = 64;
constexpr size_t kRequestIdBytesMax = 128;
constexpr int64_t kNanosPerSecond = 1'000'000'000;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool StartsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) { return a == Lower(b); });
}

double ElapsedMs(const RouteContext& context, int64_t since_nanos) {
  return static_cast<double>(context.services.clock.MonotonicNanos() - since_nanos) / 1e6;
}

SqlReplyContext ReplyContext(const SqlCall& call) {
  return {call.payload.request_id, ElapsedMs(call.context, call.received_at_nanos),
          call.context.services.clock.WallMicros(),
          call.payload.principal && call.payload.principal->is_admin()};
}

Status CheckContentType(const HttpRequest& request) {
  const std::string_view type = request.header("Content-Type").value_or("");
  if (StartsIgnoringCase(type, "multipart/form-data")) {
    return Fail(ErrorCode::kInvalidInput, "File uploads are not supported yet; send application/json");
  }
  if (!IsJsonContentType(type)) {
    return Fail(ErrorCode::kInvalidInput, "Content-Type must be application/json");
  }
  return {};
}

Status SetNamespace(std::optional<std::string_view> name, std::string& out) {
  if (!name) {
    out = "default";
    return {};
  }
  out.resize(name->size());
  std::ranges::transform(*name, out.begin(), Lower);
  const bool bad = out.empty() || out.size() > limits::kNameBytesMax || out.find("..") != std::string::npos ||
                   std::ranges::any_of(
                       out, [](char c) { return c == '/' || c == '\\' || static_cast<uint8_t>(c) < 0x20; });
  if (!bad) return {};
  return Fail(
      ErrorCode::kInvalidInput,
      "Invalid namespace_id: it must have 1 to 64 bytes and no '..', '/', '\\' or control characters");
}

// The Host header when it is one: it comes back to the caller inside a URL.
std::string HostOf(const HttpRequest& request) {
  constexpr size_t kHostBytesMax = 261;  // a name of 255 bytes and a port
  const std::string_view host = request.header("Host").value_or("");
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  };
  if (host.size() > kHostBytesMax || !std::ranges::all_of(host, fits)) return {};
  return std::string(host);
}

Status FillPayload(const HttpRequest& request, SqlCall& call) {
  KALAM_TRY(CheckContentType(request));
  KALAM_TRY(call.body.Parse(request.body()));
  const std::string_view sql = call.body.sql();
  if (sql.size() > limits::kSqlBytesMax) {
    return Fail(ErrorCode::kInvalidSql, "SQL query too long: " + std::to_string(sql.size()) +
                                            " bytes (maximum " + std::to_string(limits::kSqlBytesMax) +
                                            " bytes)");
  }
  KALAM_TRY(SetNamespace(call.body.name_space(), call.payload.name_space));
  call.payload.sql = sql;
  call.payload.parameters = call.body.parameters();
  return {};
}

}  // namespace

void RandomBlock::Fill(std::span<uint8_t> bytes) {
  if (bytes.size() > block_.size()) return source_.Fill(bytes);
  if (block_.size() - used_ < bytes.size()) {
    source_.Fill(block_);
    used_ = 0;
  }
  std::memcpy(bytes.data(), block_.data() + used_, bytes.size());
  used_ += bytes.size();
}

std::unique_ptr<SqlCall> SqlCalls::Take() {
  {
    std::lock_guard lock(mu_);
    if (!idle_.empty()) {
      std::unique_ptr<SqlCall> call = std::move(idle_.back());
      idle_.pop_back();
      return call;
    }
  }
  return std::make_unique<SqlCall>(context_);
}

void SqlCalls::GiveBack(std::unique_ptr<SqlCall> call) {
  call->body.Trim();
  call->payload.sql = {};
  call->payload.parameters = {};
  call->payload.principal.reset();
  call->payload.stop = {};
  call->respond = nullptr;
  std::lock_guard lock(mu_);
  if (idle_.size() < kIdleCallsMax) idle_.push_back(std::move(call));
}

bool IsJsonContentType(std::string_view type) {
  constexpr std::string_view kJson = "application/json";
  if (!StartsIgnoringCase(type, kJson)) return false;
  type.remove_prefix(kJson.size());
  while (type.starts_with(' ') || type.starts_with('\t')) type.remove_prefix(1);
  return type.empty() || type.front() == ';';
}

std::string RequestIdOf(const HttpRequest& request, Random& random) {
  const std::string_view id = request.header("X-Request-ID").value_or("");
  const auto printable = [](char c) { return c > ' ' && c < 0x7F; };
  if (!id.empty() && id.size() <= kRequestIdBytesMax && std::ranges::all_of(id, printable))
    return std::string(id);
  return UuidV4(random);
}

std::optional<HttpResponse> AdmitBearer(HttpRequest& request, RouteContext& context) {
  const auto authorization = request.header("Authorization");
  auto principal = context.services.tokens.Authenticate(authorization);
  if (principal) {
    request.set_principal(std::move(*principal));
    return std::nullopt;
  }
  const std::string request_id = RequestIdOf(request, context.services.random);
  const SqlReplyContext reply{request_id, ElapsedMs(context, request.received_at_nanos()),
                              context.services.clock.WallMicros(), false};
  // Clients tell "not logged in" from "wrong login" by this code.
  if (!authorization) return SqlErrorReply(401, "MISSING_AUTHORIZATION", principal.error().message, reply);
  return SqlErrorReply({principal.error(), 0, false, {}}, reply);
}

std::optional<HttpResponse> AdmitSqlCaller(HttpRequest& request, RouteContext& context) {
  if (auto refusal = AdmitBearer(request, context)) return refusal;
  if (context.user_limit.Take(request.principal()->user_id, request.received_at_nanos())) return std::nullopt;
  const std::string request_id = RequestIdOf(request, context.services.random);
  return SqlErrorReply(429, RowOf(ErrorCode::kRateLimited).wire,
                       "Too many queries per second. Please slow down.",
                       {request_id, ElapsedMs(context, request.received_at_nanos()),
                        context.services.clock.WallMicros(), false});
}

bool PrepareSqlCall(HttpRequest& request, std::unique_ptr<SqlCall>& call) {
  const FrontServices& services = call->context.services;
  sql::Payload& payload = call->payload;
  call->received_at_nanos = request.received_at_nanos();
  payload.principal = request.principal();
  payload.request_id = RequestIdOf(request, call->request_ids);
  const Status filled = FillPayload(request, *call);
  if (!filled) {
    // Not redacted for anybody: it says only what is wrong with the form of the request.
    const ErrorRow& row = RowOf(filled.error().code);
    HttpResponse refusal = SqlErrorReply(row.status, row.wire, filled.error().message, ReplyContext(*call));
    FinishSqlCall(std::move(call), std::move(refusal));
    return false;
  }
  payload.client_ip = request.client_ip();
  payload.host = HostOf(request);
  payload.received_at_micros = services.clock.WallMicros();
  const int64_t seconds = services.settings.execution.handler_timeout_seconds;
  // From now on: a body that came slowly does not count.
  payload.deadline_nanos =
      seconds > 0 ? services.clock.MonotonicNanos() + seconds * kNanosPerSecond : INT64_MAX;
  payload.stop = request.stop();
  // For differential tests: both ways of running a statement must answer alike.
  payload.force_engine = payload.principal->is_admin() && request.header("X-Kalam-Plan") == "engine";
  return true;
}

void FinishSqlCall(std::unique_ptr<SqlCall> call, HttpResponse response) {
  Respond respond = std::move(call->respond);
  SqlCalls& calls = *call->context.sql_calls;
  calls.GiveBack(std::move(call));
  respond(std::move(response));
}

void FinishSqlCall(std::unique_ptr<SqlCall> call, wire::SqlResponse response) {
  std::string body = std::move(response).FinishSuccess(call->payload.request_id,
                                                       ElapsedMs(call->context, call->received_at_nanos));
  FinishSqlCall(std::move(call), JsonReply(std::move(body)));
}

void FinishSqlCall(std::unique_ptr<SqlCall> call, const sql::ExecutionError& error) {
  HttpResponse response = SqlErrorReply(
      {error.error, error.statement_index, error.while_running, error.statement}, ReplyContext(*call));
  FinishSqlCall(std::move(call), std::move(response));
}

}  // namespace kalam::front
