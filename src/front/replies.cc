#include "front/replies.h"

#include "front/error_table.h"
#include "wire/json_text.h"
#include "wire/sql_response.h"

#include <variant>
#include <vector>

namespace kalam::front {
namespace {

std::string TwoFields(std::string_view error, std::string_view message) {
  std::string body = R"({"error":)";
  wire::AppendJsonString(error, body);
  body += R"(,"message":)";
  wire::AppendJsonString(message, body);
  return body;
}

HttpResponse RetryReply(std::string_view code, std::string_view message, int seconds) {
  HttpResponse response;
  response.status = 429;
  response.body = TwoFields(code, message);
  response.body += R"(,"retry_after_seconds":)";
  wire::AppendInteger(seconds, response.body);
  response.body.push_back('}');
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  response.headers.emplace_back("X-RateLimit-Reset", std::to_string(seconds));
  return response;
}

// Clients wait before they try again; what they are told is fixed.
constexpr int kBanRetrySeconds = 300;
constexpr int kRateRetrySeconds = 1;

void AppendMember(std::string_view name, int64_t number, std::string& out) {
  out.push_back(',');
  wire::AppendJsonKey(name, out);
  wire::AppendInteger(number, out);
}

// "feature: transactions; planned_phase: Phase 11"
std::string DetailsText(const Error& error) {
  std::string text;
  for (const Detail& detail : error.details) {
    if (!text.empty()) text += "; ";
    text += detail.key + ": ";
    if (const auto* number = std::get_if<int64_t>(&detail.value)) {
      wire::AppendInteger(*number, text);
    } else if (const auto* one = std::get_if<std::string>(&detail.value)) {
      text += *one;
    } else {
      std::string_view separator;
      for (const std::string& element : std::get<std::vector<std::string>>(detail.value)) {
        text.append(separator).append(element);
        separator = ", ";
      }
    }
  }
  return text;
}

HttpResponse FinishSqlError(int status, const wire::SqlResponse::ErrorInfo& info,
                            const SqlReplyContext& context) {
  HttpResponse response;
  response.status = status;
  response.body = wire::SqlResponse::FinishError(info, context.request_id, context.elapsed_ms);
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

HttpResponse JsonReply(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

HttpResponse EmptyReply(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

HttpResponse AuthErrorReply(int status, std::string_view slug, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.body = TwoFields(slug, message) + "}";
  return response;
}

HttpResponse TopicErrorReply(int status, std::string_view code, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = R"({"error":)";
  wire::AppendJsonString(text, response.body);
  response.body += R"(,"code":)";
  wire::AppendJsonString(code, response.body);
  response.body.push_back('}');
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpResponse PlainErrorReply(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = R"({"error":)";
  wire::AppendJsonString(text, response.body);
  response.body.push_back('}');
  return response;
}

HttpResponse TextReply(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = text;
  response.content_type = "text/plain; charset=utf-8";
  return response;
}

HttpResponse GuardReply(int status, std::string_view code, std::string_view message) {
  return AuthErrorReply(status, code, message);
}

HttpResponse BodyTooLargeReply(uint64_t size_bytes, uint64_t max_bytes) {
  HttpResponse response;
  response.status = 413;
  response.body = TwoFields("BODY_TOO_LARGE", "Request body exceeds maximum allowed size");
  AppendMember("size_bytes", static_cast<int64_t>(size_bytes), response.body);
  AppendMember("max_bytes", static_cast<int64_t>(max_bytes), response.body);
  response.body.push_back('}');
  return response;
}

HttpResponse BannedReply() {
  return RetryReply("IP_BANNED", "Your IP has been temporarily banned due to excessive requests",
                    kBanRetrySeconds);
}

HttpResponse TooManyRequestsReply() {
  return RetryReply("RATE_LIMIT_EXCEEDED", "Too many requests from your IP address", kRateRetrySeconds);
}

HttpResponse TooManyConnectionsReply(std::string_view message, int64_t current, int64_t max) {
  HttpResponse response;
  response.status = 503;
  response.body = TwoFields("TOO_MANY_CONNECTIONS", message);
  AppendMember("current", current, response.body);
  AppendMember("max", max, response.body);
  response.body.push_back('}');
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

HttpResponse SqlErrorReply(const SqlFailure& failure, const SqlReplyContext& context) {
  const ErrorRow& row = RowOf(failure.error.code);
  wire::SqlResponse::ErrorInfo info;
  info.code = WireCode(failure.error);
  info.statement_index = failure.statement_index;
  info.wall_micros = context.wall_micros;
  std::string message;
  std::string details;
  if (!context.is_admin && !row.public_text.empty()) {
    info.message = row.public_text;
  } else {
    if (failure.while_running) message = "Statement " + std::to_string(failure.statement_index) + " failed: ";
    message += failure.error.message;
    info.message = message;
    if (!failure.error.details.empty() && row.status >= 500) {
      // Clients decode the body of a 5xx strictly, and there `details` is a text.
      details = DetailsText(failure.error);
      info.details_text = details;
    } else if (!failure.error.details.empty()) {
      info.details = &failure.error;
    } else if (context.is_admin && failure.while_running) {
      info.details_text = failure.statement;
    }
  }
  return FinishSqlError(row.status, info, context);
}

HttpResponse SqlErrorReply(int status, std::string_view code, std::string_view message,
                           const SqlReplyContext& context) {
  wire::SqlResponse::ErrorInfo info;
  info.code = code;
  info.message = message;
  info.wall_micros = context.wall_micros;
  return FinishSqlError(status, info, context);
}

}  // namespace kalam::front
