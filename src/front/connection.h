// Connection: one client socket. Reads requests, hands them to routes one after the other, writes the
// answers. Internal to front.
//
// States and what moves between them (all on the loop's thread):
//
//   reading --whole request--> answering --answer--> reading    (ProcessInput; pipelined requests are handled
//   in one go) reading --head too slow, body too slow, malformed--> an answer, then closing any     --answer
//   that ends the connection is written--> lingering --client closes or 2 s--> closed any     --socket error,
//   idle too long, socket handed on as a WebSocket--> closed
//
// Invariants:
// 1. At most one request is being answered; its head and body stay where they are in input_ until it was.
// 2. While a read is pending, input_ does not move. No read is pending while answering or while output waits
// for the client.
// 3. Output is written in the order of the requests: output_ first, then large_.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "front/chunked_body.h"
#include "front/http.h"
#include "front/input_buffer.h"
#include "front/loop.h"
#include "front/request_parser.h"
#include "front/route.h"

namespace kalam::front {

class Connection final : public HttpRequest, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, Socket socket);
  ~Connection() override;

  void Start();
  // The answer of the running request, when it did not come while its route ran.
  void OnAnswer(HttpResponse response);
  void OnTick(int64_t now_nanos, bool give_up);
  void OnStop();

  // HttpRequest
  Method method() const override { return head_.method; }
  std::string_view path() const override { return head_.path.In(input_.data()); }
  std::string_view query() const override { return head_.query.In(input_.data()); }
  std::optional<std::string_view> header(std::string_view name) const override {
    return head_.Find(name, input_.data());
  }
  std::string_view body() const override;
  std::string_view peer_ip() const override { return peer_ip_; }
  std::string_view client_ip() const override { return client_ip_.empty() ? peer_ip() : client_ip_; }
  bool is_https() const override;
  int64_t received_at_nanos() const override { return received_at_nanos_; }
  std::stop_token stop() override { return stop_.get_token(); }

 private:
  class Answer;  // the Respond that routes get

  enum class State : uint8_t { kReading, kAnswering, kLingering, kClosed };
  enum class Step : uint8_t { kNeedMore, kAgain, kPaused };

  // Reading.
  void StartRead();
  void ReadSome();
  void WaitIdle();
  void OnRead(const boost::system::error_code& error, size_t bytes);
  void ProcessInput();
  Step TakeStep();
  Step TakeHead();
  Step TakeBody();
  Step TakeChunks();
  Step Discard();
  size_t BodyBytesMissing() const;
  uint64_t BodyBytesMax() const;
  void SendContinue();

  // Answering.
  void NoteClient();
  std::optional<HttpResponse> Refuse();
  Step RefuseAfterHead(HttpResponse response);
  Step FailRequest(HttpResponse response);
  Step RunRoute();
  Step Upgrade();
  void EndRequest();
  void AppendResponse(HttpResponse& response);
  void AppendResponseHead(const HttpResponse& response, bool keep_alive);

  // Writing.
  bool Flush();
  void WaitWritable();
  size_t OutputSize() const { return output_.size() + large_.size() - written_; }
  void CloseWhenWritten();
  void StartLingering();
  void Close();
  void ReleaseBuffers();
  bool ClientIsGone();

  Loop& loop_;
  FrontShared& front_;
  std::optional<Socket> socket_;  // empty when closed
  std::string peer_ip_;
  bool peer_trusted_ = false;
  bool counted_by_ip_ = false;

  State state_ = State::kReading;
  bool read_pending_ = false;   // an asynchronous read or wait
  bool idle_wait_ = false;      // it is a wait: buffers are released
  bool write_pending_ = false;  // waiting until the client takes more
  bool in_route_ = false;       // the route's function is on the stack
  bool close_after_ = false;    // when the output is written
  bool in_head_ = false;        // the first bytes of a request have arrived, its head is not complete
  bool head_done_ = false;
  int64_t active_at_nanos_ = 0;  // coarse: last bytes read or written
  int64_t state_at_nanos_ = 0;   // coarse: when the head began, the route was entered, or lingering began

  InputBuffer input_;
  size_t scanned_ = 0;  // bytes of input_ without the end of a head
  size_t head_size_ = 0;
  uint64_t discard_ = 0;  // bytes of a refused body still to come
  RequestHead head_;
  const Route* route_ = nullptr;
  std::unique_ptr<ChunkedBody> chunks_;
  std::string client_ip_;  // empty: the peer's
  int64_t received_at_nanos_ = 0;
  std::stop_source stop_;

  std::string output_;
  std::string large_;   // a large body that follows output_, not copied into it
  size_t written_ = 0;  // of both together
};

}  // namespace kalam::front
