// HttpServer over real sockets, with real accounts and a pretended executor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "front/server_for_test.h"
#include "sql/executor.h"

namespace kalam::sql {
namespace {

wire::SqlResponse Echo(const std::string& text, const std::string& user) {
  wire::SqlResponse response(1, SIZE_MAX);
  response.BeginStatement(user, false);
  const ResultColumn column[] = {{"text", Type(TypeKind::kText)}};
  response.Begin(column);
  const Value row[] = {Value::Text(text)};
  EXPECT_TRUE(response.Row(row));
  response.EndStatement({OutcomeKind::kRows, 1, {}});
  return response;
}

}  // namespace

// What became of requests that wait.
struct Seen {
  std::mutex mu;
  std::condition_variable changed;
  int begun = 0;    // guarded by mu
  int stopped = 0;  // guarded by mu; their clients had gone, or the server ended

  void Count(int Seen::* which) {
    std::lock_guard lock(mu);
    ++(this->*which);
    changed.notify_all();
  }
  // False when there is none within ten seconds.
  bool WaitFor(int Seen::* which) {
    std::unique_lock lock(mu);
    return changed.wait_for(lock, std::chrono::seconds(10), [&] { return this->*which > 0; });
  }
};

// Defined here, so that the linker takes this one and not the module's. What the SQL text begins with
// decides:
//   later..  answers from another thread    wait..  answers when the client is gone or Release was called
//   big..    a large answer                 drop..  never answers
//   fail..   an error                       other   echoes the text at once
struct Executor::Impl {
  struct Waiting {
    const Payload* payload;
    ExecuteDone done;
  };

  void Loop() {
    std::unique_lock lock(mu);
    while (!stop) {
      changed.wait_for(lock, std::chrono::milliseconds(1));
      std::vector<Waiting> ready;
      for (size_t i = 0; i < queue.size();) {
        const bool waits = queue[i].payload->sql.starts_with("wait") && !released;
        if (waits && !queue[i].payload->stop.stop_requested()) {
          ++i;
          continue;
        }
        if (waits) seen.Count(&Seen::stopped);
        ready.push_back(std::move(queue[i]));
        queue.erase(queue.begin() + static_cast<ptrdiff_t>(i));
      }
      lock.unlock();
      for (Waiting& waiting : ready) {
        waiting.done(Echo(std::string(waiting.payload->sql), waiting.payload->principal->user_id));
      }
      lock.lock();
    }
  }

  std::mutex mu;
  std::condition_variable changed;
  std::vector<Waiting> queue;
  bool released = false;
  bool stop = false;
  Seen seen;
  std::thread thread{[this] { Loop(); }};
};

namespace {
Seen* seen_requests = nullptr;
}

Executor::Executor(Services&) : impl_(std::make_unique<Impl>()) { seen_requests = &impl_->seen; }
Executor::~Executor() = default;

void Executor::Execute(const Payload& payload, ExecuteDone done) {
  if (payload.sql.starts_with("later") || payload.sql.starts_with("wait")) {
    std::lock_guard lock(impl_->mu);
    impl_->queue.push_back({&payload, std::move(done)});
    if (payload.sql.starts_with("wait")) impl_->seen.Count(&Seen::begun);
  } else if (payload.sql.starts_with("big")) {
    done(Echo(std::string(8 << 20, 'b'), payload.principal->user_id));
  } else if (payload.sql.starts_with("fail")) {
    done(std::unexpected(
        ExecutionError{Error(ErrorCode::kNotFoundTable, "Table 'secret' not found"), 1, true, "fail"}));
  } else if (!payload.sql.starts_with("drop")) {
    done(Echo(std::string(payload.sql), payload.principal->user_id));
  }
}

// What other doors would run: none is opened here.
bool Executor::Post(std::move_only_function<void()>) { return false; }

void Executor::Stop() {
  {
    std::lock_guard lock(impl_->mu);
    impl_->stop = true;
    impl_->released = true;
  }
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace kalam::sql

namespace kalam::front {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

TEST_F(ServerTest, Health) {
  StartServer();
  Client client(server_->port());
  client.Send("GET /health HTTP/1.1\r\n\r\nHEAD /v1/api/healthcheck HTTP/1.1\r\n\r\n");
  const Reply health = client.Read();
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, R"({"status":"healthy","version":"1.2.3","api_version":"v1","build_date":"today"})");
  const Reply head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.head, HasSubstr("Content-Length: 78"));
  client.Send("GET /health HTTP/1.1\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n");
  EXPECT_EQ(client.Read().status, 403);
  client.Send("GET /v1/api/cluster/health HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Read().body, HasSubstr(R"("is_cluster_mode":false)"));
}

TEST_F(ServerTest, WrongPathsAndMethods) {
  StartServer();
  Client client(server_->port());
  client.Send(
      "GET / HTTP/1.1\r\n\r\nGET /v1/api/sql HTTP/1.1\r\n\r\nGET /v1/api/auth/login HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(client.Read().status, 404);
  const Reply wrong = client.Read();
  EXPECT_EQ(wrong.status, 405);
  EXPECT_THAT(wrong.head, HasSubstr("Allow: POST\r\n"));
}

TEST_F(ServerTest, PipelinedAnswersKeepTheirOrder) {
  StartServer();
  Client client(server_->port());
  std::string requests;
  for (int i = 0; i < 60; ++i) {
    requests += Sql((i % 3 == 1 ? "later" : "now") + std::to_string(i),
                    "X-Request-ID: r" + std::to_string(i) + "\r\n");
  }
  // In pieces that cut requests anywhere.
  for (size_t at = 0; at < requests.size(); at += 1'001)
    client.Send(std::string_view(requests).substr(at, 1'001));
  for (int i = 0; i < 60; ++i) {
    const Reply reply = client.Read();
    ASSERT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr(R"("request_id":"r)" + std::to_string(i) + "\""));
    EXPECT_THAT(reply.body, HasSubstr((i % 3 == 1 ? "later" : "now") + std::to_string(i)));
  }
}

TEST_F(ServerTest, NullRouteAnswersOneRow) {
  StartServer();
  Client client(server_->port());
  client.Send(Post("/v1/api/null", R"({"sql":"x"})", Bearer()));
  EXPECT_THAT(client.Read().body, HasSubstr(R"("rows":[["42","hello"]],"row_count":1,"as_user":"alice")"));
  client.Send(Post("/v1/api/null", R"({"sql":"x"})"));
  EXPECT_EQ(client.Read().status, 401);
}

TEST_F(ServerTest, NullRouteIsOffByDefault) {
  settings_.server.enable_null_route = false;
  StartServer();
  Client client(server_->port());
  client.Send(Post("/v1/api/null", R"({"sql":"x"})", Bearer()));
  EXPECT_EQ(client.Read().status, 404);
}

TEST_F(ServerTest, Authentication) {
  StartServer();
  Client client(server_->port());
  client.Send(Post("/v1/api/sql", R"({"sql":"x"})"));
  const Reply missing = client.Read();
  EXPECT_EQ(missing.status, 401);
  EXPECT_THAT(missing.body,
              HasSubstr(R"("code":"MISSING_AUTHORIZATION","message":"Authentication required")"));
  client.Send(Post("/v1/api/sql", R"({"sql":"x"})", "Authorization: Bearer nonsense\r\n"));
  EXPECT_THAT(client.Read().body,
              HasSubstr(R"("code":"INVALID_CREDENTIALS","message":"Invalid credentials")"));
  client.Send(Sql("fail"));
  const Reply hidden = client.Read();
  EXPECT_EQ(hidden.status, 404);
  EXPECT_THAT(hidden.body, HasSubstr(R"("message":"SQL statement failed")"));
  EXPECT_THAT(hidden.body, Not(HasSubstr("secret")));
}

TEST_F(ServerTest, BadSqlRequests) {
  StartServer();
  Client client(server_->port());
  const auto code_of = [&](const std::string& request) {
    client.Send(request);
    const Reply reply = client.Read();
    EXPECT_EQ(reply.status, 400);
    const size_t at = reply.body.find(R"("code":")") + 8;
    return reply.body.substr(at, reply.body.find('"', at) - at);
  };
  EXPECT_EQ(code_of(Post("/v1/api/sql", "{", Bearer())), "INVALID_INPUT");
  EXPECT_EQ(code_of(Post("/v1/api/sql", "", Bearer())), "INVALID_INPUT");
  EXPECT_EQ(code_of(Post("/v1/api/sql", R"({"sql":"x","params":[[]]})", Bearer())), "INVALID_PARAMETER");
  EXPECT_EQ(code_of(Post("/v1/api/sql", R"({"sql":"x","namespace":"a/b"})", Bearer())), "INVALID_INPUT");
  EXPECT_EQ(code_of(Sql(std::string(1'048'577, 'x'))), "INVALID_SQL");
  EXPECT_EQ(code_of("POST /v1/api/sql HTTP/1.1\r\n" + Bearer() +
                    "Content-Type: multipart/form-data\r\nContent-Length: 0\r\n\r\n"),
            "INVALID_INPUT");
}

TEST_F(ServerTest, ChunkedBodies) {
  StartServer();
  Client client(server_->port());
  const std::string head = "POST /v1/api/sql HTTP/1.1\r\nContent-Type: application/json\r\n" + Bearer() +
                           "Transfer-Encoding: chunked\r\n\r\n";
  client.Send(head + "5\r\n{\"sql\r\n");
  client.Send("9\r\n\":\"hello\"\r\n1\r\n}\r\n0\r\n\r\n" + Sql("after"));
  EXPECT_THAT(client.Read().body, HasSubstr("hello"));
  EXPECT_THAT(client.Read().body, HasSubstr("after"));
  client.Send(head + "zz\r\n");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerTest, SizeLimits) {
  settings_.rate_limit.request_body_limit_bytes = 1'000;
  StartServer();
  {
    Client client(server_->port());
    client.Send(Sql(std::string(2'000, 'x')) + Sql("next"));
    const Reply reply = client.Read();
    EXPECT_EQ(reply.status, 413);
    EXPECT_THAT(reply.body, HasSubstr(R"("error":"BODY_TOO_LARGE")"));
    EXPECT_THAT(reply.body, HasSubstr(R"("max_bytes":1000)"));
    EXPECT_THAT(client.Read().body, HasSubstr("next"));  // the body was small enough to be passed over
  }
  {
    Client client(server_->port());
    client.Send("POST /v1/api/sql HTTP/1.1\r\n" + Bearer() + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n");
    EXPECT_EQ(client.Read().status, 413);
    EXPECT_TRUE(client.Ended());
  }
  {
    Client client(server_->port());
    client.Send("POST /v1/api/sql HTTP/1.1\r\nContent-Length: 9000000000\r\n\r\n");
    const Reply reply = client.Read();
    EXPECT_EQ(reply.status, 413);
    EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
    EXPECT_TRUE(client.Ended());
  }
  {
    Client client(server_->port());
    client.Send("GET /health HTTP/1.1\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.Read().status, 431);
    EXPECT_TRUE(client.Ended());
  }
}

TEST_F(ServerTest, ExpectContinue) {
  StartServer();
  Client client(server_->port());
  const std::string request = Sql("x", "Expect: 100-continue\r\n");
  const size_t body = request.find("\r\n\r\n") + 4;
  client.Send(request.substr(0, body));
  EXPECT_EQ(client.Read().status, 100);
  client.Send(request.substr(body));
  EXPECT_EQ(client.Read().status, 200);
  client.Send("POST /v1/api/sql HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(client.Read().status, 401);  // not asked to send it
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerTest, OldAndClosingClients) {
  StartServer();
  {
    Client client(server_->port());
    client.Send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /health HTTP/1.0\r\n\r\n");
    EXPECT_THAT(client.Read().head, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(client.Read().head, HasSubstr("Connection: close"));
    EXPECT_TRUE(client.Ended());
  }
  {
    Client client(server_->port());
    client.Send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\nGET /health HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client.Read().head, HasSubstr("Connection: close"));
    EXPECT_TRUE(client.Ended());
  }
  {
    Client client(server_->port());
    client.Send("GET / HTTP/2.0\r\n\r\n");
    EXPECT_EQ(client.Read().status, 505);
    EXPECT_TRUE(client.Ended());
  }
}

TEST_F(ServerTest, LargeAnswersToSlowReaders) {
  StartServer();
  Client client(server_->port(), 4'096);  // its buffer is full long before the answer is written
  client.Send(Sql("big") + Sql("big") + Sql("small"));
  EXPECT_GT(client.Read().body.size(), size_t{8} << 20);
  EXPECT_GT(client.Read().body.size(), size_t{8} << 20);
  EXPECT_THAT(client.Read().body, HasSubstr("small"));
}

TEST_F(ServerTest, SlowHeadsAndIdleConnectionsEnd) {
  settings_.performance.client_request_timeout = 1;
  settings_.performance.keepalive_timeout = 1;
  StartServer();
  Client slow(server_->port());
  Client idle(server_->port());
  slow.Send("GET /health HT");
  idle.Send("GET /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(idle.Read().status, 200);
  EXPECT_EQ(slow.Read().status, 408);
  EXPECT_TRUE(slow.Ended());
  EXPECT_TRUE(idle.Ended());
}

TEST_F(ServerTest, IdleConnectionsGoOn) {
  StartServer();
  Client client(server_->port());
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(3'100ms);  // the silence is the case: long enough to lose its buffers
    client.Send(Sql("later"));
    EXPECT_EQ(client.Read().status, 200);
  }
}

TEST_F(ServerTest, ConnectionLimit) {
  settings_.performance.max_connections = 2;
  StartServer();
  Client first(server_->port());
  Client second(server_->port());
  first.Send("GET /health HTTP/1.1\r\n\r\n");
  second.Send("GET /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(second.Read().status, 200);
  Client third(server_->port());
  const Reply refused = third.Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr(R"("error":"TOO_MANY_CONNECTIONS")"));
  EXPECT_TRUE(third.Ended());
}

TEST_F(ServerTest, RateLimits) {
  settings_.rate_limit.max_queries_per_sec = 2;
  settings_.rate_limit.max_requests_per_ip_per_sec = 3;
  StartServer();
  Client client(server_->port());
  std::map<int, int> statuses;
  for (int i = 0; i < 4; ++i) client.Send(Sql("x"));
  for (int i = 0; i < 4; ++i) ++statuses[client.Read().status];
  EXPECT_EQ(statuses[429], 2);
  statuses.clear();
  for (int i = 0; i < 5; ++i)
    client.Send("GET /x HTTP/1.1\r\nX-Forwarded-For: 9.9.9.9\r\nOrigin: http://o\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    const Reply reply = client.Read();
    ++statuses[reply.status];
    EXPECT_THAT(reply.head, HasSubstr("Access-Control-Allow-Origin: http://o"));
  }
  EXPECT_EQ(statuses[404], 3);
  EXPECT_EQ(statuses[429], 2);
}

TEST_F(ServerTest, ClientsThatLeaveStopTheirRequests) {
  StartServer();
  {
    Client client(server_->port());
    client.Send(Sql("wait"));
    ASSERT_TRUE(sql::seen_requests->WaitFor(&sql::Seen::begun));
  }
  EXPECT_TRUE(sql::seen_requests->WaitFor(&sql::Seen::stopped));
}

TEST_F(ServerTest, DroppedRequestsAreAnswered) {
  StartServer();
  Client client(server_->port());
  client.Send(Sql("drop") + Sql("x"));
  EXPECT_EQ(client.Read().status, 500);
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(ServerTest, StopLetsRunningRequestsAnswer) {
  StartServer();
  Client running(server_->port());
  Client idle(server_->port());
  running.Send(Sql("wait"));
  idle.Send("GET /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(idle.Read().status, 200);
  ASSERT_TRUE(sql::seen_requests->WaitFor(&sql::Seen::begun));
  const uint16_t port = server_->port();
  std::thread stopper([&] { server_->Stop(); });  // tells the request to stop after its deadline and a grace
  EXPECT_TRUE(idle.Ended());
  const Reply reply = running.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_TRUE(running.Ended());
  stopper.join();
  settings_.server.port = port;
  StartServer();  // the port is free again
}

TEST_F(ServerTest, PortInUseNamesHostAndPort) {
  StartServer();
  settings_.server.port = server_->port();
  HttpServer second(FrontServices{settings_, system_clock_, random_, *users_, *tokens_, *login_, *audit_,
                                  hashing_, executor_, topics_, metrics_, "1.2.3", "today"});
  const Status started = second.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kIo);
  EXPECT_THAT(started.error().message, HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
}

TEST_F(ServerTest, SetupLoginAndSession) {
  StartServer();
  Client client(server_->port());
  const auto post = [&](const std::string& path, const std::string& body, const std::string& headers = "") {
    client.Send(Post("/v1/api/auth/" + path, body, headers));
    return client.Read();
  };
  const auto get = [&](const std::string& path, const std::string& headers = "") {
    client.Send("GET /v1/api/auth/" + path + " HTTP/1.1\r\n" + headers + "\r\n");
    return client.Read();
  };
  EXPECT_THAT(get("status").body, HasSubstr(R"("needs_setup":true)"));
  EXPECT_EQ(post("login", R"({"user":"root","password":""})").status, 428);
  EXPECT_EQ(post("login", R"({"user":"root","password":"x","x":1})").status, 400);
  const std::string setup = R"({"user":"admin","password":"Adm1n-passw","root_password":"R00t-passw"})";
  EXPECT_EQ(post("setup", R"({"user":"admin","password":"short","root_password":"R00t-passw"})").status, 400);
  EXPECT_EQ(post("setup", R"({"user":"root","password":"Adm1n-passw","root_password":"R00t-passw"})").status,
            400);
  EXPECT_EQ(post("setup", R"({"user":"alice","password":"Adm1n-passw","root_password":"R00t-passw"})").status,
            409);
  EXPECT_EQ(post("setup", setup, "X-Forwarded-For: 9.9.9.9\r\n").status, 403);
  EXPECT_EQ(post("setup", setup).status, 200);
  EXPECT_EQ(post("setup", setup).status, 409);
  EXPECT_THAT(get("status").body, HasSubstr(R"("needs_setup":false)"));

  EXPECT_EQ(post("login", R"({"user":"admin","password":"wrong"})").status, 401);
  const Reply login = post("login", R"({"user":"admin","password":"Adm1n-passw"})");
  EXPECT_EQ(login.status, 200);
  EXPECT_THAT(login.body, HasSubstr(R"("admin_ui_access":true)"));
  EXPECT_THAT(login.head, HasSubstr("HttpOnly; SameSite=Strict; Path=/; Expires="));
  EXPECT_THAT(login.head, Not(HasSubstr("Secure")));
  const auto cookie = [&](const std::string& name) {
    const size_t at = login.head.find(name + "=") + name.size() + 1;
    return login.head.substr(at, login.head.find(';', at) - at);
  };
  EXPECT_EQ(get("me", "Cookie: kalamdb_auth=" + cookie("kalamdb_auth") + "\r\n").status, 200);
  EXPECT_EQ(get("me").status, 401);
  EXPECT_EQ(get("me", "Authorization: Bearer " + cookie("kalamdb_refresh") + "\r\n").status, 401);
  EXPECT_EQ(post("refresh", "", "Cookie: kalamdb_refresh=" + cookie("kalamdb_refresh") + "\r\n").status, 200);
  EXPECT_THAT(post("refresh", "", "Authorization: Bearer " + cookie("kalamdb_auth") + "\r\n").body,
              HasSubstr("Refresh endpoint requires a refresh token"));
  const Reply https = post("logout", "", "X-Forwarded-Proto: https\r\n");
  EXPECT_EQ(https.body, R"({"message":"Logged out successfully"})");
  EXPECT_THAT(
      https.head,
      HasSubstr(
          "kalamdb_auth=; HttpOnly; SameSite=Strict; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"));
}

}  // namespace
}  // namespace kalam::front
