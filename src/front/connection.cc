#include "front/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cassert>
#include <cerrno>

#include "front/live_sockets.h"
#include "front/replies.h"
#include "front/response_head.h"
#include "front/websocket_upgrade.h"
#include "observe/log.h"

namespace kalam::front {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kReadBytesMin = 2 << 10;      // room for each read
constexpr size_t kReadBytesLarge = 64 << 10;   // when a large body is on its way
constexpr size_t kKeptBytesMax = 64 << 10;     // larger buffers are freed after use
constexpr size_t kCopiedBodyMax = 64 << 10;    // larger bodies are written from where they are
constexpr size_t kOutputBytesMax = 256 << 10;  // written out before further pipelined requests are looked at
constexpr uint64_t kDiscardedBodyMax =
    1 << 20;  // a refused body up to this size is read, so that the connection stays usable
constexpr int64_t kIdleNanos = 2 * kNanosPerSecond;  // then an idle connection gives its buffers back
constexpr int64_t kStallNanos =
    30 * kNanosPerSecond;  // a client that neither sends its body nor takes its answer
constexpr int64_t kUntrustedLogNanos = 60 * kNanosPerSecond;
constexpr int64_t kLingerNanos = 2 * kNanosPerSecond;
constexpr int64_t kCheckClientNanos =
    kNanosPerSecond;  // a running request's client is looked after from then on

std::string PeerIp(const Socket& socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return {};
  // Without the "%eth0" of link-local addresses.
  return CanonicalIp(peer.address().is_v6()
                         ? asio::ip::address_v6(peer.address().to_v6().to_bytes()).to_string()
                         : peer.address().to_string());
}

}  // namespace

// Gives its response to the connection once. Dropped without one, the client gets a 500 rather than silence.
class Connection::Answer {
 public:
  explicit Answer(ConnectionPtr connection) : connection_(std::move(connection)) {}
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (connection_ != nullptr) (*this)(GuardReply(500, "INTERNAL_ERROR", "The request was dropped"));
  }

  void operator()(HttpResponse response) {
    assert(connection_ != nullptr);
    ConnectionPtr connection = std::move(connection_);
    if (Loop::Current() == &connection->loop_ && connection->in_route_) {
      connection->in_route_ = false;  // RunRoute sees that the answer is there
      connection->AppendResponse(response);
    } else {
      Loop& loop = connection->loop_;
      loop.Complete(std::move(connection), std::move(response));
    }
  }

 private:
  ConnectionPtr connection_;
};

Connection::Connection(Loop& loop, Socket socket)
    : loop_(loop), front_(loop.front()), socket_(std::move(socket)), stop_(std::nostopstate) {}

Connection::~Connection() = default;

void Connection::Start() {
  error_code error;
  (void)socket_->non_blocking(true, error);
  (void)socket_->set_option(tcp::no_delay(true), error);
  peer_ip_ = PeerIp(*socket_);
  peer_trusted_ = front_.client_ips.IsTrusted(peer_ip_);
  active_at_nanos_ = state_at_nanos_ = loop_.coarse_nanos();
  const int64_t connections = front_.connections.fetch_add(1) + 1;
  front_.metrics.Opened();
  int64_t from_ip = 0;
  // Proxies and local programs bring many clients.
  const auto& limits = front_.settings.rate_limit;
  if (!peer_trusted_ && limits.enable_connection_protection) {
    from_ip = front_.connection_counts.Add(peer_ip_);
    counted_by_ip_ = true;
  }
  std::optional<HttpResponse> refusal;
  if (connections > front_.settings.performance.max_connections) {
    refusal = TooManyConnectionsReply("Too many connections", connections,
                                      front_.settings.performance.max_connections);
  } else if (limits.max_connections_per_ip > 0 && from_ip > limits.max_connections_per_ip) {
    refusal = TooManyConnectionsReply("Too many connections from your IP address", from_ip,
                                      limits.max_connections_per_ip);
  }
  if (!refusal) return StartRead();
  close_after_ = true;
  AppendResponse(*refusal);
  Flush();
}

std::string_view Connection::body() const {
  if (chunks_ != nullptr) return chunks_->text();
  return {input_.data() + head_size_, static_cast<size_t>(head_.content_length)};
}

bool Connection::is_https() const {
  return peer_trusted_ && header("X-Forwarded-Proto").value_or("").starts_with("https");
}

// --- Reading ---

void Connection::StartRead() {
  if (read_pending_ || state_ == State::kClosed) return;
  read_pending_ = true;
  ReadSome();
}

void Connection::ReadSome() {
  const size_t missing = BodyBytesMissing();
  const size_t room = missing > kReadBytesMin ? std::min(missing, kReadBytesLarge) : kReadBytesMin;
  const std::span<char> space = input_.Prepare(room);
  socket_->async_read_some(
      asio::buffer(space.data(), space.size()),
      [self = shared_from_this()](const error_code& error, size_t bytes) { self->OnRead(error, bytes); });
}

// Waits for the next request without a buffer to read it into.
void Connection::WaitIdle() {
  ReleaseBuffers();
  idle_wait_ = true;
  socket_->async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    if (self->state_ == State::kClosed) return;
    self->idle_wait_ = false;
    if (error) return self->Close();
    self->ReadSome();
  });
}

void Connection::OnRead(const error_code& error, size_t bytes) {
  if (state_ == State::kClosed) return;
  if (error == asio::error::operation_aborted) return WaitIdle();  // OnTick found the connection idle
  read_pending_ = false;
  if (error) return Close();
  active_at_nanos_ = loop_.coarse_nanos();
  if (state_ == State::kLingering) return StartRead();  // into the same room, unread
  input_.Commit(bytes);
  ProcessInput();
}

void Connection::ProcessInput() {
  Step step = Step::kAgain;
  while (step == Step::kAgain) {
    step = TakeStep();
    if (OutputSize() >= kOutputBytesMax && step == Step::kAgain && !Flush()) return;
  }
  if (!Flush() || state_ != State::kReading || step != Step::kNeedMore) return;
  StartRead();
}

Connection::Step Connection::TakeStep() {
  if (state_ != State::kReading || close_after_) return Step::kPaused;
  if (discard_ != 0) return Discard();
  if (!head_done_) return TakeHead();
  return chunks_ != nullptr ? TakeChunks() : TakeBody();
}

Connection::Step Connection::Discard() {
  const auto size = static_cast<size_t>(std::min<uint64_t>(discard_, input_.size()));
  input_.Consume(size);
  discard_ -= size;
  return discard_ == 0 ? Step::kAgain : Step::kNeedMore;
}

Connection::Step Connection::TakeHead() {
  // RFC 9112 section 2.2: empty lines before a request are passed over.
  while (scanned_ == 0 && input_.size() >= 2 && input_.view().starts_with("\r\n")) input_.Consume(2);
  if (input_.empty()) {
    in_head_ = false;
    return Step::kNeedMore;
  }
  if (!in_head_) {
    in_head_ = true;
    state_at_nanos_ = loop_.coarse_nanos();
  }
  const auto limit = static_cast<size_t>(front_.settings.performance.max_header_size);
  head_size_ = FindHeadEnd(input_.view(), scanned_);
  if ((head_size_ == 0 ? input_.size() : head_size_) > limit) {
    return FailRequest(
        GuardReply(431, "HEADERS_TOO_LARGE", "Request headers exceed the maximum allowed size"));
  }
  if (head_size_ == 0) {
    scanned_ = input_.size();
    return Step::kNeedMore;
  }
  switch (ParseHead(input_.view().substr(0, head_size_), head_)) {
    case HeadFault::kNone:
      break;
    case HeadFault::kTooManyFields:
      return FailRequest(GuardReply(431, "HEADERS_TOO_LARGE", "Request has too many headers"));
    case HeadFault::kVersion:
      return FailRequest(GuardReply(505, "HTTP_VERSION_NOT_SUPPORTED", "Use HTTP/1.1"));
    case HeadFault::kTransferCoding:
      return FailRequest(GuardReply(501, "TRANSFER_ENCODING_NOT_SUPPORTED", "Only chunked is supported"));
    case HeadFault::kMalformed:
      return FailRequest(GuardReply(400, "BAD_REQUEST", "Malformed HTTP request"));
  }
  in_head_ = false;
  head_done_ = true;
  received_at_nanos_ = front_.clock.MonotonicNanos();
  NoteClient();
  if (auto refusal = Refuse()) return RefuseAfterHead(std::move(*refusal));
  if (head_.chunked) {
    chunks_ = std::make_unique<ChunkedBody>(BodyBytesMax());
  }
  if (head_.chunked || BodyBytesMissing() != 0) SendContinue();
  return Step::kAgain;
}

// A client that asked first gets told to go on. What is already in the buffer shows that it did not wait.
void Connection::SendContinue() {
  const auto expect = header("Expect");
  if (expect && !head_.http_1_0 && input_.size() == head_size_) output_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

size_t Connection::BodyBytesMissing() const {
  if (!head_done_ || head_.chunked) return 0;
  const uint64_t total = head_size_ + head_.content_length;
  return total > input_.size() ? static_cast<size_t>(total - input_.size()) : 0;
}

// The route's limit once it is known, never more than the server's.
uint64_t Connection::BodyBytesMax() const {
  const auto max = static_cast<uint64_t>(front_.settings.rate_limit.request_body_limit_bytes);
  return route_ == nullptr ? max : std::min(max, route_->body_bytes_max);
}

Connection::Step Connection::TakeBody() { return BodyBytesMissing() != 0 ? Step::kNeedMore : RunRoute(); }

Connection::Step Connection::TakeChunks() {
  size_t used = 0;
  const ChunkedBody::State state = chunks_->Feed(input_.view().substr(head_size_), used);
  input_.Erase(head_size_, used);
  switch (state) {
    case ChunkedBody::State::kMore:
      return Step::kNeedMore;
    case ChunkedBody::State::kDone:
      return RunRoute();
    case ChunkedBody::State::kTooLarge:
      return FailRequest(BodyTooLargeReply(BodyBytesMax() + 1, BodyBytesMax()));
    case ChunkedBody::State::kMalformed:
      break;
  }
  return FailRequest(GuardReply(400, "BAD_REQUEST", "Malformed chunked body"));
}

// --- Answering ---

void Connection::NoteClient() {
  client_ip_.clear();
  const auto forwarded_for = header("X-Forwarded-For");
  const auto real_ip = header("X-Real-IP");
  if (!forwarded_for && !real_ip) return;
  if (!peer_trusted_) {
    // Once in a while: a stranger must not fill the log.
    int64_t logged_at = front_.untrusted_logged_at_nanos.load(std::memory_order_relaxed);
    if (received_at_nanos_ < logged_at + kUntrustedLogNanos && logged_at != INT64_MIN) return;
    if (!front_.untrusted_logged_at_nanos.compare_exchange_strong(logged_at, received_at_nanos_)) return;
    observe::LogWarn(
        "forwarding headers from {} are ignored: it is no trusted proxy (security.trusted_proxy_ranges)",
        peer_ip_);
    return;
  }
  client_ip_ = ClientIpRule::ForwardedClient(forwarded_for.value_or(""), real_ip.value_or(""), peer_ip_);
}

// What stands before the route: size, bans and rates, CORS, the route's own admission.
std::optional<HttpResponse> Connection::Refuse() {
  route_ = nullptr;
  if (head_.content_length > BodyBytesMax()) return BodyTooLargeReply(head_.content_length, BodyBytesMax());
  if (auto refusal = front_.guard.Check(client_ip(), received_at_nanos_)) return refusal;
  if (Cors::IsPreflight(*this)) return front_.cors.Preflight(*this);
  RouteMatch match = FindRoute(path(), method());
  if (match.route == nullptr) return std::move(match.refusal);
  route_ = match.route;
  if (head_.content_length > BodyBytesMax()) return BodyTooLargeReply(head_.content_length, BodyBytesMax());
  return route_->admit == nullptr ? std::nullopt : route_->admit(*this, front_.routes);
}

// Answers without the body. What of it has not arrived is read and dropped, or the connection ends.
Connection::Step Connection::RefuseAfterHead(HttpResponse response) {
  const size_t missing = BodyBytesMissing();
  if (head_.chunked || missing > kDiscardedBodyMax || (missing != 0 && header("Expect"))) {
    return FailRequest(std::move(response));
  }
  AppendResponse(response);
  discard_ = missing;
  EndRequest();
  return close_after_ ? Step::kPaused : Step::kAgain;
}

// Answers and ends the connection: what follows in the input cannot be told apart.
Connection::Step Connection::FailRequest(HttpResponse response) {
  close_after_ = true;
  AppendResponse(response);
  return Step::kPaused;
}

Connection::Step Connection::RunRoute() {
  if (route_->upgrade) return Upgrade();
  in_route_ = true;
  state_ = State::kAnswering;
  state_at_nanos_ = loop_.coarse_nanos();
  if (!stop_.stop_possible()) stop_ = std::stop_source();
  route_->handle(*this, front_.routes, Answer(shared_from_this()));
  if (in_route_) {
    in_route_ = false;
    loop_.AnswerOutstanding();
    return Step::kPaused;
  }
  EndRequest();
  return close_after_ ? Step::kPaused : Step::kAgain;
}

// The socket goes on as a WebSocket, with what is still to be written; this connection ends.
Connection::Step Connection::Upgrade() {
  auto opening = PrepareUpgrade(*this, front_.settings.security);
  if (loop_.stopping()) opening = std::unexpected(TextReply(503, "Server is shutting down"));
  if (head_.http_1_0) opening = std::unexpected(TextReply(400, "WebSockets need HTTP/1.1"));
  if (!opening) {
    AppendResponse(opening.error());
    EndRequest();
    return close_after_ ? Step::kPaused : Step::kAgain;
  }
  EndRequest();
  std::string unsent = std::move(output_) + std::move(large_);
  unsent.erase(0, written_);
  AppendStatusLine(101, unsent);
  unsent.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  unsent.append(opening->accept).append("\r\n\r\n");
  state_ = State::kClosed;
  const ConnectionPtr self = shared_from_this();
  loop_.live().Adopt(std::move(*socket_), std::move(*opening), std::move(unsent), std::string(input_.view()),
                     counted_by_ip_ ? std::move(peer_ip_) : std::string());
  socket_.reset();
  loop_.Remove(*this);
  return Step::kPaused;
}

void Connection::OnAnswer(HttpResponse response) {
  if (state_ == State::kClosed) return;
  AppendResponse(response);
  EndRequest();
  ProcessInput();
}

// Forgets the request that was answered.
void Connection::EndRequest() {
  const uint64_t size = head_size_ + (head_.chunked ? 0 : head_.content_length);
  input_.Consume(static_cast<size_t>(std::min<uint64_t>(size, input_.size())));
  if (input_.empty() && input_.capacity() > kKeptBytesMax) input_.Release();
  chunks_.reset();
  set_principal(nullptr);
  head_done_ = false;
  head_size_ = scanned_ = 0;
  if (state_ == State::kAnswering) state_ = State::kReading;
}

void Connection::AppendResponseHead(const HttpResponse& response, bool keep_alive) {
  std::string& out = large_.empty() ? output_ : large_;
  AppendStatusLine(response.status, out);
  if (!response.body.empty()) out.append("Content-Type: ").append(response.content_type).append("\r\n");
  AppendContentLength(response.body.size(), out);
  out += loop_.date_line();
  if (!keep_alive) {
    out += "Connection: close\r\n";
  } else if (head_.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  if (head_done_) {
    if (const auto origin = header("Origin")) front_.cors.AppendHeaders(*origin, out);
  }
  for (const auto& [name, value] : response.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  out += "\r\n";
}

void Connection::AppendResponse(HttpResponse& response) {
  if (head_done_)
    front_.metrics.Answered(response.status, front_.clock.MonotonicNanos() - received_at_nanos_);
  if (!head_done_ || !head_.keep_alive || loop_.stopping()) close_after_ = true;
  AppendResponseHead(response, !close_after_);
  if (head_done_ && head_.method == Method::kHead) return;
  if (!large_.empty()) {
    large_ += response.body;
  } else if (response.body.size() > kCopiedBodyMax) {
    large_ = std::move(response.body);
  } else {
    output_ += response.body;
  }
}

// --- Writing ---

// Writes what the client takes. False when the connection is closed, ends, or waits for the client to take
// more.
bool Connection::Flush() {
  if (state_ == State::kClosed || write_pending_) return false;
  while (OutputSize() != 0) {
    const size_t of_first = std::min(written_, output_.size());
    const std::array<asio::const_buffer, 2> rest = {
        asio::buffer(output_.data() + of_first, output_.size() - of_first),
        asio::buffer(large_.data() + (written_ - of_first), large_.size() - (written_ - of_first))};
    error_code error;
    written_ +=
        large_.empty() ? socket_->write_some(asio::buffer(rest[0]), error) : socket_->write_some(rest, error);
    if (error == asio::error::would_block) {
      WaitWritable();
      return false;
    }
    if (error) {
      Close();
      return false;
    }
    active_at_nanos_ = loop_.coarse_nanos();
  }
  written_ = 0;
  if (output_.capacity() > kKeptBytesMax) {
    output_ = {};
  } else {
    output_.clear();
  }
  large_ = {};
  if (!close_after_ || state_ == State::kAnswering) return true;
  StartLingering();
  return false;
}

void Connection::WaitWritable() {
  write_pending_ = true;
  socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (self->state_ == State::kClosed) return;
    self->write_pending_ = false;
    if (error) return self->Close();
    if (self->Flush()) self->ProcessInput();
  });
}

// The client may still be sending: closing at once would reset the connection and lose the answer.
void Connection::StartLingering() {
  if (state_ == State::kLingering) return;
  error_code error;
  (void)socket_->shutdown(Socket::shutdown_send, error);
  if (error) return Close();
  state_ = State::kLingering;
  state_at_nanos_ = loop_.coarse_nanos();
  head_done_ = false;
  if (!read_pending_) input_.Release();
  StartRead();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  if (stop_.stop_possible()) stop_.request_stop();
  const ConnectionPtr self = shared_from_this();
  error_code error;
  (void)socket_->close(error);
  socket_.reset();
  front_.connections.fetch_sub(1);
  front_.metrics.Closed();
  if (counted_by_ip_) front_.connection_counts.Remove(peer_ip_);
  loop_.Remove(*this);
}

void Connection::ReleaseBuffers() {
  input_.Release();
  output_ = {};
  head_.fields = {};
}

bool Connection::ClientIsGone() {
  char byte = 0;
  const ssize_t size = ::recv(socket_->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

void Connection::OnTick(int64_t now_nanos, bool give_up) {
  const auto& performance = front_.settings.performance;
  const int64_t quiet = now_nanos - active_at_nanos_;
  const int64_t in_state = now_nanos - state_at_nanos_;
  switch (state_) {
    case State::kClosed:
      return;
    case State::kLingering:
      if (in_state > kLingerNanos) Close();
      return;
    case State::kAnswering:
      if (write_pending_ && quiet > kStallNanos) return Close();
      if (give_up) stop_.request_stop();
      if (in_state > kCheckClientNanos && ClientIsGone()) Close();
      return;
    case State::kReading:
      break;
  }
  if (write_pending_) {
    if (quiet > kStallNanos || give_up) Close();
  } else if (in_head_) {
    if (in_state <= performance.client_request_timeout * kNanosPerSecond) return;
    FailRequest(GuardReply(408, "REQUEST_TIMEOUT", "The request did not arrive in time"));
    Flush();
  } else if (head_done_ || discard_ != 0) {
    if (quiet <= kStallNanos) return;
    FailRequest(GuardReply(408, "REQUEST_TIMEOUT", "The request body did not arrive in time"));
    Flush();
  } else if (quiet > performance.keepalive_timeout * kNanosPerSecond) {
    Close();
  } else if (!idle_wait_ && quiet > kIdleNanos && input_.empty()) {
    error_code error;
    (void)socket_->cancel(error);  // OnRead goes on with WaitIdle
  }
}

void Connection::OnStop() {
  // Without a request, or with half of one: nothing was promised.
  if (state_ == State::kReading && !write_pending_) return Close();
  close_after_ = true;
}

}  // namespace kalam::front
