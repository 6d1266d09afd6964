#include "front/server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "front/connection.h"
#include "front/loop.h"

namespace kalam::front {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr unsigned kThreadsMax = 4;
constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
constexpr int64_t kNanosPerSecond = 1'000'000'000;
// Running requests end by their own deadline; then they are told to stop.
constexpr int64_t kStopGraceNanos = 2 * kNanosPerSecond;

size_t ThreadCount(const config::Settings& settings) {
  if (settings.server.workers > 0) return static_cast<size_t>(settings.server.workers);
  return std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax);
}

// One listening socket. Its handlers run on the first loop; accepted sockets go to the loops in turn.
class Listener {
 public:
  Listener(std::vector<std::unique_ptr<Loop>>& loops, size_t& next_loop)
      : loops_(loops),
        next_loop_(next_loop),
        acceptor_(loops.front()->context()),
        retry_(loops.front()->context()) {}

  error_code Open(const tcp::endpoint& endpoint, int backlog) {
    error_code error;
    (void)acceptor_.open(endpoint.protocol(), error);
    if (error) return error;
    (void)acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    (void)acceptor_.bind(endpoint, error);
    if (error) return error;
    (void)acceptor_.listen(backlog, error);
    return error;
  }
  uint16_t port() const {
    error_code error;
    return acceptor_.local_endpoint(error).port();
  }

  void AcceptNext() {
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    acceptor_.async_accept(loop.context(), [this, &loop](const error_code& error, Socket socket) {
      if (!acceptor_.is_open()) return;
      if (!error) {
        loop.Accept(std::move(socket));
        AcceptNext();
      } else {
        RetryLater();  // out of file descriptors, most likely
      }
    });
  }

  void Close() {
    error_code error;
    (void)acceptor_.close(error);
    retry_.cancel();
  }

 private:
  void RetryLater() {
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](const error_code& error) {
      if (!error && acceptor_.is_open()) AcceptNext();
    });
  }

  std::vector<std::unique_ptr<Loop>>& loops_;
  size_t& next_loop_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
};

}  // namespace

struct HttpServer::Impl {
  explicit Impl(const FrontServices& services) : front(services) {}

  Status Listen();
  Error BindError(const error_code& error) const;

  FrontShared front;
  std::vector<std::unique_ptr<Loop>> loops;
  size_t next_loop = 0;  // of the first loop's thread
  std::vector<std::unique_ptr<Listener>> listeners;
  uint16_t port = 0;
  bool running = false;
};

HttpServer::HttpServer(FrontServices services) : impl_(std::make_unique<Impl>(services)) {}

HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const { return impl_->port; }

Error HttpServer::Impl::BindError(const error_code& error) const {
  const auto& server = front.settings.server;
  return Error(ErrorCode::kIo, "Cannot listen on " + server.host + ":" + std::to_string(server.port) + ": " +
                                   error.message() + " (settings server.host, server.port)");
}

// Every address of the host, such as 127.0.0.1 and ::1 for localhost; one that this machine lacks is passed
// over.
Status HttpServer::Impl::Listen() {
  const auto& settings = front.settings;
  tcp::resolver resolver(loops.front()->context());
  error_code error;
  const auto found = resolver.resolve(settings.server.host, "", tcp::resolver::passive, error);
  if (error) return Fail(BindError(error));
  port = static_cast<uint16_t>(settings.server.port);
  for (const auto& entry : found) {
    auto listener = std::make_unique<Listener>(loops, next_loop);
    const error_code failed =
        listener->Open({entry.endpoint().address(), port}, static_cast<int>(settings.performance.backlog));
    if (failed) {
      error = failed;
      if (failed == asio::error::address_in_use || failed == asio::error::access_denied)
        return Fail(BindError(failed));
      continue;
    }
    if (port == 0) port = listener->port();
    listeners.push_back(std::move(listener));
  }
  if (listeners.empty()) return Fail(BindError(error));
  return {};
}

Status HttpServer::Start() {
  const size_t threads = ThreadCount(impl_->front.settings);
  for (size_t i = 0; i < threads; ++i) impl_->loops.push_back(std::make_unique<Loop>(impl_->front));
  const Status listening = impl_->Listen();
  if (!listening) {
    impl_->listeners.clear();
    impl_->loops.clear();
    return listening;
  }
  for (const auto& listener : impl_->listeners) listener->AcceptNext();
  for (size_t i = 0; i < threads; ++i) impl_->loops[i]->StartThread("kalam-io-" + std::to_string(i));
  impl_->running = true;
  return {};
}

void HttpServer::Stop() {
  if (!std::exchange(impl_->running, false)) return;
  asio::post(impl_->loops.front()->context(), [this] {
    for (const auto& listener : impl_->listeners) listener->Close();
  });
  const int64_t grace =
      impl_->front.settings.execution.handler_timeout_seconds * kNanosPerSecond + kStopGraceNanos;
  for (const auto& loop : impl_->loops) loop->BeginStop(grace);
  for (const auto& loop : impl_->loops) loop->JoinThread();
  impl_->listeners.clear();
}

}  // namespace kalam::front
