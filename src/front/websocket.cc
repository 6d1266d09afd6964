#include "front/websocket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "wire/live_reply.h"

namespace kalam::front {
namespace {

using boost::system::error_code;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// For the client to answer our close frame, and to hang up.
constexpr int64_t kCloseNanos = 2 * kNanosPerSecond;
constexpr int kReadsPerEvent = 4;  // then other sockets of the loop get their turn
// A client whose requests make more answers than it reads is not read from, beyond this much over the limit.
constexpr size_t kAnswersOverLimit = 64 << 10;
// Strangers may not make the server hold large messages.
constexpr int64_t kStrangerMessageBytesMax = 64 << 10;

}  // namespace

WebSocket::WebSocket(LiveSockets& sockets, Socket socket, WsOpening opening, std::string counted_ip)
    : sockets_(sockets),
      mailbox_(sockets.mailbox()),
      socket_(std::move(socket)),
      decoder_(static_cast<uint64_t>(
          std::min(sockets.front().settings.security.max_ws_message_size, kStrangerMessageBytesMax))),
      bytes_max_(static_cast<size_t>(sockets.front().settings.websocket.outbox_bytes)),
      counted_ip_(std::move(counted_ip)),
      session_(*this, sockets.front(), sockets.reader(), std::move(opening)) {}

WebSocket::~WebSocket() = default;

// --- Any thread ---

size_t WebSocket::Send(std::shared_ptr<const wire::LiveBody> body, const wire::LiveIdPtr& id) {
  if (deaf_.load(std::memory_order_relaxed)) return 0;
  LiveMail mail{
      shared_from_this(), {std::move(body), id, WsOutFrame::Kind::kMessage}, LiveMail::Kind::kFrame};
  const size_t size = mail.frame.size();
  const size_t waiting = waiting_.fetch_add(size, std::memory_order_relaxed) + size;
  mailbox_->Push(std::move(mail));
  return waiting;
}

void WebSocket::WantDrained() {
  if (!deaf_.load(std::memory_order_relaxed)) {
    mailbox_->Push({shared_from_this(), {}, LiveMail::Kind::kWantDrained});
  }
}

void WebSocket::Close(uint16_t code, std::string_view reason, Rest rest) {
  if (deaf_.load(std::memory_order_relaxed)) return;
  mailbox_->Push({shared_from_this(), MakeWsFrame(WsOutFrame::Kind::kClose, WsClosePayload(code, reason)),
                  rest == Rest::kDrop ? LiveMail::Kind::kDropAndClose : LiveMail::Kind::kClose});
}

// --- Opening ---

void WebSocket::Start(std::string unsent, std::string received) {
  opened_at_nanos_ = active_at_nanos_ = sockets_.front().clock.MonotonicNanos();
  active_micros_ = sockets_.front().clock.WallMicros();
  Queue(MakeWsFrame(WsOutFrame::Kind::kRaw, std::move(unsent)));
  session_.OnOpen();
  if (sockets_.loop().stopping()) OnStop();
  if (state_ != State::kClosed && !received.empty()) Process(received);
  if (state_ == State::kClosed) return;
  Flush();
  WaitReadable();
}

// --- Reading ---

void WebSocket::WaitReadable() {
  if (state_ == State::kClosed || read_waiting_) return;
  if (state_ == State::kOpen && waiting_bytes() > bytes_max_ + kAnswersOverLimit) return;
  read_waiting_ = true;
  socket_->async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    if (self->state_ == State::kClosed) return;
    self->read_waiting_ = false;
    if (error) return self->Destroy();
    self->OnReadable();
  });
}

void WebSocket::OnReadable() {
  for (int i = 0; i < kReadsPerEvent && state_ != State::kClosed; ++i) {
    if (!ReadOnce()) break;
  }
  if (state_ == State::kClosed) return;
  Flush();
  WaitReadable();
}

// False when there is no more for now.
bool WebSocket::ReadOnce() {
  const std::span<char> buffer = sockets_.read_buffer();
  const ssize_t size = ::recv(socket_->native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size <= 0) {
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) Destroy();
    return false;
  }
  active_at_nanos_ = sockets_.front().clock.MonotonicNanos();
  active_micros_.store(sockets_.front().clock.WallMicros(), std::memory_order_relaxed);
  Process(buffer.first(static_cast<size_t>(size)));
  return static_cast<size_t>(size) == buffer.size();
}

void WebSocket::Process(std::span<char> bytes) {
  while (state_ != State::kClosed && !faulted_) {
    const WsDecoder::Event event = decoder_.Feed(bytes);
    if (event == WsDecoder::Event::kNeedMore) return;
    OnEvent(event);
  }
}

void WebSocket::OnEvent(WsDecoder::Event event) {
  using Event = WsDecoder::Event;
  if (event == Event::kFault) {
    faulted_ = true;
    return BeginClose(decoder_.close_code(), decoder_.fault(), Rest::kDrop);
  }
  if (event == Event::kClose) return OnClientClose();
  if (state_ != State::kOpen) return;  // too late for anything else
  switch (event) {
    case Event::kPing:
      // A client that does not read its answers gets no more of them.
      if (waiting_bytes() <= bytes_max_) {
        Queue(MakeWsFrame(WsOutFrame::Kind::kPong, std::string(decoder_.payload())));
      }
      return;
    case Event::kText:
      return session_.OnText(decoder_.payload());
    case Event::kBinary:
      return session_.OnBinary(decoder_.payload());
    case Event::kTooLarge:
      return session_.OnTooLarge(decoder_.message_bytes_max());
    default:
      return;
  }
}

// --- Writing ---

void WebSocket::Queue(WsOutFrame frame) {
  waiting_.fetch_add(frame.size(), std::memory_order_relaxed);
  queue_.Push(std::move(frame));
}

bool WebSocket::Take(LiveMail& mail) {
  switch (mail.kind) {
    case LiveMail::Kind::kFrame:
      if (state_ != State::kOpen) {
        waiting_.fetch_sub(mail.frame.size(), std::memory_order_relaxed);
        return false;
      }
      queue_.Push(std::move(mail.frame));
      break;
    case LiveMail::Kind::kClose:
    case LiveMail::Kind::kDropAndClose:
      if (state_ != State::kOpen) return false;
      if (mail.kind == LiveMail::Kind::kDropAndClose) DropWaiting();
      QueueClose(std::string(mail.frame.body->tail()));
      break;
    case LiveMail::Kind::kWantDrained:
      if (state_ != State::kOpen) return false;
      want_drained_ = true;
      break;
  }
  return !std::exchange(touched_, true);
}

void WebSocket::FlushTouched() {
  touched_ = false;
  if (state_ != State::kClosed) Flush();
}

void WebSocket::Flush() {
  while (!queue_.empty() && !write_waiting_) {
    if (!WriteSome()) break;
  }
  if (state_ != State::kClosed) AfterFlush();
}

// False when the client takes no more for now, or the socket has failed.
bool WebSocket::WriteSome() {
  WsGather& gather = sockets_.gather();
  gather.Clear();
  for (size_t i = 0; i < queue_.size() && gather.has_room(); ++i) gather.Add(queue_.at(i), session_.gzip());
  const size_t wanted = gather.total() - front_written_;
  const ssize_t size = gather.Send(socket_->native_handle(), front_written_);
  if (size < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) {
      WaitWritable();
    } else {
      Destroy();
    }
    return false;
  }
  TakeWritten(static_cast<size_t>(size), gather);
  if (static_cast<size_t>(size) == wanted) return true;
  WaitWritable();
  return false;
}

void WebSocket::TakeWritten(size_t bytes, const WsGather& gather) {
  const size_t end = front_written_ + bytes;
  size_t begin_of_front = 0;
  size_t released = 0;
  for (size_t i = 0; i < gather.frames() && gather.end_of(i) <= end; ++i) {
    released += queue_.at(0).size();
    begin_of_front = gather.end_of(i);
    queue_.PopFront();
  }
  front_written_ = end - begin_of_front;
  waiting_.fetch_sub(released, std::memory_order_relaxed);
}

void WebSocket::WaitWritable() {
  write_waiting_ = true;
  socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (self->state_ == State::kClosed) return;
    self->write_waiting_ = false;
    if (error) return self->Destroy();
    // It reads, so it lives, although we may not be reading from it.
    self->active_at_nanos_ = self->sockets_.front().clock.MonotonicNanos();
    self->Flush();
    self->WaitReadable();
  });
}

void WebSocket::AfterFlush() {
  WaitReadable();  // which was put off while too much waited
  if (want_drained_ && waiting_bytes() <= bytes_max_ / 2) {
    want_drained_ = false;
    session_.OnDrained();
  }
  if (state_ != State::kEnding || !queue_.empty() || shut_) return;
  // Both close frames have passed. The client hangs up; closing first could reset the connection under it.
  shut_ = true;
  error_code error;
  (void)socket_->shutdown(Socket::shutdown_send, error);
  if (error) Destroy();
}

void WebSocket::SendText(std::string json) {
  if (state_ == State::kOpen) Queue(MakeWsFrame(WsOutFrame::Kind::kText, std::move(json)));
}

void WebSocket::SendError(std::string_view subscription_id, std::string_view code, std::string_view message) {
  if (state_ != State::kOpen) return;
  Queue({wire::LiveErrorBody(code, message), std::make_shared<const wire::LiveId>(subscription_id),
         WsOutFrame::Kind::kMessage});
}

// --- Closing ---

void WebSocket::DropWaiting() {
  const size_t kept = !queue_.empty() && (front_written_ != 0 || queue_.at(0).kind == WsOutFrame::Kind::kRaw);
  size_t dropped = 0;
  for (size_t i = kept; i < queue_.size(); ++i) dropped += queue_.at(i).size();
  queue_.Truncate(kept);
  waiting_.fetch_sub(dropped, std::memory_order_relaxed);
}

void WebSocket::QueueClose(std::string payload) {
  Queue(MakeWsFrame(WsOutFrame::Kind::kClose, std::move(payload)));
  state_ = State::kClosing;
  deadline_nanos_ = sockets_.front().clock.MonotonicNanos() + kCloseNanos;
  deaf_ = true;
  session_.OnClosed();
}

void WebSocket::BeginClose(uint16_t code, std::string_view reason, Rest rest) {
  if (state_ != State::kOpen) return;
  if (rest == Rest::kDrop) DropWaiting();
  QueueClose(WsClosePayload(code, reason));
}

void WebSocket::OnClientClose() {
  faulted_ = true;  // nothing may follow
  if (state_ == State::kOpen) {
    DropWaiting();
    const uint16_t code = decoder_.close_code();
    QueueClose(code == ws_close::kNoCode ? std::string() : WsClosePayload(code, decoder_.payload()));
  }
  if (state_ == State::kClosing) state_ = State::kEnding;
}

void WebSocket::Destroy() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  deaf_ = true;
  const WebSocketPtr self = shared_from_this();
  session_.OnClosed();
  queue_ = {};
  error_code error;
  (void)socket_->close(error);
  socket_.reset();
  FrontShared& front = sockets_.front();
  front.connections.fetch_sub(1);
  if (!counted_ip_.empty()) front.connection_counts.Remove(counted_ip_);
  sockets_.Remove(*this);
  sockets_.loop().EndWhenDone();
}

void WebSocket::OnStop() {
  BeginClose(ws_close::kGoingAway, "Server shutting down", Rest::kDrop);
  if (state_ != State::kClosed) Flush();
}

void WebSocket::OnTick(int64_t now_nanos, bool check_idle, bool give_up) {
  if (state_ == State::kClosed) return;
  if (state_ != State::kOpen) {
    if (now_nanos >= deadline_nanos_ || give_up) Destroy();
    return;
  }
  const auto& settings = sockets_.front().settings.websocket;
  if (!session_.authenticated() &&
      now_nanos - opened_at_nanos_ > settings.auth_timeout_secs * kNanosPerSecond) {
    session_.OnAuthTimeout();
    Flush();
  } else if (check_idle && now_nanos - active_at_nanos_ > settings.client_timeout_secs * kNanosPerSecond) {
    BeginClose(ws_close::kNormal, "Heartbeat timeout", Rest::kDrop);
    Flush();
  }
}

}  // namespace kalam::front
