// LiveSockets: the WebSockets of one loop, the mail that other threads leave for them, and the buffers that
// they share. Internal to front.
//
// Owner: the Loop. Threads: the loop's, but for LiveMailbox::Push.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "front/loop.h"
#include "front/websocket_out.h"
#include "front/websocket_upgrade.h"
#include "wire/live_request.h"

namespace kalam::front {

class LiveSockets;
class WebSocket;
using WebSocketPtr = std::shared_ptr<WebSocket>;

// What another thread asks of a socket.
struct LiveMail {
  enum class Kind : uint8_t { kFrame, kClose, kDropAndClose, kWantDrained };

  WebSocketPtr socket;
  WsOutFrame frame;  // kFrame; kClose and kDropAndClose: the close frame
  Kind kind = Kind::kFrame;
};

// Thread-safe. Outlives the loop as long as somebody holds an outlet; mail to a loop that is gone is dropped.
class LiveMailbox {
 public:
  LiveMailbox(boost::asio::io_context& context, LiveSockets& sockets)
      : context_(context), sockets_(sockets) {}

  void Push(LiveMail mail);
  // On the loop's thread.
  void Take(std::vector<LiveMail>& out);
  // Nothing is posted to the loop afterwards.
  void Close();

 private:
  boost::asio::io_context& context_;
  LiveSockets& sockets_;
  std::mutex mu_;
  std::vector<LiveMail> mail_;  // guarded by mu_
  bool open_ = true;            // guarded by mu_
};

class LiveSockets {
 public:
  explicit LiveSockets(Loop& loop);
  ~LiveSockets();
  LiveSockets(const LiveSockets&) = delete;
  LiveSockets& operator=(const LiveSockets&) = delete;

  // Takes over a socket whose upgrade was accepted. `unsent`: what HTTP has still to write, the 101 included.
  // `received`: what came behind the request. `counted_ip`: the address under which the connection is
  // counted, or empty.
  void Adopt(Socket socket, WsOpening opening, std::string unsent, std::string received,
             std::string counted_ip);
  void OnTick(int64_t now_nanos, bool give_up);
  void BeginStop();
  // Last: other threads' mail is dropped from now on.
  void End();
  bool empty() const { return sockets_.empty(); }
  void Remove(WebSocket& socket);
  void DrainMail();

  Loop& loop() { return loop_; }
  FrontShared& front() { return front_; }
  const std::shared_ptr<LiveMailbox>& mailbox() const { return mailbox_; }
  // Shared by the sockets, used within one event.
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadBytes}; }
  WsGather& gather() { return gather_; }
  wire::LiveRequestReader& reader() { return reader_; }

 private:
  static constexpr size_t kReadBytes = 64 << 10;

  std::vector<WebSocketPtr> All() const;

  Loop& loop_;
  FrontShared& front_;
  std::shared_ptr<LiveMailbox> mailbox_;
  std::unordered_map<WebSocket*, WebSocketPtr> sockets_;
  std::vector<LiveMail> draining_;     // reused by DrainMail
  std::vector<WebSocketPtr> touched_;  // reused by DrainMail
  std::unique_ptr<char[]> read_buffer_;
  WsGather gather_;
  wire::LiveRequestReader reader_;
  int64_t heartbeat_at_nanos_ = 0;  // of the next look at idle sockets
};

}  // namespace kalam::front
