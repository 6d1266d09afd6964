#include "live_sockets.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "client.h"
#include "load.h"

namespace kalam::bench {
namespace {

constexpr size_t kReadBytes = 256 << 10;

// A masked text frame; a mask of zeros leaves the bytes as they are.
void AppendFrame(std::string_view payload, std::string& out) {
  out.push_back('\x81');
  if (payload.size() <= 125) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    out.push_back('\xFE');
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size()));
  }
  out.append(4, '\0');
  out += payload;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw BenchError(std::string("send to a live socket: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

struct LiveSockets::Socket {
  int number = 0;
  int fd = -1;
  int ready = 0;  // subscriptions whose snapshot is complete
  bool upgraded = false;
  bool authenticated = false;
  std::string in;
  size_t used = 0;  // bytes of `in` that were taken
};

uint64_t ChangedId(std::string_view message) {
  constexpr std::string_view kField = R"("id":")";
  const auto* at =
      static_cast<const char*>(memmem(message.data(), message.size(), kField.data(), kField.size()));
  uint64_t id = UINT64_MAX;
  if (at != nullptr) std::from_chars(at + kField.size(), message.data() + message.size(), id);
  return id;
}

LiveSockets::LiveSockets(LiveOptions options) : options_(std::move(options)) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_fd_, &event);
  for (int i = 0; i < options_.sockets; ++i) {
    sockets_.push_back(std::make_unique<Socket>());
    sockets_.back()->number = i;
    Open(*sockets_.back(), i);
  }
  const int64_t begin = NowNanos();
  for (int i = 0; i < options_.sockets; ++i) Subscribe(*sockets_[static_cast<size_t>(i)], i);
  for (const auto& socket : sockets_) {
    while (socket->ready < options_.subscriptions) ReadBlocking(*socket);
  }
  subscribe_nanos_ = NowNanos() - begin;
}

LiveSockets::~LiveSockets() {
  const uint64_t one = 1;
  if (write(stop_fd_, &one, sizeof(one)) < 0) std::abort();
  if (thread_.joinable()) thread_.join();
  for (const auto& socket : sockets_) close(socket->fd);
  close(stop_fd_);
  close(epoll_);
}

void LiveSockets::Open(Socket& socket, int number) {
  socket.fd = ConnectLoopback(options_.port);
  if (socket.fd < 0)
    throw BenchError("cannot open live socket " + std::to_string(number) + ": " + std::strerror(errno));
  SendAll(
      socket.fd,
      "GET /v1/ws?compress=false HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " +
          options_.token + "\r\n\r\n");
  while (!socket.authenticated) ReadBlocking(socket);
}

void LiveSockets::Subscribe(Socket& socket, int number) {
  std::string out;
  for (int i = 0; i < options_.subscriptions; ++i) {
    std::string message =
        R"({"type":"subscribe","subscription":{"id":"s)" + std::to_string(i) + R"(","sql":)";
    AppendJsonString(options_.sql(number, i), message);
    message += options_.snapshot ? R"(,"options":{}}})" : "}}";
    AppendFrame(message, out);
  }
  SendAll(socket.fd, out);
}

void LiveSockets::ReadBlocking(Socket& socket) {
  if (failed_) {
    std::lock_guard lock(mu_);
    throw BenchError(fault_);
  }
  std::array<char, 64 << 10> buffer;
  const ssize_t n = recv(socket.fd, buffer.data(), buffer.size(), 0);
  if (n <= 0) throw BenchError("the server closed live socket " + std::to_string(socket.number));
  socket.in.append(buffer.data(), static_cast<size_t>(n));
  TakeFrames(socket);
}

void LiveSockets::Fault(std::string why) {
  std::lock_guard lock(mu_);
  if (fault_.empty()) fault_ = std::move(why);
  failed_ = true;
}

// False at a fault.
bool LiveSockets::TakeFrames(Socket& socket) {
  if (!socket.upgraded) {
    const size_t end = socket.in.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    if (!socket.in.starts_with("HTTP/1.1 101")) {
      Fault("no WebSocket: " + socket.in.substr(0, 200));
      return false;
    }
    socket.upgraded = true;
    socket.used = end + 4;
  }
  while (true) {
    const std::string_view rest = std::string_view(socket.in).substr(socket.used);
    if (rest.size() < 2) break;
    size_t head = 2;
    uint64_t size = static_cast<uint8_t>(rest[1]);
    if (size >= 126) {
      const size_t bytes = size == 126 ? 2 : 8;
      if (rest.size() < 2 + bytes) break;
      size = 0;
      for (size_t i = 0; i < bytes; ++i) size = size << 8 | static_cast<uint8_t>(rest[2 + i]);
      head += bytes;
    }
    if (rest.size() < head + size) break;
    if (rest[0] != '\x81') {
      Fault("live socket " + std::to_string(socket.number) + ": a frame that is no text: " +
            std::string(rest.substr(head, static_cast<size_t>(std::min<uint64_t>(size, 200)))));
      return false;
    }
    if (!TakeMessage(socket, rest.substr(head, static_cast<size_t>(size)))) return false;
    socket.used += head + static_cast<size_t>(size);
  }
  if (socket.used == socket.in.size()) {
    socket.in.clear();
    socket.used = 0;
  } else if (socket.used > (64 << 10)) {
    socket.in.erase(0, socket.used);
    socket.used = 0;
  }
  return true;
}

bool LiveSockets::TakeMessage(Socket& socket, std::string_view message) {
  constexpr std::string_view kChange = R"({"type":"change")";
  if (message.starts_with(kChange)) {
    if (!options_.on_change(socket.number, message)) {
      Fault("live socket " + std::to_string(socket.number) +
            " got a wrong change: " + std::string(message.substr(0, 400)));
      return false;
    }
    // What on_change noted is there for whoever has waited for the count.
    changes_.fetch_add(1, std::memory_order_release);
    return true;
  }
  if (message.starts_with(R"({"type":"initial_data_batch")")) {
    snapshot_bytes_ += message.size();
    if (message.ends_with("}}") && message.find(R"("has_more":false)") != std::string_view::npos)
      ++socket.ready;
    return true;
  }
  if (message.starts_with(R"({"type":"subscription_ack")")) {
    if (!options_.snapshot) ++socket.ready;
    return true;
  }
  if (message.starts_with(R"({"type":"auth_success")")) {
    socket.authenticated = true;
    return true;
  }
  Fault("live socket " + std::to_string(socket.number) + ": " + std::string(message.substr(0, 400)));
  return false;
}

void LiveSockets::Start() {
  for (const auto& socket : sockets_) {
    fcntl(socket->fd, F_SETFL, fcntl(socket->fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = socket.get();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket->fd, &event);
  }
  thread_ = std::thread([this] { Run(); });
}

void LiveSockets::Run() {
  std::array<epoll_event, 256> events;
  while (!failed_) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* socket = static_cast<Socket*>(events[static_cast<size_t>(i)].data.ptr);
      if (socket == nullptr) return;  // stop_fd_
      Receive(*socket);
    }
  }
}

void LiveSockets::Receive(Socket& socket) {
  static thread_local std::array<char, kReadBytes> buffer;
  const ssize_t n = recv(socket.fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return Fault("the server closed live socket " + std::to_string(socket.number));
  socket.in.append(buffer.data(), static_cast<size_t>(n));
  if (TakeFrames(socket)) last_change_nanos_ = NowNanos();
}

void LiveSockets::WaitForChanges(uint64_t changes, double seconds) {
  const int64_t give_up = NowNanos() + static_cast<int64_t>(seconds * 1e9);
  while (changes_ < changes) {
    if (failed_) {
      std::lock_guard lock(mu_);
      throw BenchError(fault_);
    }
    if (NowNanos() > give_up) {
      throw BenchError("only " + std::to_string(changes_) + " of " + std::to_string(changes) +
                       " changes came");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace kalam::bench
