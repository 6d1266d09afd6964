// Loop: one I/O thread with its event loop, its connections and its coarse clock. Internal to front.
#pragma once

#include <atomic>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/later_queue.h"
#include "front/client_ip.h"
#include "front/cors.h"
#include "front/http.h"
#include "front/http_metrics.h"
#include "front/rate_limit.h"
#include "front/route.h"

namespace kalam::front {

// Bound to the concrete executor: the type-erased one costs an allocation and two indirect calls per
// operation.
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class Connection;
class LiveSockets;
using ConnectionPtr = std::shared_ptr<Connection>;

// What all loops share. Immutable or thread-safe.
struct FrontShared {
  explicit FrontShared(const FrontServices& services);

  RouteContext routes;
  Cors cors;
  ClientIpRule client_ips;
  IpGuard guard;
  ConnectionCounts connection_counts;
  HttpMetrics metrics;
  std::atomic<int64_t> untrusted_logged_at_nanos{INT64_MIN};  // see Connection::NoteClient
  std::atomic<int64_t> connections{0};
  const config::Settings& settings;
  const Clock& clock;
};

// Invariants:
// 1. Connections, their sockets and the timer are touched by the loop's thread only.
// 2. A connection is in connections_ from Accept until it closes; an answer that is outstanding keeps the
// object alive beyond that.
// 3. The thread ends when the loop stops, no connection is left and no answer is outstanding: nobody can post
// to a loop that is gone.
// 4. A connection that becomes a WebSocket moves from connections_ to live_.
class Loop final : public LaterQueue {
 public:
  explicit Loop(FrontShared& front);
  ~Loop() override;

  void StartThread(const std::string& name);
  void JoinThread();

  // Any thread. Takes over an accepted socket of this loop's context.
  void Accept(Socket socket);
  // Any thread. Gives the answer of a request to its connection, on the loop's thread.
  void Complete(ConnectionPtr connection, HttpResponse response);
  // Any thread. Idle connections close, others when they have answered; after `grace_nanos` requests are told
  // to stop.
  void BeginStop(int64_t grace_nanos);

  boost::asio::io_context& context() { return context_; }
  FrontShared& front() { return front_; }

  // The rest: on the loop's thread.
  static Loop* Current();
  void RunLater(std::function<void()> work) override;
  bool stopping() const { return stopping_; }
  // Now, as of the last tick: exact enough for timeouts.
  int64_t coarse_nanos() const { return coarse_nanos_; }
  // "Date: ...\r\n"
  const std::string& date_line() const { return date_line_; }
  void AnswerOutstanding() { ++outstanding_; }
  void Remove(Connection& connection);
  LiveSockets& live() { return *live_; }
  // Ends the thread when the loop stops and nothing is left.
  void EndWhenDone();

 private:
  struct Completion {
    ConnectionPtr connection;
    HttpResponse response;
  };

  void Run();
  void ScheduleTick();
  void Tick();
  void DrainCompletions();

  FrontShared& front_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer tick_timer_;
  std::thread thread_;
  std::unordered_map<Connection*, ConnectionPtr> connections_;
  std::unique_ptr<LiveSockets> live_;   // the sockets that were upgraded
  std::vector<ConnectionPtr> ticking_;  // reused by Tick
  std::vector<Completion> draining_;    // reused by DrainCompletions
  int64_t outstanding_ = 0;             // requests whose answer will come through Complete
  int64_t coarse_nanos_ = 0;
  int64_t date_seconds_ = -1;
  std::string date_line_;
  bool stopping_ = false;
  bool ended_ = false;  // stopping and nothing is left
  int64_t stop_at_nanos_ = INT64_MAX;

  std::mutex mu_;
  std::vector<Completion> completions_;  // guarded by mu_
  std::atomic<int64_t> completing_{0};   // threads inside Complete
};

}  // namespace kalam::front
