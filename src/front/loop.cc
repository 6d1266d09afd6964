#include "front/loop.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <chrono>

#include "front/connection.h"
#include "front/live_sockets.h"
#include "wire/time_text.h"

namespace kalam::front {
namespace {

namespace asio = boost::asio;

constexpr auto kTick = std::chrono::milliseconds(500);

thread_local Loop* current_loop = nullptr;

}  // namespace

FrontShared::FrontShared(const FrontServices& services)
    : routes(services),
      cors(services.settings.security.cors),
      client_ips(services.settings.security.trusted_proxy_ranges),
      guard(services.settings.rate_limit),
      metrics(services.metrics),
      settings(services.settings),
      clock(services.clock) {}

Loop::Loop(FrontShared& front)
    : front_(front),
      context_(1),
      work_(asio::make_work_guard(context_)),
      tick_timer_(context_),
      live_(std::make_unique<LiveSockets>(*this)) {}

Loop::~Loop() {
  // A thread that gave the last answer may still be on its way out of Complete.
  while (completing_.load() != 0) std::this_thread::yield();
}

Loop* Loop::Current() { return current_loop; }

void Loop::StartThread(const std::string& name) {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

void Loop::JoinThread() {
  if (thread_.joinable()) thread_.join();
}

void Loop::Run() {
  current_loop = this;
  Enter();
  Tick();
  context_.run();
  Leave();
  current_loop = nullptr;
}

// Behind the sockets that are ready: the context puts them all into its queue before it runs the first.
void Loop::RunLater(std::function<void()> work) { asio::post(context_, std::move(work)); }

void Loop::Accept(Socket socket) {
  asio::post(context_, [this, socket = std::move(socket)]() mutable {
    if (stopping_) return;
    auto connection = std::make_shared<Connection>(*this, std::move(socket));
    connections_.emplace(connection.get(), connection);
    connection->Start();
  });
}

void Loop::Remove(Connection& connection) {
  connections_.erase(&connection);
  EndWhenDone();
}

void Loop::Complete(ConnectionPtr connection, HttpResponse response) {
  completing_.fetch_add(1);
  bool first = false;
  {
    std::lock_guard lock(mu_);
    first = completions_.empty();
    completions_.push_back({std::move(connection), std::move(response)});
  }
  // Answers that come together, as those of one commit do, wake the loop once.
  if (first) asio::post(context_, [this] { DrainCompletions(); });
  completing_.fetch_sub(1);
}

void Loop::DrainCompletions() {
  draining_.clear();
  {
    std::lock_guard lock(mu_);
    draining_.swap(completions_);
  }
  for (Completion& completion : draining_) {
    --outstanding_;
    completion.connection->OnAnswer(std::move(completion.response));
    completion.connection.reset();
  }
  draining_.clear();
  EndWhenDone();
}

void Loop::ScheduleTick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

void Loop::Tick() {
  coarse_nanos_ = front_.clock.MonotonicNanos();
  const int64_t seconds = front_.clock.WallMicros() / 1'000'000;
  if (seconds != date_seconds_) {
    date_seconds_ = seconds;
    date_line_ = "Date: " + wire::HttpDate(seconds) + "\r\n";
  }
  ticking_.reserve(connections_.size());
  for (const auto& [raw, connection] : connections_) ticking_.push_back(connection);
  const bool give_up = coarse_nanos_ >= stop_at_nanos_;
  for (const ConnectionPtr& connection : ticking_) connection->OnTick(coarse_nanos_, give_up);
  ticking_.clear();
  live_->OnTick(coarse_nanos_, give_up);
  if (!ended_) ScheduleTick();  // the last connection may just have been closed
}

void Loop::BeginStop(int64_t grace_nanos) {
  asio::post(context_, [this, grace_nanos] {
    if (stopping_) return;
    stopping_ = true;
    stop_at_nanos_ = front_.clock.MonotonicNanos() + grace_nanos;
    std::vector<ConnectionPtr> connections;
    for (const auto& [raw, connection] : connections_) connections.push_back(connection);
    for (const ConnectionPtr& connection : connections) connection->OnStop();
    live_->BeginStop();
    EndWhenDone();
  });
}

void Loop::EndWhenDone() {
  if (!stopping_ || !connections_.empty() || !live_->empty() || outstanding_ != 0) return;
  ended_ = true;
  live_->End();
  tick_timer_.cancel();
  work_.reset();
}

}  // namespace kalam::front
