// LiveBackend: what live sessions ask of the live queries behind them. The hub in the server, a fake in
// tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "live/outlet.h"
#include "model/principal.h"
#include "wire/live_request.h"

namespace kalam::front {

// Any thread; no function blocks. Answers come through the connection's outlet.
class LiveBackend {
 public:
  virtual ~LiveBackend() = default;
  // After authentication. `connection_id`: 32 hex digits. The key is valid until Disconnect.
  virtual uint64_t Connect(std::string connection_id, std::shared_ptr<const Principal> principal,
                           std::shared_ptr<live::Outlet> outlet) = 0;
  virtual void Subscribe(uint64_t key, wire::LiveSubscribe request) = 0;
  virtual void NextBatch(uint64_t key, wire::LiveNextBatch request) = 0;
  virtual void Unsubscribe(uint64_t key, std::string subscription_id) = 0;
  virtual void OnDrained(uint64_t key) = 0;
  virtual void Disconnect(uint64_t key) = 0;
};

}  // namespace kalam::front
