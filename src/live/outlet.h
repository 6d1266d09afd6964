// Outlet: where the messages of one live connection leave. Implemented by the transport.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "wire/live_body.h"

namespace kalam::live {

// Any thread may call any function; none of them blocks. Stays callable after its socket is gone.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // Queues one message; messages leave in the order of the calls. Returns the bytes that wait now, this
  // message included; 0 when the socket is closed and nothing was kept. It never refuses: the hub stops
  // queueing when more than bytes_max() wait.
  virtual size_t Send(std::shared_ptr<const wire::LiveBody> body, const wire::LiveIdPtr& id) = 0;
  virtual size_t waiting_bytes() const = 0;
  virtual size_t bytes_max() const = 0;
  virtual wire::LiveEncoding encoding() const = 0;  // never changes
  // When the client was last heard, wall clock.
  virtual int64_t last_active_micros() const = 0;
  // Asks for one Hub::OnDrained(connection) as soon as at most half of bytes_max() waits; at once when that
  // is so already, but not on the caller's stack.
  virtual void WantDrained() = 0;
  // Sends a close frame and closes. What waits leaves before it, or is dropped but for a message that is half
  // written.
  enum class Rest : uint8_t { kSend, kDrop };
  virtual void Close(uint16_t code, std::string_view reason, Rest rest) = 0;
};

}  // namespace kalam::live
