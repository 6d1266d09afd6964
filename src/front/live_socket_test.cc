// Live sockets of a running server with a pretended backend: what other threads do to them while clients
// read, stall, and go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "front/live_backend.h"
#include "front/server_for_test.h"
#include "front/websocket_frame.h"
#include "wire/live_reply.h"

namespace kalam::front {
namespace {

using ::testing::StartsWith;
using namespace std::chrono_literals;

using OutletPtr = std::shared_ptr<live::Outlet>;

// Remembers who is connected and what was asked.
class FakeBackend final : public LiveBackend {
 public:
  uint64_t Connect(std::string connection_id, std::shared_ptr<const Principal> principal,
                   OutletPtr outlet) override {
    std::lock_guard lock(mu_);
    EXPECT_EQ(connection_id.size(), 32u);
    EXPECT_EQ(principal->user_id, "alice");
    const uint64_t key = ++last_key_;
    outlets_[key] = std::move(outlet);
    changed_.notify_all();
    return key;
  }
  void Subscribe(uint64_t key, wire::LiveSubscribe request) override { Note(key, "subscribe " + request.id); }
  void NextBatch(uint64_t key, wire::LiveNextBatch request) override {
    Note(key, "next " + request.subscription_id);
  }
  void Unsubscribe(uint64_t key, std::string id) override {
    Note(key, "unsubscribe " + id);
    std::function<void()> then;
    {
      std::lock_guard lock(mu_);
      then = std::exchange(at_unsubscribe_, nullptr);
    }
    if (then) then();
  }
  void OnDrained(uint64_t key) override { Note(key, "drained"); }
  void Disconnect(uint64_t key) override {
    std::lock_guard lock(mu_);
    EXPECT_EQ(outlets_.erase(key), 1u) << "disconnected twice, or never connected";
    changed_.notify_all();
  }

  // Done once, on the loop's thread, while it handles the next unsubscribe.
  void AtUnsubscribe(std::function<void()> then) {
    std::lock_guard lock(mu_);
    at_unsubscribe_ = std::move(then);
  }

  // The outlet of the only connection.
  OutletPtr WaitForOutlet() {
    std::unique_lock lock(mu_);
    EXPECT_TRUE(changed_.wait_for(lock, 10s, [&] { return outlets_.size() == 1; }));
    return outlets_.empty() ? nullptr : outlets_.begin()->second;
  }
  bool WaitFor(const std::string& event) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, 10s, [&] { return std::ranges::count(events_, event) > 0; });
  }
  bool WaitUntilEmpty() {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, 10s, [&] { return outlets_.empty(); });
  }
  std::vector<std::pair<uint64_t, OutletPtr>> All() {
    std::lock_guard lock(mu_);
    return {outlets_.begin(), outlets_.end()};
  }

 private:
  void Note(uint64_t key, std::string event) {
    std::lock_guard lock(mu_);
    EXPECT_TRUE(outlets_.contains(key));
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  std::mutex mu_;
  std::condition_variable changed_;
  uint64_t last_key_ = 0;
  std::map<uint64_t, OutletPtr> outlets_;
  std::vector<std::string> events_;
  std::function<void()> at_unsubscribe_;
};

// An upgraded client that reads whole frames.
class WsClient {
 public:
  WsClient(uint16_t port, const std::string& headers, const std::string& query = "compress=false")
      : client_(port) {
    client_.Send("GET /v1/ws?" + query +
                 " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                 headers + "\r\n");
    EXPECT_EQ(client_.Read(true).status, 101);
  }

  void SendText(std::string_view text) {
    std::string frame = "\x81";
    ASSERT_LE(text.size(), 125u);
    frame.push_back(static_cast<char>(0x80 | text.size()));
    frame.append(4, '\0').append(text);
    client_.Send(frame);
  }
  // The payload of the next frame; of a close frame "close <code> <reason>"; "end" when the server hung up.
  std::string Read() {
    const std::string head = client_.Take(2);
    if (head.size() < 2) return "end";
    auto size = static_cast<size_t>(static_cast<uint8_t>(head[1]));
    if (size >= 126) {
      const std::string more = client_.Take(size == 126 ? 2 : 8);
      size = 0;
      for (const char byte : more) size = size << 8 | static_cast<uint8_t>(byte);
    }
    std::string payload = client_.Take(size);
    if (payload.size() < size) return "end";
    if (head[0] != '\x88') return payload;
    const int code = static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
    return "close " + std::to_string(code) + " " + payload.substr(2);
  }

 private:
  Client client_;
};

class LiveSocketTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    live_ = &backend_;
    settings_.websocket.outbox_bytes = 64 << 10;
    StartServer();
  }
  std::unique_ptr<WsClient> Connect(const std::string& query = "compress=false") {
    auto client = std::make_unique<WsClient>(server_->port(), Bearer(), query);
    EXPECT_THAT(client->Read(), StartsWith(R"({"type":"auth_success","user":"alice")"));
    return client;
  }
  // When it returns, the loop has done everything that was asked of it before, as far as the socket took it.
  void RoundTrip(WsClient& client) {
    const std::string id = "trip" + std::to_string(++trips_);
    client.SendText(R"({"type":"unsubscribe","subscription_id":")" + id + R"("})");
    EXPECT_TRUE(backend_.WaitFor("unsubscribe " + id));
  }
  static wire::LiveBodyPtr Numbered(int thread, int number, size_t padding = 0) {
    return std::make_shared<const wire::LiveBody>(
        R"({"id":)",
        "," + std::to_string(thread) + "," + std::to_string(number) + std::string(padding, ' ') + "}",
        wire::LiveBody::Form::kText, wire::LiveBody::Compress::kNever);
  }

  FakeBackend backend_;
  int trips_ = 0;
  const wire::LiveIdPtr id_ = std::make_shared<const wire::LiveId>("s1");
};

TEST_F(LiveSocketTest, RequestsReachTheBackend) {
  auto client = Connect();
  client->SendText(R"({"type":"subscribe","subscription":{"id":"s1","sql":"SELECT 1"}})");
  client->SendText(R"({"type":"next_batch","subscription_id":"s1"})");
  client->SendText(R"({"type":"unsubscribe","subscription_id":"s1"})");
  EXPECT_TRUE(backend_.WaitFor("subscribe s1"));
  EXPECT_TRUE(backend_.WaitFor("next s1"));
  EXPECT_TRUE(backend_.WaitFor("unsubscribe s1"));
  client.reset();
  EXPECT_TRUE(backend_.WaitUntilEmpty());
}

TEST_F(LiveSocketTest, MessagesOfOneThreadKeepTheirOrder) {
  auto client = Connect();
  const OutletPtr outlet = backend_.WaitForOutlet();
  constexpr int kThreads = 4;
  constexpr int kMessages = 2'000;
  std::vector<std::thread> senders;
  for (int thread = 0; thread < kThreads; ++thread) {
    senders.emplace_back([&, thread] {
      for (int i = 0; i < kMessages; ++i)
        EXPECT_GT(outlet->Send(Numbered(thread, i, i % 40 == 0 ? 3'000 : 0), id_), 0u);
    });
  }
  std::vector<int> next(kThreads);
  for (int i = 0; i < kThreads * kMessages; ++i) {
    const std::string message = client->Read();
    int thread = -1;
    int number = -1;
    ASSERT_EQ(std::sscanf(message.c_str(), R"({"id":"s1",%d,%d)", &thread, &number), 2)
        << message.substr(0, 100);
    ASSERT_EQ(number, next[static_cast<size_t>(thread)]++);
  }
  for (std::thread& sender : senders) sender.join();
  // What was written counts no more.
  RoundTrip(*client);
  EXPECT_EQ(outlet->waiting_bytes(), 0u);
}

TEST_F(LiveSocketTest, AStalledClientIsWaitedForAndTold) {
  auto client = Connect();
  const OutletPtr outlet = backend_.WaitForOutlet();
  int sent = 0;
  // Until the socket's buffers are full, and the outbox behind them: the loop has tried to write more in
  // vain.
  for (int full = 0; full < 5;) {
    ASSERT_LT(sent, 100'000);
    if (full == 0) outlet->Send(Numbered(0, sent++, 30'000), id_);
    RoundTrip(*client);
    full = outlet->waiting_bytes() > outlet->bytes_max() ? full + 1 : 0;
  }
  outlet->WantDrained();
  EXPECT_GT(outlet->waiting_bytes(), outlet->bytes_max() / 2);
  for (int i = 0; i < sent; ++i)
    ASSERT_THAT(client->Read(), StartsWith(R"({"id":"s1",0,)" + std::to_string(i) + " "));
  EXPECT_TRUE(backend_.WaitFor("drained"));
  outlet->WantDrained();  // at once, but not on this stack
  outlet->Send(Numbered(1, 1), id_);
  EXPECT_EQ(client->Read(), R"({"id":"s1",1,1})");
}

// More waits for the socket than its client may let wait, when it would be read on; and all of it leaves with
// one write, so that nobody waits for room.
TEST_F(LiveSocketTest, ASocketThatWasFloodedIsReadAgain) {
  auto client = Connect("compress=true");
  const OutletPtr outlet = backend_.WaitForOutlet();
  constexpr size_t kBytes = 1u << 20;  // of blanks: a page of the network when they are compressed
  for (int round = 0; round < 3; ++round) {
    backend_.AtUnsubscribe([&] {
      const auto body = std::make_shared<const wire::LiveBody>(R"({"id":)", std::string(kBytes, ' ') + "}",
                                                               wire::LiveBody::Form::kText,
                                                               wire::LiveBody::Compress::kWhenSmaller);
      EXPECT_GT(outlet->Send(body, id_), kBytes);
    });
    RoundTrip(*client);
    const std::string frame = client->Read();
    EXPECT_THAT(frame, StartsWith("\x1f\x8b"));
    EXPECT_LT(frame.size(), 16'000u);
    RoundTrip(*client);
    EXPECT_EQ(outlet->waiting_bytes(), 0u);
  }
}

TEST_F(LiveSocketTest, CloseFromAnotherThread) {
  auto client = Connect();
  const OutletPtr outlet = backend_.WaitForOutlet();
  outlet->Close(1013, "too slow; resume from 42", live::Outlet::Rest::kDrop);
  EXPECT_EQ(client->Read(), "close 1013 too slow; resume from 42");
  EXPECT_TRUE(backend_.WaitUntilEmpty());
  EXPECT_EQ(outlet->Send(Numbered(0, 0), id_), 0u);
  outlet->WantDrained();
  outlet->Close(1000, "again", live::Outlet::Rest::kDrop);
  client.reset();
  server_->Stop();
  server_.reset();
  EXPECT_EQ(outlet->Send(Numbered(0, 0), id_), 0u) << "outlets outlive the server";
}

TEST_F(LiveSocketTest, CloseAfterWhatWaits) {
  auto client = Connect();
  const OutletPtr outlet = backend_.WaitForOutlet();
  constexpr int kMessages = 300;
  for (int i = 0; i < kMessages; ++i) outlet->Send(Numbered(0, i, 30'000), id_);
  outlet->Close(1008, "The user was dropped", live::Outlet::Rest::kSend);
  for (int i = 0; i < kMessages; ++i)
    ASSERT_THAT(client->Read(), StartsWith(R"({"id":"s1",0,)" + std::to_string(i) + " "));
  EXPECT_EQ(client->Read(), "close 1008 The user was dropped");
  EXPECT_TRUE(backend_.WaitUntilEmpty());
}

TEST_F(LiveSocketTest, ClientsComeAndGoWhileOthersSendAndTheServerStops) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; !stop; ++i) {
        for (const auto& [key, outlet] : backend_.All()) {
          if (outlet->waiting_bytes() < outlet->bytes_max()) outlet->Send(Numbered(thread, i), id_);
          if (i % 97 == 0) outlet->WantDrained();
          if (i % 1'009 == 1'008) outlet->Close(1013, "slow", live::Outlet::Rest::kDrop);
        }
      }
    });
  }
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    auto client = Connect();
    for (auto i = random() % 50; i > 0; --i) {
      if (const std::string message = client->Read(); message == "end" || message.starts_with("close")) break;
    }
  }
  auto last = Connect();
  server_->Stop();
  std::string message;
  while ((message = last->Read()).starts_with("{")) {
  }
  EXPECT_THAT(message,
              testing::AnyOf(StartsWith("close 1001 Server shutting down"), StartsWith("close 1013"), "end"));
  EXPECT_TRUE(backend_.WaitUntilEmpty());
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kalam::front
