// LiveSession: the live protocol on one WebSocket: authentication, limits, dispatch of requests. Internal to
// front.
//
// Owner: its WebSocket. Threads: the loop's; encoding() from any thread once authenticated. What
// subscriptions do is the backend's business; its answers go to the socket past the session.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "front/rate_limit.h"
#include "front/websocket_upgrade.h"
#include "model/principal.h"
#include "wire/live_request.h"

namespace kalam::front {

struct FrontShared;
class WebSocket;

class LiveSession {
 public:
  LiveSession(WebSocket& socket, FrontShared& front, wire::LiveRequestReader& reader, WsOpening opening);

  // Authenticates at once when the upgrade brought a token.
  void OnOpen();
  void OnText(std::string_view payload);
  void OnBinary(std::string_view payload);
  void OnTooLarge(uint64_t bytes_max);
  void OnAuthTimeout();
  void OnDrained();
  // No request will be passed on any more. May be called twice.
  void OnClosed();

  bool authenticated() const { return principal_ != nullptr; }
  wire::LiveEncoding encoding() const { return protocol_.encoding; }
  bool gzip() const { return compress_ && protocol_.gzip; }

 private:
  bool TakeMessage();
  void Run(wire::LiveRequest request);
  void Authenticate(std::string_view authorization, wire::LiveProtocol protocol);
  void Refuse(std::string_view message, std::string_view reason);
  void OnRequest(wire::LiveAuthenticate request);
  void OnRequest(wire::LiveSubscribe request);
  void OnRequest(wire::LiveNextBatch request);
  void OnRequest(wire::LiveUnsubscribe request);
  void OnRequest(wire::LivePing request);

  WebSocket& socket_;
  FrontShared& front_;
  wire::LiveRequestReader& reader_;
  std::shared_ptr<const Principal> principal_;
  std::unique_ptr<WsOpening> opening_;  // until authenticated
  TokenBucket messages_;
  uint64_t key_ = 0;  // of the backend; valid while connected_
  wire::LiveProtocol protocol_;
  bool compress_;
  bool connected_ = false;
};

}  // namespace kalam::front
