// WebSocket: one upgraded socket. Reads frames for its session, writes the frames that wait. Internal to
// front.
//
// States and what moves between them (all on the loop's thread):
//
//   open --we close: close frame queued--> closing --client's close frame--> ending --all written, client
//   hangs up--> closed; open --client's close frame, echoed--> ending; any --socket error, deadline--> closed
//
// Invariants:
// 1. Outlet's functions are for any thread: they leave mail for the loop and touch atomics only.
// 2. A socket is in LiveSockets until it closes; the outlet may be held longer and is deaf then.
// 3. Frames leave in the order of the queue; the first one may be partly written (front_written_ bytes).
// 4. An idle socket owns no buffers: reading and gathering use those of the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "front/live_session.h"
#include "front/live_sockets.h"
#include "front/websocket_frame.h"
#include "front/websocket_out.h"
#include "live/outlet.h"

namespace kalam::front {

class WebSocket final : public live::Outlet, public std::enable_shared_from_this<WebSocket> {
 public:
  WebSocket(LiveSockets& sockets, Socket socket, WsOpening opening, std::string counted_ip);
  ~WebSocket() override;

  // live::Outlet
  size_t Send(std::shared_ptr<const wire::LiveBody> body, const wire::LiveIdPtr& id) override;
  size_t waiting_bytes() const override { return waiting_.load(std::memory_order_relaxed); }
  size_t bytes_max() const override { return bytes_max_; }
  wire::LiveEncoding encoding() const override { return session_.encoding(); }
  int64_t last_active_micros() const override { return active_micros_.load(std::memory_order_relaxed); }
  void WantDrained() override;
  void Close(uint16_t code, std::string_view reason, Rest rest) override;

  // From here on: on the loop's thread. The first five for LiveSockets.
  void Start(std::string unsent, std::string received);
  // Queues what the mail brings. True when FlushTouched must be called after the whole batch.
  bool Take(LiveMail& mail);
  void FlushTouched();
  void OnTick(int64_t now_nanos, bool check_idle, bool give_up);
  void OnStop();

  // For the session.
  void SendText(std::string json);
  void SendError(std::string_view subscription_id, std::string_view code, std::string_view message);
  void BeginClose(uint16_t code, std::string_view reason, Rest rest);
  void AllowMessages(uint64_t bytes_max) { decoder_.set_message_bytes_max(bytes_max); }

 private:
  enum class State : uint8_t { kOpen, kClosing, kEnding, kClosed };

  void WaitReadable();
  void OnReadable();
  bool ReadOnce();
  void Process(std::span<char> bytes);
  void OnEvent(WsDecoder::Event event);
  void OnClientClose();
  void Queue(WsOutFrame frame);
  void QueueClose(std::string payload);
  void DropWaiting();
  void Flush();
  bool WriteSome();
  void TakeWritten(size_t bytes, const WsGather& gather);
  void WaitWritable();
  void AfterFlush();
  void Destroy();

  LiveSockets& sockets_;
  const std::shared_ptr<LiveMailbox> mailbox_;
  std::optional<Socket> socket_;  // empty when closed
  WsDecoder decoder_;
  WsQueue queue_;
  size_t front_written_ = 0;
  const size_t bytes_max_;
  std::atomic<size_t> waiting_{0};  // counts frames from Send on, before they are in queue_
  std::atomic<int64_t> active_micros_{0};
  std::atomic<bool> deaf_{false};
  int64_t active_at_nanos_ = 0;
  int64_t opened_at_nanos_ = 0;
  int64_t deadline_nanos_ = INT64_MAX;  // of closing
  State state_ = State::kOpen;
  bool touched_ = false;  // in LiveSockets' list of sockets to flush
  bool read_waiting_ = false;
  bool write_waiting_ = false;
  bool faulted_ = false;  // what comes in makes no sense any more
  bool shut_ = false;     // our side is shut down
  bool want_drained_ = false;
  std::string counted_ip_;
  LiveSession session_;
};

}  // namespace kalam::front
