// POST /v1/api/topics/consume and /ack
#include <algorithm>
#include <memory>
#include <stop_token>
#include <utility>

#include "front/replies.h"
#include "front/routes/handlers.h"
#include "front/session_reply.h"
#include "front/sql_call.h"
#include "sql/executor.h"
#include "topics/topics.h"
#include "wire/topic_request.h"
#include "wire/topic_response.h"

namespace kalam::front {
namespace {

// A fetch that reads more than this goes to the worker pool: the I/O thread has others to serve.
constexpr uint64_t kInlineBytesMax = 128 << 10;
constexpr uint64_t kInlineMessagesMax = 512;
constexpr int64_t kMillisPerSecond = 1'000;
constexpr int64_t kNanosPerMilli = 1'000'000;

// Family C: what is wrong with the request is told to everybody, what is wrong with the server to
// administrators.
HttpResponse TopicError(const Error& error, bool is_admin) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return TopicErrorReply(404, "NOT_FOUND", error.message);
    case ErrorCode::kInvalidInput:
      return TopicErrorReply(400, "INVALID_INPUT", error.message);
    case ErrorCode::kLimitExceeded:
      return TopicErrorReply(400, "LIMIT_EXCEEDED", error.message);
    case ErrorCode::kUnavailable:
      return TopicErrorReply(503, "SERVICE_UNAVAILABLE", error.message);
    default:
      return TopicErrorReply(500, "INTERNAL_ERROR", is_admin ? error.message : "The request failed");
  }
}

class ReplyMessages final : public topics::MessageSink {
 public:
  explicit ReplyMessages(const wire::TopicConsumeRequest& request)
      : requested_topic_(request.topic_id), partition_(request.partition_id) {}

  Status Add(const topics::Topic& topic, uint32_t, uint64_t offset, const topics::Message& message) override {
    if (!messages_) messages_.emplace(topic.name, partition_);
    messages_->Add({offset, message.payload, message.key, message.timestamp_ms, message.user,
                    topics::OperationTitle(message.operation)});
    return {};
  }
  std::string Finish(uint64_t next_offset, bool has_more) {
    if (!messages_) messages_.emplace(requested_topic_, partition_);
    return std::move(*messages_).Finish(next_offset, has_more);
  }

 private:
  const std::string& requested_topic_;
  const uint32_t partition_;
  std::optional<wire::TopicMessages> messages_;
};

// One consume that may wait for a message. Shared by whoever will run it next: the caller's thread, a worker,
// or the thread that wakes waiting consumers.
class ConsumeCall : public std::enable_shared_from_this<ConsumeCall> {
 public:
  ConsumeCall(RouteContext& context, HttpRequest& request, wire::TopicConsumeRequest body, Respond respond)
      : context_(context),
        body_(std::move(body)),
        stop_(request.stop()),
        is_admin_(request.principal()->is_admin()),
        respond_(std::move(respond)) {
    const auto wait_ms =
        static_cast<int64_t>(std::min<uint64_t>(body_.timeout_seconds, 3'600)) * kMillisPerSecond;
    until_nanos_ = context.services.clock.MonotonicNanos() +
                   std::min(wait_ms, context.services.topics.options().long_poll_ms_max) * kNanosPerMilli;
  }

  void Start() {
    const topics::Topics& topics = context_.services.topics;
    const bool is_short =
        body_.limit <= kInlineMessagesMax &&
        topics.EstimateBytes(body_.topic_id, body_.partition_id, body_.limit) <= kInlineBytesMax;
    if (is_short) return Run();
    if (context_.services.executor.Post([self = shared_from_this()] { self->Run(); })) return;
    respond_(TopicErrorReply(503, "SERVICE_UNAVAILABLE",
                             "The server is busy: too many statements wait already. Try again later"));
  }

  void Run() {
    // Nobody would read the messages, and they would be claimed until the visibility timeout is over.
    if (stop_.stop_requested()) return respond_(EmptyReply(503));
    ReplyMessages messages(body_);
    const auto result = context_.services.topics.Consume(
        {body_.topic_id, body_.partition_id, StartOf(body_), body_.limit}, body_.group_id, messages);
    if (!result) return respond_(TopicError(result.error(), is_admin_));
    if (result->count == 0 && body_.limit > 0 && MayWait(result->seen_end)) return;
    respond_(JsonReply(messages.Finish(result->next_offset, result->has_more)));
  }

 private:
  static topics::StartPosition StartOf(const wire::TopicConsumeRequest& body) {
    using Start = wire::TopicConsumeRequest::Start;
    using Kind = topics::StartPosition::Kind;
    switch (body.start) {
      case Start::kEarliest:
        return {Kind::kEarliest, 0};
      case Start::kOffset:
        return {Kind::kOffset, body.offset};
      case Start::kLatest:
        break;
    }
    return {Kind::kLatest, 0};
  }

  // True when the call will be run again.
  bool MayWait(uint64_t seen_end) {
    const int64_t left_ms = (until_nanos_ - context_.services.clock.MonotonicNanos()) / kNanosPerMilli;
    if (left_ms <= 0) return false;
    return context_.services.topics.Wait(body_.topic_id, body_.partition_id, seen_end, left_ms,
                                         [self = shared_from_this()] { self->Run(); });
  }

  RouteContext& context_;
  const wire::TopicConsumeRequest body_;
  const std::stop_token stop_;
  const bool is_admin_;
  int64_t until_nanos_ = 0;
  Respond respond_;
};

// The refusal of a caller whose role does not suffice, or nullopt.
std::optional<HttpResponse> RefuseRole(const HttpRequest& request, std::string_view what) {
  if (request.principal()->role >= Role::kService) return std::nullopt;
  return TopicErrorReply(403, "FORBIDDEN", std::string(what) + " requires service, dba, or system role");
}

}  // namespace

std::optional<HttpResponse> AdmitTopicCaller(HttpRequest& request, RouteContext& context) {
  return AdmitBearer(request, context);
}

void HandleTopicConsume(HttpRequest& request, RouteContext& context, Respond respond) {
  if (auto refusal = RefuseNonJson(request)) return respond(std::move(*refusal));
  auto body = wire::ParseTopicConsumeRequest(request.body());
  if (!body) return respond(TextReply(400, body.error().message));
  if (auto refusal = RefuseRole(request, "Topic consumption")) return respond(std::move(*refusal));
  std::make_shared<ConsumeCall>(context, request, std::move(*body), std::move(respond))->Start();
}

void HandleTopicAck(HttpRequest& request, RouteContext& context, Respond respond) {
  if (auto refusal = RefuseNonJson(request)) return respond(std::move(*refusal));
  const auto body = wire::ParseTopicAckRequest(request.body());
  if (!body) return respond(TextReply(400, body.error().message));
  if (auto refusal = RefuseRole(request, "Topic acknowledgment")) return respond(std::move(*refusal));
  context.services.topics.Acknowledge(
      body->topic_id, body->partition_id, body->group_id, body->upto_offset,
      [upto = body->upto_offset, is_admin = request.principal()->is_admin(),
       respond = std::move(respond)](const Result<uint64_t>& acknowledged) mutable {
        if (!acknowledged) return respond(TopicError(acknowledged.error(), is_admin));
        respond(JsonReply(R"({"success":true,"acknowledged_offset":)" + std::to_string(upto) + "}"));
      });
}

}  // namespace kalam::front
