// The answers that several routes give. Clients parse each family differently (docs: HTTP API, error bodies).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "front/http.h"

namespace kalam::front {

HttpResponse JsonReply(std::string body);
HttpResponse EmptyReply(int status);

// Family B, /auth routes: {"error":slug,"message":text}.
HttpResponse AuthErrorReply(int status, std::string_view slug, std::string_view message);
// Family C, /topics routes: {"error":text,"code":CODE}.
HttpResponse TopicErrorReply(int status, std::string_view code, std::string_view text);
// Family E: {"error":text}.
HttpResponse PlainErrorReply(int status, std::string_view text);
// Family F: text/plain.
HttpResponse TextReply(int status, std::string_view text);

// Family D, the connection guard: {"error":CODE,"message":text,..}.
HttpResponse GuardReply(int status, std::string_view code, std::string_view message);
HttpResponse BodyTooLargeReply(uint64_t size_bytes, uint64_t max_bytes);
HttpResponse BannedReply();
HttpResponse TooManyRequestsReply();
HttpResponse TooManyConnectionsReply(std::string_view message, int64_t current, int64_t max);

// Family A, /sql: who asked and when, for every error of one request.
struct SqlReplyContext {
  std::string_view request_id;
  double elapsed_ms = 0;
  int64_t wall_micros = 0;
  bool is_admin = false;
};

struct SqlFailure {
  const Error& error;
  int64_t statement_index = 0;
  bool while_running = false;
  std::string_view statement;  // its text, shown to administrators
};

// By the error table: wire code, status, and what this caller may read.
HttpResponse SqlErrorReply(const SqlFailure& failure, const SqlReplyContext& context);
// For failures with a code of their own that no module raises.
HttpResponse SqlErrorReply(int status, std::string_view code, std::string_view message,
                           const SqlReplyContext& context);

}  // namespace kalam::front
