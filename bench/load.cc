#include "load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "http_reply.h"

namespace kalam::bench {
namespace {

constexpr size_t kReceiveBytes = 64 * 1024;
constexpr int64_t kStuckNanos = 60'000'000'000;  // no answer for this long ends the run as a fault

struct Connection {
  ~Connection() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;
  bool busy = false;
  bool wants_write = false;
  uint64_t request = 0;
  int64_t due_nanos = 0;
  std::string out;
  size_t sent = 0;
  std::vector<char> in = std::vector<char>(kReceiveBytes);
  size_t received = 0;
};

// State that the threads of one run share.
struct Shared {
  const Endpoint& endpoint;
  const Workload& workload;
  int64_t begin_nanos = 0;
  int64_t end_nanos = 0;
  std::atomic<uint64_t> next_request{0};
  std::atomic<bool> exhausted{false};
  std::atomic<bool> failed{false};
};

class Driver {
 public:
  Driver(Shared& shared, int connections, double rate) : shared_(shared), rate_(rate) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; ++i) connections_.push_back(std::make_unique<Connection>());
  }
  ~Driver() { close(epoll_); }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  bool Connect() {
    for (auto& connection : connections_) {
      connection->fd = ConnectLoopback(shared_.endpoint.port);
      if (connection->fd < 0) return Fail(std::string("connect: ") + std::strerror(errno));
      fcntl(connection->fd, F_SETFL, O_NONBLOCK);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = connection.get();
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd, &event);
      idle_.push_back(connection.get());
    }
    return true;
  }

  void Run() {
    // Threads of an open loop take turns in time, each with its share of the rate.
    next_due_ = shared_.begin_nanos;
    if (rate_ == 0) {
      while (!idle_.empty() && Send(TakeIdle(), NowNanos())) {
      }
    }
    std::vector<epoll_event> events(connections_.size());
    int64_t last_event = NowNanos();
    while (!shared_.failed) {
      if (rate_ > 0) SendDue();
      if (Finished()) break;
      const int count = Wait(events);
      const int64_t now = NowNanos();
      if (count > 0) last_event = now;
      if (busy_ > 0 && now - last_event > kStuckNanos) Fail("no answer for 60 s");
      for (int i = 0; i < count && !shared_.failed; ++i) {
        auto& connection = *static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
        if ((events[static_cast<size_t>(i)].events & EPOLLOUT) != 0) Flush(connection);
        if ((events[static_cast<size_t>(i)].events & ~EPOLLOUT) != 0) Receive(connection);
      }
    }
  }

  const std::string& fault() const { return fault_; }
  const Histogram& latency() const { return latency_; }
  uint64_t completed() const { return completed_; }
  uint64_t measured() const { return measured_; }
  int64_t last_answer_nanos() const { return last_answer_; }

 private:
  bool Fail(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
    shared_.failed = true;
    return false;
  }

  bool Over() const { return shared_.exhausted || NowNanos() >= shared_.end_nanos; }

  bool Finished() const {
    if (busy_ > 0) return false;
    if (rate_ == 0) return true;  // every connection stopped for itself
    return Over();
  }

  Connection& TakeIdle() {
    Connection& connection = *idle_.front();
    idle_.pop_front();
    return connection;
  }

  // Open loop: sends what is due; what finds no idle connection waits here and keeps its due time.
  void SendDue() {
    const int64_t now = NowNanos();
    const auto step = static_cast<int64_t>(1e9 / rate_);
    while (!idle_.empty() && next_due_ <= now && next_due_ < shared_.end_nanos) {
      if (!Send(TakeIdle(), next_due_)) return;
      next_due_ += step;
    }
  }

  int Wait(std::vector<epoll_event>& events) {
    timespec limit{.tv_sec = 1, .tv_nsec = 0};
    if (rate_ > 0 && !idle_.empty() && !shared_.exhausted) {
      const int64_t wait = std::max<int64_t>(std::min(next_due_, shared_.end_nanos) - NowNanos(), 0);
      limit = {.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
    }
    return epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  }

  bool Send(Connection& connection, int64_t due_nanos) {
    connection.request = shared_.next_request.fetch_add(1, std::memory_order_relaxed);
    body_.clear();
    if (!shared_.workload.make(connection.request, body_)) {
      shared_.next_request.fetch_sub(1, std::memory_order_relaxed);
      shared_.exhausted = true;
      return false;
    }
    connection.out.clear();
    AppendRequest(shared_.endpoint, "POST", body_, connection.out);
    connection.sent = 0;
    connection.due_nanos = due_nanos;
    connection.busy = true;
    ++busy_;
    Flush(connection);
    return true;
  }

  void Flush(Connection& connection) {
    while (connection.sent < connection.out.size()) {
      const ssize_t n = send(connection.fd, connection.out.data() + connection.sent,
                             connection.out.size() - connection.sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EAGAIN) {
        Fail(std::string("send: ") + std::strerror(errno));
        return;
      }
      if (n < 0) break;
      connection.sent += static_cast<size_t>(n);
    }
    WatchWrite(connection, connection.sent < connection.out.size());
  }

  void WatchWrite(Connection& connection, bool on) {
    if (connection.wants_write == on) return;
    connection.wants_write = on;
    epoll_event event{};
    event.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  void Receive(Connection& connection) {
    if (connection.received == connection.in.size()) connection.in.resize(connection.in.size() * 2);
    const ssize_t n = recv(connection.fd, connection.in.data() + connection.received,
                           connection.in.size() - connection.received, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      Fail(n == 0 ? "the server closed a connection" : std::string("receive: ") + std::strerror(errno));
      return;
    }
    connection.received += static_cast<size_t>(n);
    Reply reply;
    const std::string_view bytes(connection.in.data(), connection.received);
    switch (ParseReply(bytes, scratch_, reply)) {
      case ReplyState::kIncomplete:
        return;
      case ReplyState::kMalformed:
        Fail("not an HTTP reply: " + std::string(bytes.substr(0, 200)));
        return;
      case ReplyState::kComplete:
        break;
    }
    if (!connection.busy || reply.size != connection.received) {
      Fail("bytes that no request asked for: " + std::string(bytes.substr(0, 200)));
      return;
    }
    Complete(connection, reply);
  }

  void Complete(Connection& connection, const Reply& reply) {
    const int64_t now = NowNanos();
    if (reply.status != 200 || !shared_.workload.check(connection.request, reply.body)) {
      Fail("request " + std::to_string(connection.request) + ": wrong answer, status " +
           std::to_string(reply.status) + ": " + std::string(reply.body.substr(0, 400)));
      return;
    }
    if (reply.will_close) {
      Fail("the server closes a keep-alive connection");
      return;
    }
    latency_.Record(now - connection.due_nanos);
    ++completed_;
    if (now < shared_.end_nanos) ++measured_;
    last_answer_ = now;
    connection.received = 0;
    connection.busy = false;
    --busy_;
    if (rate_ > 0) {
      idle_.push_back(&connection);
    } else if (!shared_.exhausted && now < shared_.end_nanos) {
      Send(connection, now);
    }
  }

  Shared& shared_;
  const double rate_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;
  int busy_ = 0;
  int64_t next_due_ = 0;
  int64_t last_answer_ = 0;
  std::string body_;
  std::string scratch_;
  std::string fault_;
  Histogram latency_;
  uint64_t completed_ = 0;
  uint64_t measured_ = 0;
};

}  // namespace

int64_t NowNanos() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int ConnectLoopback(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

void AppendRequest(const Endpoint& endpoint, std::string_view method, std::string_view body,
                   std::string& out) {
  out.append(method).append(" ").append(endpoint.path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  if (!endpoint.token.empty()) out.append("Authorization: Bearer ").append(endpoint.token).append("\r\n");
  if (method == "POST") {
    out.append("Content-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n");
  }
  out.append("\r\n").append(body);
}

LoadResult RunLoad(const Endpoint& endpoint, const Workload& workload, const LoadOptions& options) {
  Shared shared{.endpoint = endpoint, .workload = workload};
  shared.next_request = options.first_request;
  std::vector<std::unique_ptr<Driver>> drivers;
  const int threads = std::min(options.threads, options.connections);
  for (int i = 0; i < threads; ++i) {
    const int share = options.connections / threads + (i < options.connections % threads ? 1 : 0);
    drivers.push_back(std::make_unique<Driver>(shared, share, options.rate / threads));
  }
  LoadResult result;
  for (auto& driver : drivers) {
    if (!driver->Connect()) break;
  }
  shared.begin_nanos = NowNanos();
  shared.end_nanos = shared.begin_nanos + static_cast<int64_t>(options.seconds * 1e9);
  if (!shared.failed) {
    std::vector<std::jthread> running;
    for (size_t i = 1; i < drivers.size(); ++i) running.emplace_back([&, i] { drivers[i]->Run(); });
    drivers[0]->Run();
  }
  uint64_t measured = 0;
  int64_t last_answer = shared.begin_nanos;
  for (const auto& driver : drivers) {
    if (result.fault.empty()) result.fault = driver->fault();
    result.latency.Merge(driver->latency());
    result.completed += driver->completed();
    measured += driver->measured();
    last_answer = std::max(last_answer, driver->last_answer_nanos());
  }
  result.next_request = shared.next_request;
  // A workload that ran out of requests ends before its time.
  result.seconds = static_cast<double>(std::min(shared.end_nanos, last_answer) - shared.begin_nanos) / 1e9;
  if (result.seconds > 0) result.rate = static_cast<double>(measured) / result.seconds;
  return result;
}

}  // namespace kalam::bench
