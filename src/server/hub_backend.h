// HubBackend: the hub of live queries as the sessions of the network see it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "front/live_backend.h"
#include "live/hub.h"

namespace kalam::server {

// Thread-safe; does not own the hub.
class HubBackend final : public front::LiveBackend {
 public:
  explicit HubBackend(live::Hub& hub) : hub_(hub) {}

  uint64_t Connect(std::string connection_id, std::shared_ptr<const Principal> principal,
                   std::shared_ptr<live::Outlet> outlet) override {
    return hub_.Connect(std::move(connection_id), std::move(principal), std::move(outlet)).value;
  }
  void Subscribe(uint64_t key, wire::LiveSubscribe request) override {
    hub_.Subscribe(live::ConnectionKey(key), std::move(request));
  }
  void NextBatch(uint64_t key, wire::LiveNextBatch request) override {
    hub_.NextBatch(live::ConnectionKey(key), std::move(request));
  }
  void Unsubscribe(uint64_t key, std::string subscription_id) override {
    hub_.Unsubscribe(live::ConnectionKey(key), std::move(subscription_id));
  }
  void OnDrained(uint64_t key) override { hub_.OnDrained(live::ConnectionKey(key)); }
  void Disconnect(uint64_t key) override { hub_.Disconnect(live::ConnectionKey(key)); }

 private:
  live::Hub& hub_;
};

}  // namespace kalam::server
