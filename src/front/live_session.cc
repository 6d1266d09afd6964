#include "front/live_session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "auth/tokens.h"
#include "base/limits.h"
#include "front/live_backend.h"
#include "front/loop.h"
#include "front/websocket.h"
#include "wire/live_reply.h"

namespace kalam::front {
namespace {

// Codes and ids of error messages that concern no subscription; clients know them.
constexpr std::string_view kProtocolId = "protocol";
constexpr std::string_view kUnsupportedData = "UNSUPPORTED_DATA";

std::string ConnectionId(Random& random) {
  std::string id = UuidV4(random);
  std::erase(id, '-');
  return id;
}

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

LiveSession::LiveSession(WebSocket& socket, FrontShared& front, wire::LiveRequestReader& reader,
                         WsOpening opening)
    : socket_(socket),
      front_(front),
      reader_(reader),
      opening_(std::make_unique<WsOpening>(std::move(opening))),
      compress_(opening_->compress) {}

void LiveSession::OnOpen() {
  if (opening_->bearer) Authenticate(*opening_->bearer, opening_->protocol);
}

// --- Authentication ---

void LiveSession::Refuse(std::string_view message, std::string_view reason) {
  socket_.SendText(wire::AuthErrorJson(message));
  socket_.BeginClose(ws_close::kPolicy, reason, WebSocket::Rest::kSend);
}

void LiveSession::Authenticate(std::string_view authorization, wire::LiveProtocol protocol) {
  const FrontServices& services = front_.routes.services;
  if (!front_.routes.auth_limit.Take(opening_->client_ip, services.clock.MonotonicNanos())) {
    return Refuse("Too many authentication attempts. Please retry shortly.", "Authentication failed");
  }
  auto principal = services.tokens.Authenticate(authorization);
  if (!principal) return Refuse("Invalid credentials", "Authentication failed");
  principal_ = std::move(*principal);
  protocol_ = protocol;
  opening_.reset();
  socket_.AllowMessages(static_cast<uint64_t>(front_.settings.security.max_ws_message_size));
  socket_.SendText(wire::AuthSuccessJson(*principal_, protocol_));
  if (services.live == nullptr) return;
  key_ = services.live->Connect(ConnectionId(services.random), principal_, socket_.shared_from_this());
  connected_ = true;
}

void LiveSession::OnRequest(wire::LiveAuthenticate request) {
  // Again: identity and protocol stay what they are.
  if (authenticated()) return socket_.SendText(wire::AuthSuccessJson(*principal_, protocol_));
  Authenticate("Bearer " + request.token, request.protocol);
}

void LiveSession::OnAuthTimeout() {
  Refuse("Authentication timeout - no auth message received within " +
             std::to_string(front_.settings.websocket.auth_timeout_secs) + " seconds",
         "Authentication timeout");
}

// --- Requests ---

bool LiveSession::TakeMessage() {
  const int64_t per_second = front_.settings.rate_limit.max_messages_per_sec;
  if (per_second <= 0 || messages_.Take(per_second, front_.clock.MonotonicNanos())) return true;
  socket_.SendError("rate_limit", "RATE_LIMIT_EXCEEDED", "Too many messages");
  return false;
}

void LiveSession::OnText(std::string_view payload) {
  if (!TakeMessage()) return;
  auto request = reader_.ReadJson(payload);
  if (request) return Run(std::move(*request));
  socket_.BeginClose(ws_close::kInternal, "Invalid message: " + request.error().message,
                     WebSocket::Rest::kSend);
}

void LiveSession::OnBinary(std::string_view payload) {
  if (!TakeMessage()) return;
  if (!authenticated() || protocol_.encoding != wire::LiveEncoding::kMessagePack) {
    return socket_.SendError(kProtocolId, kUnsupportedData, "Binary not supported");
  }
  std::string plain;
  if (wire::IsGzip(payload)) {
    const auto max = static_cast<size_t>(front_.settings.security.max_ws_message_size);
    if (!wire::Gunzip(payload, max, plain)) {
      return socket_.SendError(
          kProtocolId, kUnsupportedData,
          "Malformed gzip, or more than " + std::to_string(max) + " bytes (security.max_ws_message_size)");
    }
    payload = plain;
  }
  auto request = reader_.ReadPack(payload);
  if (request) return Run(std::move(*request));
  socket_.SendError(kProtocolId, kUnsupportedData, request.error().message);
}

void LiveSession::OnTooLarge(uint64_t bytes_max) {
  socket_.SendError(kProtocolId, "MESSAGE_TOO_LARGE",
                    "Message exceeds maximum size of " + std::to_string(bytes_max) + " bytes");
}

void LiveSession::Run(wire::LiveRequest request) {
  std::visit([this](auto& of_kind) { OnRequest(std::move(of_kind)); }, request);
}

void LiveSession::OnRequest(wire::LiveSubscribe request) {
  if (!authenticated()) {
    return socket_.SendError("subscribe", "AUTH_REQUIRED", "Authentication required before subscribing");
  }
  if (IsBlank(request.id)) {
    return socket_.SendError("invalid_subscription", "INVALID_SUBSCRIPTION_ID",
                             "Subscription ID cannot be empty");
  }
  if (request.id.size() > limits::kSubscriptionIdBytesMax) {
    return socket_.SendError("invalid_subscription", "INVALID_SUBSCRIPTION_ID",
                             "Subscription ID too long: " + std::to_string(request.id.size()) +
                                 " bytes (maximum " + std::to_string(limits::kSubscriptionIdBytesMax) +
                                 " bytes)");
  }
  if (!connected_) {
    return socket_.SendError(request.id, "SUBSCRIPTION_FAILED",
                             "Live queries are not available on this server");
  }
  front_.routes.services.live->Subscribe(key_, std::move(request));
}

// Before authentication these are dropped, as the protocol has it.
void LiveSession::OnRequest(wire::LiveNextBatch request) {
  if (connected_) front_.routes.services.live->NextBatch(key_, std::move(request));
}

void LiveSession::OnRequest(wire::LiveUnsubscribe request) {
  if (connected_) front_.routes.services.live->Unsubscribe(key_, std::move(request.subscription_id));
}

// Never answered; that it came is what counts.
void LiveSession::OnRequest(wire::LivePing) {}

void LiveSession::OnDrained() {
  if (connected_) front_.routes.services.live->OnDrained(key_);
}

void LiveSession::OnClosed() {
  if (std::exchange(connected_, false)) front_.routes.services.live->Disconnect(key_);
}

}  // namespace kalam::front
