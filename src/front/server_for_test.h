// An HttpServer over real sockets, with real accounts, and a blocking client; for the tests of front. The
// executor is the pretended one of server_test.cc.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "auth/audit_log.h"
#include "auth/login.h"
#include "auth/passwords.h"
#include "auth/test_store.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "front/live_backend.h"
#include "front/server.h"
#include "observe/metrics.h"
#include "sql/executor.h"
#include "sql/services.h"
#include "topics/topics.h"

namespace kalam::front {

struct Reply {
  int status = 0;  // 0: the connection ended
  std::string head;
  std::string body;
};

// One blocking connection.
class Client {
 public:
  // `receive_buffer`: bytes that the system takes for the client; 0 = as many as it likes.
  explicit Client(uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False when the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  Reply Read(bool head_only = false) {
    Reply reply;
    size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return reply;
    }
    reply.head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    const size_t at = reply.head.find("Content-Length: ");
    const size_t size = at == std::string::npos || head_only ? 0 : std::stoul(reply.head.substr(at + 16));
    while (input_.size() < size) {
      if (!Receive()) return {};
    }
    reply.body = input_.substr(0, size);
    input_.erase(0, size);
    return reply;
  }

  // The next bytes; fewer when the server closes or nothing comes.
  std::string Take(size_t size) {
    while (input_.size() < size) {
      if (!Receive()) break;
    }
    std::string taken = input_.substr(0, size);
    input_.erase(0, size);
    return taken;
  }

  // True when the server closes within ten seconds and sends nothing more.
  bool Ended() { return input_.empty() && !Receive() && input_.empty(); }

 private:
  bool Receive() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    char bytes[65'536];
    const ssize_t size = ::recv(fd_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    input_.append(bytes, static_cast<size_t>(size));
    return true;
  }

  int fd_;
  std::string input_;
};

class ServerTest : public auth::StoreTest {
 protected:
  void SetUp() override {
    auth::StoreTest::SetUp();
    settings_.server.port = 0;
    settings_.server.workers = 2;
    settings_.server.enable_null_route = true;
    settings_.rate_limit.max_queries_per_sec = 0;
    settings_.rate_limit.max_auth_requests_per_ip_per_sec = 0;
    settings_.auth.bcrypt_cost = 4;
    settings_.execution.handler_timeout_seconds = 1;
    auto users = auth::Users::Open(*store_, system_clock_, "");
    ASSERT_TRUE(users);
    users_ = std::move(*users);
    tokens_ =
        std::make_unique<auth::Tokens>(auth::TokenOptions{std::string(32, 's'), 24}, *users_, system_clock_);
    login_ = std::make_unique<auth::Login>(*users_, system_clock_);
    auto audit = auth::AuditLog::Open(*store_, system_clock_, random_, {});
    ASSERT_TRUE(audit);
    audit_ = std::move(*audit);
    auth::User alice;
    alice.user_id = "alice";
    alice.role = Role::kUser;
    ASSERT_TRUE(users_->Create(alice));
    token_ = tokens_->Issue(*users_->Find("alice"), auth::TokenType::kAccess).token;
  }

  void StartServer() {
    server_ = std::make_unique<HttpServer>(FrontServices{settings_, system_clock_, random_, *users_, *tokens_,
                                                         *login_, *audit_, hashing_, executor_, topics_,
                                                         metrics_, "1.2.3", "today", live_});
    const Status started = server_->Start();
    ASSERT_TRUE(started) << started.error().message;
  }

  void TearDown() override {
    if (server_) server_->Stop();
    server_.reset();
    executor_.Stop();
    hashing_.Stop();
    audit_.reset();
    login_.reset();
    tokens_.reset();
    users_.reset();
    auth::StoreTest::TearDown();
  }

  std::string Post(const std::string& path, const std::string& body, const std::string& headers = "") const {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::string Bearer() const { return "Authorization: Bearer " + token_ + "\r\n"; }
  std::string Sql(const std::string& text, const std::string& headers = "") const {
    return Post("/v1/api/sql", R"({"sql":")" + text + "\"}", Bearer() + headers);
  }

  SystemClock system_clock_;
  SystemRandom random_;
  config::Settings settings_;
  std::unique_ptr<auth::Users> users_;
  std::unique_ptr<auth::Tokens> tokens_;
  std::unique_ptr<auth::Login> login_;
  std::unique_ptr<auth::AuditLog> audit_;
  observe::Metrics metrics_;
  auth::HashingThread hashing_;
  // Never looked at by the executor above.
  alignas(sql::Services) std::byte no_services_[sizeof(sql::Services)];
  sql::Executor executor_{reinterpret_cast<sql::Services&>(no_services_)};
  // Nor by the routes that are asked here.
  alignas(topics::Topics) std::byte no_topics_[sizeof(topics::Topics)];
  topics::Topics& topics_ = reinterpret_cast<topics::Topics&>(no_topics_);
  LiveBackend* live_ = nullptr;
  std::unique_ptr<HttpServer> server_;
  std::string token_;
};

}  // namespace kalam::front
