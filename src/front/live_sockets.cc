#include "front/live_sockets.h"

#include <boost/asio/post.hpp>

#include "front/websocket.h"

namespace kalam::front {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kKeptMailMax = 16 << 10;  // entries; a larger list is freed after use

}  // namespace

void LiveMailbox::Push(LiveMail mail) {
  std::lock_guard lock(mu_);
  if (!open_) return;
  const bool first = mail_.empty();
  mail_.push_back(std::move(mail));
  // Within the lock: the loop cannot end in between.
  if (first) boost::asio::post(context_, [this] { sockets_.DrainMail(); });
}

void LiveMailbox::Take(std::vector<LiveMail>& out) {
  std::lock_guard lock(mu_);
  out.swap(mail_);
}

void LiveMailbox::Close() {
  std::vector<LiveMail> dropped;  // destroyed outside the lock
  std::lock_guard lock(mu_);
  open_ = false;
  dropped.swap(mail_);
}

LiveSockets::LiveSockets(Loop& loop)
    : loop_(loop), front_(loop.front()), mailbox_(std::make_shared<LiveMailbox>(loop.context(), *this)) {}

LiveSockets::~LiveSockets() { mailbox_->Close(); }

void LiveSockets::Adopt(Socket socket, WsOpening opening, std::string unsent, std::string received,
                        std::string counted_ip) {
  if (read_buffer_ == nullptr) read_buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  auto made =
      std::make_shared<WebSocket>(*this, std::move(socket), std::move(opening), std::move(counted_ip));
  sockets_.emplace(made.get(), made);
  made->Start(std::move(unsent), std::move(received));
}

void LiveSockets::Remove(WebSocket& socket) { sockets_.erase(&socket); }

std::vector<WebSocketPtr> LiveSockets::All() const {
  std::vector<WebSocketPtr> all;
  all.reserve(sockets_.size());
  for (const auto& [raw, socket] : sockets_) all.push_back(socket);
  return all;
}

void LiveSockets::OnTick(int64_t now_nanos, bool give_up) {
  if (sockets_.empty()) return;
  const bool check_idle = now_nanos >= heartbeat_at_nanos_;
  if (check_idle) {
    heartbeat_at_nanos_ = now_nanos + front_.settings.websocket.heartbeat_interval_secs * kNanosPerSecond;
  }
  for (const WebSocketPtr& socket : All()) socket->OnTick(now_nanos, check_idle, give_up);
}

void LiveSockets::BeginStop() {
  for (const WebSocketPtr& socket : All()) socket->OnStop();
}

void LiveSockets::End() { mailbox_->Close(); }

// Frames that came together for one socket leave in one write.
void LiveSockets::DrainMail() {
  mailbox_->Take(draining_);
  for (LiveMail& mail : draining_) {
    if (mail.socket->Take(mail)) touched_.push_back(std::move(mail.socket));
  }
  draining_.clear();
  if (draining_.capacity() > kKeptMailMax) draining_ = {};
  for (const WebSocketPtr& socket : touched_) socket->FlushTouched();
  touched_.clear();
  if (touched_.capacity() > kKeptMailMax) touched_ = {};
}

}  // namespace kalam::front
